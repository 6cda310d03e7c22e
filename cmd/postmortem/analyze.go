package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postmortem/analyzer"
	"postmortem/coreread"
	"postmortem/coreread/input"
)

// analyzeFlags are the flags of analyze, as given.
type analyzeFlags struct {
	output
	gates
	budget
	profiles
	ruleFlags
	progressFlags
	binaryDir  string
	inApp      []string
	force      bool
	showValues bool
	show       []string
	redact     bool
	meta       []string
	noHeap     bool
}

func newAnalyze(a *app) *cobra.Command {
	var fl analyzeFlags
	cmd := &cobra.Command{
		Use:   "analyze CORE [BINARY]",
		Short: "Report why the process died, from its core and its binary",
		Long: "Analyze reads an ELF core of a Go process and the binary that ran, and reports why it died, hung or bloated.\n\n" +
			"Both may be plain or compressed with zstd, gzip, xz or lz4; - reads standard input. BINARY may be left out with --binary-dir.",
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usagef("no core is given: postmortem analyze CORE BINARY")
			case len(args) > 2:
				return usagef("%d files are given: analyze takes one core and its binary", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return fl.run(cmd.Context(), a, args) },
	}
	fl.register(cmd.Flags())
	return cmd
}

func (fl *analyzeFlags) register(f *pflag.FlagSet) {
	f.SortFlags = false
	fl.output.flags(f)
	f.StringVar(&fl.binaryDir, "binary-dir", "", "find BINARY in `DIR` by its build id")
	f.StringArrayVar(&fl.inApp, "in-app", nil, "packages with this `PREFIX` count as one's own besides the main module; may repeat")
	fl.ruleFlags.flags(f)
	fl.gates.flags(f)
	f.BoolVar(&fl.force, "force", false, "go on although core and binary differ; the report says so, and nothing is more than possible")
	f.BoolVar(&fl.showValues, "show-values", false, "show contents of memory that are hidden by default")
	f.StringArrayVar(&fl.show, "show", nil, "show the values of one `label:KEY` that are hidden by default; may repeat")
	f.BoolVar(&fl.redact, "redact-messages", false, "hide what the runtime printed, too")
	f.StringArrayVar(&fl.meta, "meta", nil, "carry `KEY=VALUE` into the report; may repeat")
	f.BoolVar(&fl.noHeap, "no-heap", false, "skip the heap: goroutines and crash only")
	fl.profiles.flags(f)
	fl.budget.flags(f)
	fl.progressFlags.flags(f)
}

func (fl *analyzeFlags) run(ctx context.Context, a *app, args []string) error {
	core := coreread.Config{Core: args[0], BinaryDir: fl.binaryDir, Force: fl.force}
	if len(args) == 2 {
		core.Binary = args[1]
	}
	switch {
	case core.Binary == "" && core.BinaryDir == "":
		return usagef("no binary is given: name the one that ran after the core, or a directory that holds it with --binary-dir")
	case core.Binary != "" && core.BinaryDir != "":
		return usagef("a binary and --binary-dir are given: give one of them")
	case core.Core == "-" && core.Binary == "-":
		return usagef("core and binary cannot both come from standard input: give one as a file")
	}
	analysis, err := fl.analysis()
	if err := errors.Join(err, fl.gates.validate(), fl.budget.validate(), fl.profiles.validate(fl.noHeap)); err != nil {
		return &exitError{exitUsage, err}
	}
	set, err := fl.set()
	if err != nil {
		return err
	}
	targets, err := fl.targets(a)
	if err != nil {
		return err
	}
	ctx, stop := fl.start(ctx)
	defer stop()
	progress := fl.tell(a.stderr)
	core.Input = input.Options{TmpDir: fl.tmpDir, Progress: progress.unpacking}
	doc, err := pipeline(ctx, core, analysis, set, fl.profiles.write)
	progress.stop()
	if err != nil {
		return &exitError{exitInput, fl.explain(ctx, err)}
	}
	if s := fl.cut(ctx, doc); s != "" {
		fmt.Fprintln(a.stderr, "postmortem: "+s)
	}
	if !fl.quiet {
		fl.profiles.announce(a.stderr)
	}
	err = finish(a, doc, targets, &fl.gates)
	if fl.profiles.err != nil {
		return fl.profiles.err
	}
	return err
}

// analysis is what the flags say of the analysis itself.
func (fl *analyzeFlags) analysis() (analyzer.Config, error) {
	cfg := analyzer.Config{
		Tool:       tool(),
		InApp:      fl.inApp,
		Context:    map[string]string{},
		ShowValues: fl.showValues,
		ShowLabels: map[string]bool{},
		Redact:     fl.redact,
		NoHeap:     fl.noHeap,
		Profiles:   fl.profiles.dir != "",
	}
	for _, m := range fl.meta {
		k, v, ok := strings.Cut(m, "=")
		if !ok || k == "" {
			return cfg, usagef("--meta %s is not KEY=VALUE", m)
		}
		cfg.Context[k] = v
	}
	for _, s := range fl.show {
		key, ok := strings.CutPrefix(s, "label:")
		if !ok || key == "" {
			return cfg, usagef("--show %s is not label:KEY", s)
		}
		cfg.ShowLabels[key] = true
	}
	return cfg, nil
}
