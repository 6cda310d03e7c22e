package rules_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postmortem/analyzer/facts"
	"postmortem/rules"
	"postmortem/rules/rule"
)

// stuck is a process that hangs in a cycle of two locks, of which an outside signal
// hit a goroutine that has nothing to do with it. Ids and addresses begin at first.
func stuck(first int64, kind facts.CrashKind) *facts.Document {
	frames := func(functions ...string) (out []*facts.Frame) {
		out = append(out, &facts.Frame{Func: "sync.(*Mutex).Lock"})
		for i, fn := range functions {
			out = append(out, &facts.Frame{Func: fn, InApp: true, Line: facts.Some(int(first) + i), PC: facts.Some(facts.Word(first))})
		}
		return out
	}
	a, b, idle := first, first+1, first+2
	doc := &facts.Document{
		Target:       facts.Target{MainPackage: facts.Some("example.com/ledger")},
		Completeness: facts.Completeness{Identity: facts.IdentityVerified},
		Verdict:      facts.Verdict{Title: "ledger was ended by SIGABRT from outside", Severity: facts.SeverityError, Confidence: proven},
		Crash:        &facts.Crash{Kind: kind, Goroutine: facts.Some(idle), Frames: frames("main.idle"), Signal: &facts.Signal{Name: facts.Some("SIGABRT")}},
		Goroutines: &facts.Goroutines{
			Groups: []facts.Group{
				{ID: 1, Count: 1, Frames: frames("main.(*Ledger).Post", "main.serve"), GoidRanges: [][2]int64{{a, a}}},
				{ID: 2, Count: 1, Frames: frames("main.(*Cache).Evict", "main.sweep"), GoidRanges: [][2]int64{{b, b}}},
				{ID: 3, Count: 1, Frames: frames("main.idle"), GoidRanges: [][2]int64{{idle, idle}}},
			},
			List: []facts.Goroutine{{ID: a, Group: 1}, {ID: b, Group: 2}, {ID: idle, Group: 3}},
		},
		Waits: &facts.Waits{
			Resources: []facts.Resource{
				{ID: 7, Kind: facts.ResourceMutex, Name: facts.Some("main.Cache.mu"), Address: facts.Some(facts.Word(first))},
				{ID: 8, Kind: facts.ResourceMutex, Name: facts.Some("main.Ledger.mu")},
			},
			Cycles: []facts.WaitCycle{{Goroutines: []int64{a, b}, Resources: []int{7, 8}}},
		},
	}
	if kind == facts.CrashSignal {
		doc.Crash.Signal.Sender = &facts.Sender{Who: facts.SenderOther}
	}
	return doc
}

// cycle finds the cycle of stuck.
func cycle(s facts.Severity, c facts.Confidence) *rule.Rule {
	f := finding(s, c, 2)
	f.Title, f.Groups = "lock cycle of 2 goroutines", []int{3}
	f.Evidence = []facts.Evidence{{Kind: "wait", Text: "g1 → g2 → g1", Ref: "/waits/cycles/0"}}
	return fake("deadlock-cycle", f)
}

func TestVerdictComesFromTheWorstFinding(t *testing.T) {
	evict := []string{"main.(*Cache).Evict", "main.sweep"}
	aside := finding(warning, possible, 1)
	for _, tt := range []struct {
		name   string
		kind   facts.CrashKind
		rules  []*rule.Rule
		title  string
		grave  facts.Severity
		index  facts.Maybe[int]
		frames []string
	}{
		{"hang", facts.CrashAbortRequest, []*rule.Rule{fake("aside", aside), cycle(critical, likely)}, "ledger hung: lock cycle of 2 goroutines", critical, facts.Some(0), evict},
		{"less than critical", facts.CrashAbortRequest, []*rule.Rule{cycle(warning, likely)}, "ledger, ended by SIGABRT: lock cycle of 2 goroutines", severe, facts.Some(0), evict},
		{"snapshot", facts.CrashSnapshot, []*rule.Rule{cycle(severe, possible)}, "ledger was alive: lock cycle of 2 goroutines", severe, facts.Some(0), evict},
		{"signal from outside", facts.CrashSignal, []*rule.Rule{cycle(severe, likely)}, "ledger, killed by SIGABRT: lock cycle of 2 goroutines", severe, facts.Some(0), evict},
		{"deadlock", facts.CrashDeadlock, []*rule.Rule{fake("aside", aside), cycle(critical, proven)}, "ledger died: all goroutines are asleep: lock cycle of 2 goroutines", critical, facts.Some(0), evict},
		{"nothing certain", facts.CrashAbortRequest, []*rule.Rule{fake("aside", aside)}, "ledger was ended by SIGABRT from outside", severe, facts.Maybe[int]{}, nil},
		{"nothing", facts.CrashAbortRequest, nil, "ledger was ended by SIGABRT from outside", severe, facts.Maybe[int]{}, nil},
		{"a panic keeps its own", facts.CrashPanic, []*rule.Rule{cycle(critical, proven)}, "ledger was ended by SIGABRT from outside", severe, facts.Maybe[int]{}, []string{"main.idle"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc := stuck(100, tt.kind)
			doc.Signature = &facts.Signature{Scheme: facts.SignatureScheme, Fine: "f", Coarse: "c", Basis: "crash", Frames: []string{"main.idle"}}
			doc.Verdict.Signature = facts.Some("pm1:f")
			rules.Run(t.Context(), doc, tt.rules)
			v := doc.Verdict
			if v.Title != tt.title || v.Severity != tt.grave || v.Finding != tt.index {
				t.Errorf("title %q, severity %s, finding %v; want %q, %s, %v", v.Title, v.Severity, v.Finding, tt.title, tt.grave, tt.index)
			}
			var frames []string
			if s := doc.Signature; s != nil {
				frames = s.Frames
				if v.Signature != facts.Some("pm1:"+s.Fine) {
					t.Errorf("the verdict's signature is %v, the document's %+v", v.Signature, s)
				}
			} else if v.Signature.Known {
				t.Errorf("the verdict has the signature %v, the document none", v.Signature)
			}
			if diff := cmp.Diff(tt.frames, frames); diff != "" {
				t.Errorf("frames of the signature (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFindingExplainsCrash: the one with the crash's title, or else one that points
// to the crash.
func TestFindingExplainsCrash(t *testing.T) {
	named, points := finding(critical, proven, 1), finding(severe, proven, 1)
	named.Title = "ledger was ended by SIGABRT from outside"
	points.Evidence = []facts.Evidence{{Kind: "crash", Text: "it says so", Ref: "/crash/message"}}
	for name, f := range map[string]facts.Finding{"title": named, "evidence": points} {
		doc := stuck(100, facts.CrashPanic)
		rules.Run(t.Context(), doc, []*rule.Rule{cycle(severe, proven), fake("panic-cause", f)})
		i := doc.Verdict.Finding
		if i != facts.Some(0) && name == "evidence" {
			t.Errorf("what the process died of is at %v of %s", i, foundBy(doc))
		}
		if !i.Known || doc.Findings[i.V].Rule != "panic-cause" || doc.Verdict.Title != named.Title {
			t.Errorf("%s: the verdict %q rests on %v of %s", name, doc.Verdict.Title, i, foundBy(doc))
		}
	}
}

// TestSameBugSameNames: ids, addresses and the order of a cycle are chance;
// the names of locks are not.
func TestSameBugSameNames(t *testing.T) {
	names := func(change func(*facts.Document)) (fingerprint, fine, coarse string) {
		doc := stuck(100, facts.CrashAbortRequest)
		change(doc)
		rules.Run(t.Context(), doc, []*rule.Rule{cycle(critical, likely)})
		return doc.Findings[0].Fingerprint, doc.Signature.Fine, doc.Signature.Coarse
	}
	fingerprint, fine, coarse := names(func(*facts.Document) {})
	f, s, c := names(func(d *facts.Document) { *d = *stuck(9000, facts.CrashAbortRequest) })
	if f != fingerprint || s != fine || c != coarse {
		t.Errorf("another run: %s, %s, %s; want %s, %s, %s", f, s, c, fingerprint, fine, coarse)
	}
	f, s, _ = names(func(d *facts.Document) {
		c := &d.Waits.Cycles[0]
		c.Goroutines[0], c.Goroutines[1], c.Resources[0], c.Resources[1] = c.Goroutines[1], c.Goroutines[0], c.Resources[1], c.Resources[0]
	})
	if f != fingerprint || s != fine {
		t.Errorf("the cycle from its other end: %s, %s; want %s, %s", f, s, fingerprint, fine)
	}
	if f, _, _ = names(func(d *facts.Document) { d.Waits.Resources[0].Name = facts.Some("main.Store.mu") }); f == fingerprint {
		t.Error("a cycle of other locks has the same fingerprint")
	}
}

// TestOnePlaceOneFingerprint: findings of one rule at two places of one function, or
// in two closures of it, are two.
func TestOnePlaceOneFingerprint(t *testing.T) {
	leak := func(group int) facts.Finding {
		f := finding(severe, proven, 1)
		f.Groups = []int{group}
		return f
	}
	doc := stuck(100, facts.CrashAbortRequest)
	groups := doc.Goroutines.Groups
	for i, f := range []facts.Frame{{Func: "main.run.func1", Line: facts.Some(7)}, {Func: "main.run.func2", Line: facts.Some(7)}, {Func: "main.run.func2", Line: facts.Some(8)}} {
		f.InApp = true
		groups[i].Frames = []*facts.Frame{{Func: "runtime.gopark"}, &f}
	}
	rules.Run(t.Context(), doc, []*rule.Rule{fake("leak", leak(1), leak(2), leak(3), leak(3))})
	seen := map[string]int{}
	for _, f := range doc.Findings {
		seen[f.Fingerprint]++
	}
	if len(seen) != 3 {
		t.Errorf("%d fingerprints of three places: %v", len(seen), seen)
	}
}

// TestLongCycle has a stack for each goroutine.
func TestLongCycle(t *testing.T) {
	doc := stuck(1, facts.CrashAbortRequest)
	g, c := doc.Goroutines, &doc.Waits.Cycles[0]
	for id := int64(4); id < 50_000; id++ {
		g.Groups = append(g.Groups, facts.Group{ID: int(id), Frames: g.Groups[id%3].Frames})
		g.List = append(g.List, facts.Goroutine{ID: id, Group: int(id)})
		c.Goroutines, c.Resources = append(c.Goroutines, id), append(c.Resources, int(id))
	}
	start := time.Now()
	rules.Run(t.Context(), doc, []*rule.Rule{cycle(critical, likely)})
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestHostileEvidence points to what is not there.
func TestHostileEvidence(t *testing.T) {
	for _, ref := range []string{"", "/", "//", "/waits/cycles/1", "/waits/cycles/-1", "/waits/resources/x", "/heap/suspects/0", "/waits/leaks/groups/0", "/goroutines/list/9", "/waits/head_blockers/0", "crash"} {
		doc := stuck(100, facts.CrashAbortRequest)
		f := finding(critical, likely, 1)
		f.Evidence, f.Groups = []facts.Evidence{{Ref: ref}}, []int{99, -1, 1}
		doc.Goroutines.Groups[0].Frames = []*facts.Frame{nil}
		rules.Run(t.Context(), doc, []*rule.Rule{fake("a", f)})
		if doc.Rules[0].Status != facts.RuleFired || doc.Findings[0].Fingerprint == "" {
			t.Errorf("%q: %+v", ref, doc.Rules[0])
		}
	}
}
