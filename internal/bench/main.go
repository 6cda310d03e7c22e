// Bench measures postmortem on cores that it makes itself. By default a program
// with very many parked goroutines dies, and postmortem and Delve list the
// stacks of its core; with -heap a program with millions of objects times its
// own collector and dies, and postmortem explains its heap. Runs have a warm page cache.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// options are what the command line says.
type options struct {
	goroutines int
	runs       int
	dlv        string
	core       string
	binary     string
	toolchain  string
}

func main() {
	var opt options
	heap := flag.Bool("heap", false, "measure the heap part against the collector of the process")
	flag.IntVar(&opt.goroutines, "goroutines", 100_000, "goroutines of the dead process")
	flag.IntVar(&opt.runs, "runs", 0, "runs of postmortem (default 3, with -heap 5)")
	flag.StringVar(&opt.dlv, "dlv", "", "path of dlv; empty to measure postmortem alone")
	flag.StringVar(&opt.core, "core", "", "measure this core instead of making one, with -binary")
	flag.StringVar(&opt.binary, "binary", "", "binary of -core")
	flag.StringVar(&opt.toolchain, "toolchain", "", "`GOTOOLCHAIN` that builds the process of -heap")
	flag.Parse()
	measurement := stacks
	if *heap {
		measurement = heaps
	}
	if opt.runs == 0 {
		opt.runs = 3
		if *heap {
			opt.runs = 5
		}
	}
	if err := run(measurement, opt); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run builds postmortem and has it measured.
func run(measurement func(dir, tool string, opt options) error, opt options) error {
	dir, err := os.MkdirTemp("", "postmortem-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tool := filepath.Join(dir, "postmortem")
	if err := command("go", "build", "-o", tool, "./cmd/postmortem"); err != nil {
		return err
	}
	return measurement(dir, tool, opt)
}

func milliseconds(d time.Duration) string { return d.Round(time.Millisecond).String() }
