package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
	"github.com/spf13/cobra"

	"postmortem/analyzer/facts"
	"postmortem/internal/units"
	"postmortem/rules"
	"postmortem/rules/rule"
	"postmortem/rules/user"
)

func newRules(a *app) *cobra.Command {
	var paths []string
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List and show rules, and test your own",
		Long: "Rules ask the facts of a report and make its findings. Those of --rules are YAML files\n" +
			"that you write; docs/rules.md says how.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usagef("no command is given: postmortem rules list, rules show ID or rules test FILE")
		},
	}
	addRulesFlag(cmd.PersistentFlags(), &paths)
	format := "text"
	list := &cobra.Command{
		Use:   "list",
		Short: "List all rules, by id",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if format != "text" && format != "json" {
				return usagef("unknown format %q: known are text, json", format)
			}
			set, err := loadRules(paths)
			if err != nil {
				return err
			}
			return listRules(a.stdout, set, format == "json")
		},
	}
	list.Flags().StringVar(&format, "format", format, "`FORMAT` of the list: text, json")
	show := &cobra.Command{
		Use:   "show ID",
		Short: "Show what a rule means, in Markdown",
		Args:  one("rule", "postmortem rules show ID"),
		RunE: func(_ *cobra.Command, args []string) error {
			set, err := loadRules(paths)
			if err != nil {
				return err
			}
			r := rules.Find(set, args[0])
			if r == nil {
				return usagef("there is no rule %q: postmortem rules list names them", args[0])
			}
			_, err = io.WriteString(a.stdout, r.Doc)
			return err
		},
	}
	test := &cobra.Command{
		Use:   "test FILE",
		Short: "Check a file of rules, and run the examples in it",
		Args:  one("file of rules", "postmortem rules test FILE"),
		RunE:  func(cmd *cobra.Command, args []string) error { return testRules(cmd.Context(), a, args[0]) },
	}
	cmd.AddCommand(list, show, test)
	return cmd
}

// listedRule is one rule of the list as JSON.
type listedRule struct {
	ID       string         `json:"id"`
	Severity facts.Severity `json:"severity"`
	Title    string         `json:"title"`
	Needs    []rule.Part    `json:"needs"`
}

// listRules writes the rules by id.
func listRules(w io.Writer, set []*rule.Rule, asJSON bool) error {
	set = slices.SortedFunc(slices.Values(set), func(a, b *rule.Rule) int { return strings.Compare(a.ID, b.ID) })
	if asJSON {
		listed := []listedRule{}
		for _, r := range set {
			listed = append(listed, listedRule{r.ID, r.Severity, r.Title, append([]rule.Part{}, r.Needs...)})
		}
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(listed)
	}
	table := tablewriter.NewTable(w,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{Borders: tw.BorderNone, Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone}})),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAlignment(tw.AlignLeft),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithPadding(tw.Padding{Right: "  ", Overwrite: true}),
	)
	table.Header("id", "severity", "finds")
	for _, r := range set {
		if err := table.Append(r.ID, string(r.Severity), oneLine(r.Title)); err != nil {
			return err
		}
	}
	return table.Render()
}

// testRules runs the examples of a rule file, a line for each.
func testRules(ctx context.Context, a *app, path string) error {
	loaded, err := user.Load(path)
	var problems user.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			fmt.Fprintln(a.stdout, oneLine(p.Error()))
		}
		return &exitError{exitInput, fmt.Errorf("%s: %s found: mend them first", path, units.Plural(len(problems), "mistake"))}
	} else if err != nil {
		return &exitError{exitInput, err}
	}
	ran, failed := 0, 0
	for _, r := range loaded {
		if len(r.Examples) == 0 {
			fmt.Fprintf(a.stdout, "ok    %s: no examples\n", r.ID)
		}
		for _, e := range r.Examples {
			wrong, err := testExample(ctx, a, r, &e)
			if err != nil {
				return &exitError{exitInput, fmt.Errorf("%s: %w", e.At, err)}
			}
			ran++
			if wrong == "" {
				fmt.Fprintf(a.stdout, "ok    %s: %s\n", r.ID, oneLine(e.Name))
				continue
			}
			failed++
			fmt.Fprintf(a.stdout, "FAIL  %s: %s: %s: %s\n", r.ID, oneLine(e.Name), e.At, oneLine(wrong))
		}
	}
	if failed > 0 {
		return &exitError{exitFailOn, fmt.Errorf("%s: %d of %s failed", path, failed, units.Plural(ran, "example"))}
	}
	return nil
}

// testExample asks the rule of an example; it says what is not as it should be.
func testExample(ctx context.Context, a *app, r *user.Rule, e *user.Example) (wrong string, err error) {
	doc := e.Facts
	if doc == nil {
		if doc, err = readFacts(ctx, a, e.File); err != nil {
			return "", err
		}
	}
	rules.Run(ctx, doc, []*rule.Rule{r.Rule})
	status := doc.Rules[0]
	fires := status.Status == facts.RuleFired
	switch {
	case fires != e.Fires && fires:
		return fmt.Sprintf("it fires: %s", doc.Findings[0].Title), nil
	case status.Status == facts.RuleFailed, fires != e.Fires && status.Why != "":
		return fmt.Sprintf("it is %s: %s", status.Status, status.Why), nil
	case fires != e.Fires:
		return fmt.Sprintf("it is %s", status.Status), nil
	case fires && e.Title != "" && doc.Findings[0].Title != e.Title:
		return fmt.Sprintf("its title is %q, not %q", doc.Findings[0].Title, e.Title), nil
	}
	return "", nil
}
