package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"postmortem/analyzer/facts"
	"postmortem/coreread/input"
	"postmortem/report"
)

func newRender(a *app) *cobra.Command {
	var (
		out output
		ok  gates
	)
	cmd := &cobra.Command{
		Use:   "render FACTS.json",
		Short: "Write a saved JSON report in another format, with the same gates",
		Args:  one("report", "postmortem render FACTS.json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := ok.validate(); err != nil {
				return err
			}
			targets, err := out.targets(a)
			if err != nil {
				return err
			}
			doc, err := readFacts(cmd.Context(), a, args[0])
			if err != nil {
				return &exitError{exitInput, err}
			}
			return finish(a, doc, targets, &ok)
		},
	}
	out.flags(cmd.Flags())
	ok.flags(cmd.Flags())
	return cmd
}

// finish writes the reports, then applies the gates.
func finish(a *app, doc *facts.Document, targets []target, ok *gates) error {
	view := report.NewView(doc)
	for _, t := range targets {
		if err := t.write(a, func(w io.Writer, cfg report.Config) error { return report.Render(w, cfg, view) }); err != nil {
			return err
		}
	}
	return ok.check(doc)
}

// readFacts reads a report that --format json wrote. Keys that this version does
// not know are left out, and said to be.
func readFacts(ctx context.Context, a *app, path string) (*facts.Document, error) {
	f, err := input.Open(ctx, path, input.Options{})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var head struct {
		Schema     *string
		Goroutines *struct {
			ListTotal *int `json:"list_total"`
		}
	}
	const what = "is not a report of postmortem: give a file that --format json wrote"
	if err := json.Unmarshal(f.Data(), &head); err != nil {
		return nil, fmt.Errorf("%s %s (%w)", f.Name(), what, err)
	}
	switch {
	case head.Schema == nil || !strings.HasPrefix(*head.Schema, "postmortem/"):
		return nil, fmt.Errorf("%s %s", f.Name(), what)
	case *head.Schema != facts.Schema:
		return nil, fmt.Errorf("%s is of schema %q and this version reads %q: use the version of postmortem that wrote it", f.Name(), *head.Schema, facts.Schema)
	case head.Goroutines != nil && head.Goroutines.ListTotal != nil:
		return nil, fmt.Errorf("%s is a summary, which lacks most of the report: give a file that --format json wrote", f.Name())
	}
	doc := new(facts.Document)
	strict := json.NewDecoder(bytes.NewReader(f.Data()))
	strict.DisallowUnknownFields()
	if err := strict.Decode(doc); err == nil {
		return doc, nil
	}
	var wrongType *json.UnmarshalTypeError
	*doc = facts.Document{}
	if err := json.Unmarshal(f.Data(), doc); errors.As(err, &wrongType) {
		return nil, fmt.Errorf("%s is damaged: %s at byte %d is a %s: make it anew from the core", f.Name(), wrongType.Field, wrongType.Offset, wrongType.Value)
	} else if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w: make it anew from the core", f.Name(), err)
	}
	fmt.Fprintf(a.stderr, "postmortem: %s holds keys that this version does not know: they are left out; a newer postmortem shows them\n", oneLine(f.Name()))
	return doc, nil
}
