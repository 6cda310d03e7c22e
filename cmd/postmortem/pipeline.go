package main

import (
	"context"
	"errors"

	"postmortem/analyzer"
	"postmortem/analyzer/facts"
	"postmortem/coreread"
)

// pipeline is the one-way street from files to facts.
func pipeline(ctx context.Context, core coreread.Config, analysis analyzer.Config) (_ *facts.Document, err error) {
	snap, err := coreread.Open(ctx, core)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, snap.Close()) }()
	return analyzer.Analyze(ctx, snap, analysis), nil
}
