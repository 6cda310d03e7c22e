// Package analyzer turns the models of a dead process into the facts of a
// report: it runs one analysis after the other and joins what they say.
//
// It formats nothing and judges nothing beyond what the crash itself proves.
package analyzer

import (
	"context"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/frames"
	"postmortem/analyzer/groups"
	"postmortem/analyzer/heap"
	"postmortem/coreread"
	"postmortem/coreread/gort"
)

// Config says what to analyse and what may be shown.
type Config struct {
	Tool       facts.Tool
	InApp      []string          // package prefixes that count as the program's own besides the main module
	Context    map[string]string // carried into the report
	ShowValues bool              // show contents of memory that are hidden by default
	ShowLabels map[string]bool   // profiler labels whose values are shown
	Redact     bool              // hide what the runtime printed
	NoHeap     bool              // skip the heap
	Profiles   bool              // make profiles, too
}

func (c Config) showLabel(key string) bool { return c.ShowValues || c.ShowLabels[key] }

// analysis is one run: the models, and the document as far as it has come.
type analysis struct {
	cfg        Config
	snap       *coreread.Snapshot
	frames     *frames.Builder
	goroutines *groups.Result
	clocks     *gort.Clocks
	doc        *facts.Document

	crashDoubts []error        // what about the cause of death could not be read
	heap        *heap.Analysis // nil when it was not read
	heapProblem string         // why the heap part is absent or not whole, "" when it is

	waitsProblem string // the same of the waits
	profiles     []Profile
}

// Analyze writes the facts of the process, and with cfg.Profiles its profiles;
// those read the snapshot when they are written. When ctx ends, the parts that
// are not done are gaps of the report.
func Analyze(ctx context.Context, snap *coreread.Snapshot, cfg Config) (*facts.Document, []Profile) {
	a := begin(ctx, snap, cfg)
	a.describeThreads()
	a.describeScheduler()
	a.describeGC()
	a.describeCrash(ctx)
	a.describeHeap(ctx)
	a.describeWaits(ctx)
	a.judge()
	a.describeCompleteness()
	return a.doc, a.profiles
}

// begin starts an analysis with what all its parts need: the target and the goroutines.
func begin(ctx context.Context, snap *coreread.Snapshot, cfg Config) *analysis {
	info, _ := snap.Exe.BuildInfo() // a binary without one has no modules to name
	a := &analysis{
		cfg:    cfg,
		snap:   snap,
		frames: frames.NewBuilder(snap.Runtime, frames.NewModules(info, cfg.InApp)),
		doc: &facts.Document{
			Schema:  facts.Schema,
			Tool:    cfg.Tool,
			Context: cfg.Context,
		},
	}
	if a.doc.Context == nil {
		a.doc.Context = map[string]string{}
	}
	a.doc.Completeness.Sections = map[string]facts.Section{}
	a.clocks = snap.Runtime.Clocks()
	a.describeTarget(info)
	a.goroutines = groups.Collect(ctx, snap.Runtime, a.frames, groups.Options{
		ShowLabel: cfg.showLabel,
		Clocks:    a.clocks,
	})
	a.doc.Goroutines = a.goroutines.Goroutines
	return a
}
