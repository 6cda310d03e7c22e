// Package rule says what a rule is: a question that is asked of the facts of a
// report. It knows no rule and runs none, and a rule sees nothing but the facts,
// so that saved ones answer as the core did.
package rule

import (
	"context"

	"postmortem/analyzer/facts"
)

// Rule is one question and its documentation.
type Rule struct {
	// ID is its name in kebab case: "deadlock-cycle". It never changes.
	ID string
	// Title says in one line what it finds.
	Title string
	// Severity is the worst that it reports.
	Severity facts.Severity
	// Needs are the parts of the document without which it is skipped.
	Needs []Part
	// Doc is its documentation in Markdown: what it means, what to do, an example,
	// known false positives.
	Doc string
	// Check returns what it finds. It leaves Rule, Fingerprint and Docs empty, which
	// whoever runs it fills, and may leave nil what should be an empty array. It does
	// not change the document. Parts that it does not need may be nil.
	Check func(doc *facts.Document) []facts.Finding
	// Evaluate stands in for Check where a check can fail or take long. Docs may be
	// set. It ends soon after ctx does. An *UnknownError skips the rule.
	Evaluate func(ctx context.Context, doc *facts.Document) ([]facts.Finding, error)
	// Off is why the rule is not to be asked; "" when it is.
	Off string
}

// UnknownError says that the answer depends on what the document does not know.
type UnknownError struct{ Why string }

func (e *UnknownError) Error() string { return e.Why }

// Part is a part of the document.
type Part string

// The parts that a rule can need.
const (
	Crash      Part = "crash"
	Goroutines Part = "goroutines"
	Threads    Part = "threads"
	Scheduler  Part = "scheduler"
	GC         Part = "gc"
	Heap       Part = "heap"
	Waits      Part = "waits"
)

// Missing returns the first of the rule's parts that the document lacks; "" when
// it has all.
func (r *Rule) Missing(doc *facts.Document) Part {
	has := map[Part]bool{
		Crash: doc.Crash != nil, Goroutines: doc.Goroutines != nil, Threads: doc.Threads != nil, Scheduler: doc.Scheduler != nil,
		GC: doc.GC != nil, Heap: doc.Heap != nil, Waits: doc.Waits != nil,
	}
	for _, part := range r.Needs {
		if !has[part] {
			return part
		}
	}
	return ""
}
