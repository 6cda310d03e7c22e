package waits_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postmortem/analyzer"
	"postmortem/analyzer/facts"
	"postmortem/coreread"
	"postmortem/internal/testcores"
)

// process is a core with what its process knows, and what the report says.
type process struct {
	truth *testcores.Waits
	waits *facts.Waits
	now   int64 // on the runtime's clock
}

// analyzed are the processes that tests share, by the name of the core.
var analyzed = map[string]*process{}

func analyze(t *testing.T, c *testcores.Core) *process {
	t.Helper()
	if p := analyzed[c.Name]; p != nil {
		return p
	}
	snap, doc := read(t, c, analyzer.Config{ShowValues: true})
	if s := doc.Completeness.Sections[facts.PartWaits]; doc.Waits == nil || s.State != facts.SectionComplete {
		t.Fatalf("waits are %+v", s)
	}
	p := &process{waits: doc.Waits, now: snap.Runtime.Clocks().Now, truth: c.Truth(t).Waits}
	analyzed[c.Name] = p
	return p
}

// report returns the report on a core.
func report(t *testing.T, c *testcores.Core, cfg analyzer.Config) *facts.Document {
	t.Helper()
	_, doc := read(t, c, cfg)
	return doc
}

func read(t *testing.T, c *testcores.Core, cfg analyzer.Config) (*coreread.Snapshot, *facts.Document) {
	t.Helper()
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	doc, _ := analyzer.Analyze(context.Background(), snap, cfg)
	return snap, doc
}

// each runs a test on the cores of processes that know what their goroutines wait for.
func each(t *testing.T, test func(t *testing.T, p *process)) {
	for _, c := range testcores.All(t) {
		if c.Program == "waits" {
			t.Run(c.Name, func(t *testing.T) { test(t, analyze(t, c)) })
		}
	}
}

func (p *process) resource(id int) *facts.Resource {
	for i := range p.waits.Resources {
		if p.waits.Resources[i].ID == id {
			return &p.waits.Resources[i]
		}
	}
	return nil
}

func (p *process) at(address uint64) *facts.Resource {
	for i := range p.waits.Resources {
		if a := p.waits.Resources[i].Address; a.Known && uint64(a.V) == address && address != 0 {
			return &p.waits.Resources[i]
		}
	}
	return nil
}

func (p *process) edges(goroutine int64) (list []facts.WaitEdge) {
	for _, e := range p.waits.Edges {
		if e.Goroutine == goroutine {
			list = append(list, e)
		}
	}
	return list
}

// shape returns the goroutines of a shape, ascending.
func (p *process) shape(names ...string) (ids []int64) {
	for _, g := range p.truth.Goroutines {
		if slices.Contains(names, g.Shape) {
			ids = append(ids, g.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// TestDocumentHoldsTogether: numbers and totals fit, every edge leads to a resource
// that is listed, and all is in its order.
func TestDocumentHoldsTogether(t *testing.T) {
	each(t, func(t *testing.T, p *process) {
		w := p.waits
		waiters := map[int]map[int64]bool{}
		for _, e := range w.Edges {
			if p.resource(e.Resource) == nil {
				t.Errorf("goroutine %d waits for resource %d, which is not listed", e.Goroutine, e.Resource)
			}
			if waiters[e.Resource] == nil {
				waiters[e.Resource] = map[int64]bool{}
			}
			waiters[e.Resource][e.Goroutine] = true
		}
		for i, r := range w.Resources {
			if i > 0 && (r.ID <= w.Resources[i-1].ID || r.WaiterCount > w.Resources[i-1].WaiterCount) {
				t.Errorf("resource %d is not in its place", r.ID)
			}
			if r.WaiterCount != len(waiters[r.ID]) {
				t.Errorf("resource %d (%s %s): %d wait, the edges say %d", r.ID, r.Kind, r.Name.V, r.WaiterCount, len(waiters[r.ID]))
			}
		}
		if len(w.Resources) != w.ResourcesTotal || len(w.Edges) != w.EdgesTotal || len(w.Cycles) != w.CyclesTotal || len(w.HeadBlockers) != w.HeadBlockersTotal {
			t.Errorf("totals %d %d %d %d of arrays that nothing cuts", w.ResourcesTotal, w.EdgesTotal, w.CyclesTotal, w.HeadBlockersTotal)
		}
	})
}

// TestEdgesAreThoseOfTheProcess compares what each goroutine waits for.
func TestEdgesAreThoseOfTheProcess(t *testing.T) {
	each(t, func(t *testing.T, p *process) {
		for _, g := range p.truth.Goroutines {
			edges := p.edges(g.ID)
			for _, want := range g.Targets {
				if want.Kind == "nil-channel" && len(g.Targets) > 1 {
					continue // of a select: nothing is queued for it
				}
				found := slices.ContainsFunc(edges, func(e facts.WaitEdge) bool {
					r := p.resource(e.Resource)
					sends := e.Op == facts.OpSend
					return r != nil && string(r.Kind) == want.Kind && uint64(r.Address.V) == want.Address &&
						(want.Kind != "channel" || sends == want.Send) && (want.Case < 0 || e.Case.Known && e.Case.V == want.Case)
				})
				if !found && (want.Kind != "nil-channel" || g.Op != "select") {
					t.Errorf("goroutine %d (%s) waits for %+v; the report says %+v", g.ID, g.Shape, want, edges)
				}
			}
		}
	})
}

// TestNamesAreThoseOfTheProcess: a name is the right one or none.
func TestNamesAreThoseOfTheProcess(t *testing.T) {
	each(t, func(t *testing.T, p *process) {
		named := 0
		for _, l := range p.truth.Locks {
			r := p.at(l.Address)
			if r == nil || l.Name == "" || !r.Name.Known || strings.Contains(r.Name.V, " in ") {
				continue
			}
			named++
			// Without debug information no type tells what is in a variable.
			if rest, ok := strings.CutPrefix(l.Name, r.Name.V); !ok || rest != "" && rest[0] != '.' && rest[0] != '[' {
				t.Errorf("the lock %#x is called %s, it is %s", l.Address, r.Name.V, l.Name)
			}
		}
		if named < 3 {
			t.Errorf("only %d locks have a name", named)
		}
	})
}

// TestContextsAreThoseOfTheProcess compares chains of parents and deadlines.
func TestContextsAreThoseOfTheProcess(t *testing.T) {
	each(t, func(t *testing.T, p *process) {
		if len(p.truth.Contexts) == 0 {
			t.Fatal("the process tells of no context")
		}
		for _, want := range p.truth.Contexts {
			r := p.at(want.Done)
			if r == nil || r.Context == nil {
				t.Errorf("no context for the channel %#x of %s", want.Done, want.Chain)
				continue
			}
			if got := strings.Join(r.Context.Chain, " "); got != want.Chain {
				t.Errorf("context %#x: chain %s, want %s", want.Done, got, want.Chain)
			}
			if c := r.Context.Canceled; !c.Known || c.V {
				t.Errorf("context %#x: canceled is %+v", want.Done, c)
			}
			d := r.Context.DeadlineInNS
			if d.Known != (want.Deadline != 0) {
				t.Errorf("context %#x: deadline %+v, want %d", want.Done, d, want.Deadline)
			}
			for _, timer := range p.truth.Timers {
				// The context was made before its deadline was noted.
				if at := d.V + p.now; timer.Kind == "context" && timer.Channel == want.Done && (at < timer.FromNS || at > timer.ToNS+int64(100*time.Millisecond)) {
					t.Errorf("context %#x: its deadline is at %d on the runtime's clock, want %+v", want.Done, at, timer)
				}
			}
		}
	})
}

// TestPollsAreThoseOfTheProcess compares connections, files and what is waited for.
func TestPollsAreThoseOfTheProcess(t *testing.T) {
	each(t, func(t *testing.T, p *process) {
		for _, want := range p.truth.Polls {
			edges := p.edges(want.Goroutine)
			if want.Mode == "call" && len(edges) == 1 && edges[0].Op == facts.OpCall {
				if s := p.resource(edges[0].Resource).Syscall; s == nil || s.FD.Known && s.FD.V != int64(want.FD) {
					t.Errorf("goroutine %d is in a call for the descriptor %d; the report says %+v", want.Goroutine, want.FD, s)
				}
				continue
			}
			if len(edges) != 1 || p.resource(edges[0].Resource).Poll == nil || string(edges[0].Op) != want.Mode {
				t.Errorf("goroutine %d waits to %s the descriptor %d; the report says %+v", want.Goroutine, want.Mode, want.FD, edges)
				continue
			}
			r := p.resource(edges[0].Resource)
			got := r.Poll
			if want.Network == "pipe" {
				want.Network, want.Local, want.Remote = "", "", ""
			}
			network := strings.TrimRight(got.Network.V, "46")
			if got.FD.V != int64(want.FD) || network != want.Network || got.Local.V != want.Local || got.Remote.V != want.Remote {
				t.Errorf("goroutine %d: %+v, want %+v", want.Goroutine, *got, want)
			}
			if !r.Type.Known {
				t.Errorf("the descriptor %d has no type", want.FD)
			}
		}
		if len(p.truth.Polls) == 0 {
			t.Error("the process tells of no descriptor")
		}
	})
}

// TestSleepsAreThoseOfTheProcess compares when sleepers and timers are due.
func TestSleepsAreThoseOfTheProcess(t *testing.T) {
	each(t, func(t *testing.T, p *process) {
		compared := 0
		for _, want := range p.truth.Timers {
			var timer *facts.TimerState
			switch want.Kind {
			case "sleep":
				for _, e := range p.edges(want.Goroutine) {
					timer = p.resource(e.Resource).Timer
				}
			case "timer", "ticker":
				r := p.at(want.Channel)
				if r == nil || r.Channel == nil {
					continue // nobody waits for it
				}
				timer = r.Channel.Timer
			default:
				continue
			}
			compared++
			if timer == nil || !timer.FiresInNS.Known {
				t.Errorf("goroutine %d: no timer for %+v", want.Goroutine, want)
				continue
			}
			at := timer.FiresInNS.V + p.now
			// It fell asleep after it had noted when.
			if want.PeriodNS == 0 && (at < want.FromNS || at > want.ToNS+int64(100*time.Millisecond)) || timer.PeriodNS != want.PeriodNS {
				t.Errorf("goroutine %d: fires at %d with period %d, want %+v", want.Goroutine, at, timer.PeriodNS, want)
			}
		}
		if compared == 0 {
			t.Error("the process tells of no timer")
		}
	})
}

// TestCyclesAreThoseOfTheProcess: whoever waits in a circle is named, and nobody else.
func TestCyclesAreThoseOfTheProcess(t *testing.T) {
	circles := [][]string{
		{"cycle of two: accounts, then ledger", "cycle of two: ledger, then accounts"},
		{"cycle of two without defer: left, then right", "cycle of two without defer: right, then left"},
		{"cycle of three"},
		{"recursive reader with a writer between", "writer between a recursive reader's locks"},
		{"lock twice"},
		{"read lock under the own write lock"},
		{"write lock under the own read lock"},
		{"pair: one waits for the other's value", "pair: the other waits for the one's"},
		{"reader, writer, reader: the first waits for the second", "reader, writer, reader: the writer", "reader, writer, reader: the second"},
	}
	each(t, func(t *testing.T, p *process) {
		leaked := map[int64]bool{}
		for _, g := range p.truth.Goroutines {
			leaked[g.ID] = g.Verdict != testcores.VerdictLive
		}
		found := map[string]facts.WaitCycle{}
		for _, c := range p.waits.Cycles {
			ids := slices.Sorted(slices.Values(c.Goroutines))
			found[fmt.Sprint(ids)] = c
			for _, id := range ids {
				if !leaked[id] {
					t.Errorf("goroutine %d is in a cycle, and will go on: %v", id, c.Legs)
				}
			}
			for _, r := range c.Resources {
				if p.resource(r) == nil {
					t.Errorf("a cycle names resource %d, which is not listed", r)
				}
			}
			if len(c.Legs) != len(c.Goroutines) || len(c.Resources) != len(c.Goroutines) {
				t.Errorf("a cycle of %d goroutines has %d legs and %d resources", len(c.Goroutines), len(c.Legs), len(c.Resources))
			}
		}
		for _, shapes := range circles {
			ids := p.shape(shapes...)
			if c, ok := found[fmt.Sprint(ids)]; !ok && len(ids) > 0 {
				t.Errorf("no cycle of %v (%v)", ids, shapes)
			} else if behind := p.shape("behind a cycle of two"); shapes[0] == "cycle of two: accounts, then ledger" && c.Behind != len(behind) {
				t.Errorf("%d behind the cycle of %v, want %d", c.Behind, ids, len(behind))
			}
		}
	})
}

// TestHeadsAreThoseOfTheProcess: who sleeps under a lock has those behind it who want it.
func TestHeadsAreThoseOfTheProcess(t *testing.T) {
	each(t, func(t *testing.T, p *process) {
		heads := map[int64]facts.HeadBlocker{}
		for _, h := range p.waits.HeadBlockers {
			heads[h.Goroutine] = h
		}
		for _, want := range []struct {
			head          string
			direct, total int
		}{
			{"sleeps under a lock", len(p.shape("in a long queue behind a sleeper")), len(p.shape("in a long queue behind a sleeper"))},
			{"head of a chain of locks", 1, len(p.shape("link of a chain of locks"))},
			{"receive under a lock with a deferred unlock", 5, 5},
		} {
			for _, id := range p.shape(want.head) {
				if h := heads[id]; h.Direct != want.direct || h.Total != want.total {
					t.Errorf("goroutine %d (%s) has %d behind it directly and %d in all, want %d and %d", id, want.head, h.Direct, h.Total, want.direct, want.total)
				}
			}
		}
	})
}
