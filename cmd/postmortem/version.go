package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"postmortem/analyzer/facts"
)

// tool is this build, as far as the Go command recorded it.
func tool() facts.Tool {
	t := facts.Tool{Version: "devel"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return t
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		t.Version = v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			t.Commit = facts.Some(s.Value)
		}
	}
	return t
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of postmortem",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			t := tool()
			line := "postmortem " + t.Version
			if t.Commit.Known {
				line += " " + t.Commit.V
			}
			_, err := fmt.Fprintf(a.stdout, "%s %s %s/%s, writes %s\n", line, runtime.Version(), runtime.GOOS, runtime.GOARCH, facts.Schema)
			return outputError("standard output", err)
		},
	}
}
