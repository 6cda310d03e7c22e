package main

import (
	"context"
	"errors"

	"postmortem/analyzer"
	"postmortem/analyzer/facts"
	"postmortem/coreread"
	"postmortem/rules"
	"postmortem/rules/rule"
)

// pipeline is the one-way street from files to facts and findings. It gives the
// profiles that were found to export, which read the core and so are good until it
// returns only.
func pipeline(ctx context.Context, core coreread.Config, analysis analyzer.Config, set []*rule.Rule, export func([]profile)) (_ *facts.Document, err error) {
	snap, err := coreread.Open(ctx, core)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, snap.Close()) }()
	doc, found := analyzer.Analyze(ctx, snap, analysis)
	rules.Run(ctx, doc, set)
	var list []profile
	for _, p := range found {
		list = append(list, profile{p.Name, p.Write})
	}
	export(list)
	return doc, nil
}
