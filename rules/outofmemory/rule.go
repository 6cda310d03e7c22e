// Package outofmemory is the rule out-of-memory: the runtime asked the system for
// memory, was refused and ended the process. A kill by the kernel leaves no core.
package outofmemory

import (
	_ "embed"
	"fmt"
	"regexp"
	"strconv"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds processes that died of memory.
var Rule = &rule.Rule{
	ID:       "out-of-memory",
	Title:    "The system refused the runtime memory",
	Severity: facts.SeverityCritical,
	Needs:    []rule.Part{rule.Crash},
	Doc:      doc,
	Check:    check,
}

func check(doc *facts.Document) []facts.Finding {
	c := doc.Crash
	if c.Kind != facts.CrashOutOfMemory {
		return nil
	}
	f := rule.Death(doc, "out of memory")
	f.Title = rule.Line(fmt.Sprintf("%s died: out of memory%s", rule.Program(doc), lastToAsk(c)), rule.TitleCap)
	f.Summary = "The runtime asked the operating system for memory, was refused and ended the process."
	developer := "take a heap profile (/debug/pprof/heap) from a replica under the same load"
	asked, inUse, known := request(c)
	switch {
	case known && asked > inUse && asked >= 1<<20:
		f.Summary += fmt.Sprintf(" One request of %s was more than all %s that were in use: the request itself is what did not fit.", rule.Size(asked), rule.Size(inUse))
		developer = "where does the length come from? A length out of outside data needs a bound"
		if at := rule.Stood(c); at != "" {
			developer = "in " + at + ": " + developer
		}
	case c.Goroutine.Known:
		f.Summary += " " + rule.Subject(c) + " asked last; that does not make it the one that used the memory up."
	}
	if known {
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "crash", Text: fmt.Sprintf("the runtime printed: cannot allocate %d bytes, %d in use", asked, inUse), Ref: "/crash/runtime_print_tail"})
	}
	f.Evidence = append(f.Evidence, heap(doc)...)
	if len(f.Evidence) == 0 {
		f.Evidence = []facts.Evidence{{Kind: "crash", Text: "the runtime's own record says that memory ran out", Ref: "/crash/kind"}}
	}
	f.DependsOn = []string{"goroutine-leak", "goroutine-explosion", "heap-leak-suspect", "retained-by-goroutines", "thread-explosion"}
	if known && asked > inUse {
		f.DependsOn = nil
	}
	f.NextSteps = []facts.NextStep{
		rule.OnCall("look at the memory limit of the container or of the user (ulimit -v) and at the host's free memory at that time; a restart helps until it fills again"),
		rule.Developer(developer),
	}
	f.Unknowns = []facts.Unknown{{What: "the limit of the container or the host that was reached: it is not in a core", WouldTell: "the kernel log and the orchestrator"}}
	return []facts.Finding{f}
}

// refused is the runtime's line about a request that failed (mheap.go, grow,
// 1.18 to 1.27).
var refused = regexp.MustCompile(`cannot allocate (\d+)-byte block \((\d+) in use\)`)

// request is what was asked for and what was in use, as the runtime printed it.
func request(c *facts.Crash) (asked, inUse uint64, known bool) {
	m := refused.FindStringSubmatch(c.RuntimePrintTail.V)
	if !c.RuntimePrintTail.Known || m == nil {
		return 0, 0, false
	}
	asked, err1 := strconv.ParseUint(m[1], 10, 64)
	inUse, err2 := strconv.ParseUint(m[2], 10, 64)
	return asked, inUse, err1 == nil && err2 == nil
}

// heap is what the heap was like.
func heap(doc *facts.Document) []facts.Evidence {
	var out []facts.Evidence
	if gc := doc.GC; gc != nil && gc.HeapLiveBytes.Known {
		out = append(out, facts.Evidence{Kind: "gc", Text: "the heap was " + rule.Size(gc.HeapLiveBytes.V), Ref: "/gc/heap_live_bytes"})
	}
	if h := doc.Heap; h != nil && h.MappedBytes.Known {
		out = append(out, facts.Evidence{Kind: "heap", Text: "the process had mapped " + rule.Size(h.MappedBytes.V), Ref: "/heap/mapped_bytes"})
	}
	return out
}

// lastToAsk names who asked for memory last, who need not be who used it up.
func lastToAsk(c *facts.Crash) string {
	if in := rule.In(c); in != "" {
		return ", last asked for" + in
	}
	return ""
}
