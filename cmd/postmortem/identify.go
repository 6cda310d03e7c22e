package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"postmortem/analyzer"
	"postmortem/coreread"
	"postmortem/coreread/input"
	"postmortem/report"
)

func newIdentify(a *app) *cobra.Command {
	var (
		out    output
		tmpDir string
		tells  progressFlags
	)
	cmd := &cobra.Command{
		Use:   "identify CORE",
		Short: "Say what a core is of: build, Go version, module, revision, signal; no binary needed",
		Args:  one("core", "postmortem identify CORE"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			targets, err := out.targets(a)
			if err != nil {
				return err
			}
			for _, t := range targets {
				if t.format == report.JSONSummary {
					return usagef("identify has no summary: its formats are text, markdown and json")
				}
			}
			told := tells.tell(a.stderr)
			id, err := coreread.Identify(cmd.Context(), args[0], input.Options{TmpDir: tmpDir, Progress: told.unpacking})
			told.stop()
			if err != nil {
				return &exitError{exitInput, err}
			}
			defer func() { err = errors.Join(err, id.Close()) }()
			doc := analyzer.Identify(id, tool())
			for _, t := range targets {
				if err := t.write(a, func(w io.Writer, cfg report.Config) error { return report.RenderIdentity(w, cfg, doc) }); err != nil {
					return err
				}
			}
			return nil
		},
	}
	out.flags(cmd.Flags())
	cmd.Flags().StringVar(&tmpDir, "tmpdir", "", "unpack compressed inputs in `DIR` (default the system's)")
	tells.flags(cmd.Flags())
	return cmd
}
