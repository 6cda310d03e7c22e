package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
)

// profiles is where the profiles go that go tool pprof reads.
type profiles struct {
	dir     string
	written []string // names of the files
	err     error    // the first that could not be written
}

// profile is one of them: "heap", "retained", "block" or "mutex".
type profile struct {
	name  string
	write func(io.Writer) error // in pprof's format, gzipped
}

func (p *profiles) flags(f *pflag.FlagSet) {
	f.StringVar(&p.dir, "pprof-out", "", "write profiles for go tool pprof into `DIR`, which is made if needed: heap.pb.gz, retained.pb.gz, and block.pb.gz and mutex.pb.gz where they were on")
}

// validate makes the directory, before any work is done.
func (p *profiles) validate(noHeap bool) error {
	switch {
	case p.dir == "":
		return nil
	case noHeap:
		return usagef("--pprof-out and --no-heap exclude each other: profiles are made of the heap part")
	}
	if err := os.MkdirAll(p.dir, 0o777); err != nil {
		return usagef("--pprof-out %s cannot be made: %w", p.dir, cause(err))
	}
	return nil
}

// write writes each profile whole or not at all. The others are written even if one
// cannot be.
func (p *profiles) write(list []profile) {
	if p.dir == "" {
		return
	}
	for _, one := range list {
		name := one.name + ".pb.gz"
		path := filepath.Join(p.dir, name)
		switch err := writeWhole(path, one.write); {
		case err == nil:
			p.written = append(p.written, name)
		case p.err == nil:
			p.err = &exitError{exitInput, fmt.Errorf("writing %s: %w: the profile is not there; make room or choose another place", path, cause(err))}
		}
	}
}

// announce says what was written.
func (p *profiles) announce(stderr io.Writer) {
	switch {
	case p.dir == "":
	case len(p.written) == 0:
		fmt.Fprintf(stderr, "postmortem: no profile was written to %s: the heap part could not be read; the report's completeness says why\n", oneLine(p.dir))
	default:
		fmt.Fprintf(stderr, "postmortem: wrote %s to %s\n", strings.Join(p.written, ", "), oneLine(p.dir))
	}
}
