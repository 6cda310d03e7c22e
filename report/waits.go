package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
)

const (
	shownCycles    = 5
	shownLegs      = 10 // of one cycle
	shownBlockers  = 5
	shownResources = 20
	shownLeaks     = 10
	shownHolders   = 3 // of one resource
)

// resource finds a resource of the document, nil when it is not listed.
func (a *author) resource(id int) *facts.Resource {
	if a.doc.Waits == nil {
		return nil
	}
	if a.resources == nil {
		a.resources = make(map[int]*facts.Resource, len(a.doc.Waits.Resources))
		for i := range a.doc.Waits.Resources {
			r := &a.doc.Waits.Resources[i]
			a.resources[r.ID] = r
		}
	}
	return a.resources[id]
}

// called is a resource as a sentence names it: "`main.Store.mu`", "a channel of
// `main.Job` at 0xc000012345".
func (a *author) called(r *facts.Resource) text {
	switch {
	case r == nil:
		return say("something that is not listed")
	case r.Name.Known:
		return say(lit(a.fn(r.Name.V)))
	}
	t := say(kindWord(r.Kind))
	if r.Type.Known && r.Type.V != "" {
		t = a.typ(r.Type)
	}
	if r.Address.Known {
		t = say(t, " ", lit(hex(r.Address.V)))
	}
	return t
}

// kindWords name what has no type or name.
var kindWords = map[facts.ResourceKind]string{
	facts.ResourceNilChannel: "a nil channel",
	facts.ResourceNothing:    "select {}",
	facts.ResourceMutex:      "a mutex",
	facts.ResourceRWMutex:    "a read-write mutex",
	facts.ResourceWaitGroup:  "a WaitGroup",
	facts.ResourceCond:       "a condition variable",
	facts.ResourceFDLock:     "the lock of a file or connection",
	facts.ResourcePoll:       "a file descriptor",
	facts.ResourceSyscall:    "a system call",
	facts.ResourceC:          "C code",
	facts.ResourceSleep:      "time.Sleep",
	facts.ResourceWorld:      "the world to be stopped or started",
	facts.ResourceGC:         "the collector",
	facts.ResourceIdle:       "work of the runtime",
	facts.ResourceOther:      "something unknown",
}

func kindWord(k facts.ResourceKind) string {
	if w, ok := kindWords[k]; ok {
		return w
	}
	return "a " + string(k)
}

// cyclePart is the deadlocks: each goroutine with what it holds and what it waits for.
func (a *author) cyclePart() []block {
	w := a.doc.Waits
	if w == nil || len(w.Cycles) == 0 {
		return nil
	}
	var out []block
	for i := range w.Cycles[:min(shownCycles, len(w.Cycles))] {
		out = append(out, a.cycle(&w.Cycles[i])...)
	}
	if left := w.CyclesTotal - shownCycles; left > 0 {
		out = append(out, paragraph{say("… and ", plural(left, "more cycle"), " (", lit("--format json"), ").")})
	}
	return out
}

func (a *author) cycle(c *facts.WaitCycle) []block {
	t := table{head: []string{"", "holds", "waits for", "at"}, right: []bool{false, false, false, false}}
	n := len(c.Goroutines)
	for i := range c.Goroutines[:min(n, shownLegs)] {
		held := a.resource(c.Resources[(i+n-1)%n])
		holds := a.called(held)
		if h := holderOf(held, c.Goroutines[i]); h != nil && h.TakenAt != nil {
			holds = say(holds, below(), "taken in ", a.site(h.TakenAt))
		}
		t.rows = append(t.rows, []text{say(goid(c.Goroutines[i])), holds, a.called(a.resource(c.Resources[i])), a.standsAt(c.Goroutines[i])})
	}
	t.dropEmpty()
	foot := say(bold(string(c.Confidence)))
	if n == 1 {
		foot = say(foot, ": one goroutine waits for what it holds itself")
	} else {
		foot = say(foot, fmt.Sprintf(": a cycle of %d goroutines", n))
	}
	if n > shownLegs {
		foot = say(foot, fmt.Sprintf(", the first %d above", shownLegs))
	}
	if in := spread(c.Knot); in > n {
		foot = say(foot, fmt.Sprintf(", the shortest in a knot of %s", plural(in, "goroutine")))
	}
	if c.Behind > 0 {
		foot = say(foot, ", ", plural(c.Behind, "more goroutine"), " behind it")
	}
	out := []block{t, paragraph{say(foot, ".")}}
	var notes bullets
	for i, g := range c.Goroutines[:min(n, shownLegs)] {
		if h := holderOf(a.resource(c.Resources[(i+n-1)%n]), g); h != nil {
			for _, e := range h.Evidence {
				notes = append(notes, say(lit(goid(g)), " (", string(h.Confidence), "): ", oneLine(e, evidenceWidth)))
			}
		}
	}
	if len(notes) > 0 {
		out = append(out, notes)
	}
	return out
}

// holderOf finds what is known of a goroutine as holder of a resource, nil if nothing is.
func holderOf(r *facts.Resource, goroutine int64) *facts.Holder {
	if r == nil {
		return nil
	}
	for i := range r.Holders {
		if r.Holders[i].Goroutine == goroutine {
			return &r.Holders[i]
		}
	}
	return nil
}

// spread is how many ids ranges hold.
func spread(ranges [][2]int64) int {
	n := 0
	for _, r := range ranges {
		n += int(r[1] - r[0] + 1)
	}
	return n
}

// standsAt is where a goroutine stands, "—" when that is not known.
func (a *author) standsAt(id int64) text {
	if g := a.groupOf(id); g != nil {
		if f := blame(g.Frames); f != nil {
			return a.at(f)
		}
	}
	return say("—")
}

// groupOf is the group of a goroutine, nil when unknown.
func (a *author) groupOf(id int64) *facts.Group {
	if a.groupsOf == nil {
		a.groupsOf = make(map[int64]int, len(a.goroutines.List))
		for i := range a.goroutines.List {
			a.groupsOf[a.goroutines.List[i].ID] = a.goroutines.List[i].Group
		}
	}
	group, ok := a.groupsOf[id]
	if !ok {
		return nil
	}
	return a.groupByID(group)
}

// waitsPart is who waits for what: who holds others up, what most wait for, and
// what nothing will wake.
func (a *author) waitsPart() []block {
	w := a.doc.Waits
	if w == nil {
		return a.missingPart("waits")
	}
	var out []block
	if lines := a.blockers(w); len(lines) > 0 {
		out = append(out, lines)
	}
	if t, ok := a.resourceTable(w); ok {
		out = append(out, t)
	}
	if t := a.overdue(w); t != nil {
		out = append(out, paragraph{t})
	}
	return append(out, a.leakPart(w.Leaks)...)
}

// blockers are the goroutines that hold up the most others.
func (a *author) blockers(w *facts.Waits) bullets {
	var out bullets
	for _, b := range w.HeadBlockers[:min(shownBlockers, len(w.HeadBlockers))] {
		t := say("Head blocker ", lit(goid(b.Goroutine)), ": ", plural(b.Total, "goroutine"), " wait", third(b.Total), " behind it")
		if b.Direct < b.Total {
			t = say(t, ", ", count(b.Direct), " directly")
		}
		if len(b.Resources) > 0 {
			t = say(t, ", for ", a.called(a.resource(b.Resources[0])))
			if more := len(b.Resources) - 1; more > 0 {
				t = say(t, fmt.Sprintf(" and %s", plural(more, "more resource")))
			}
		}
		t = say(t, "; it ")
		if g := a.groupOf(b.Goroutine); g != nil {
			t = say(t, "is ", a.state(g), " ")
		}
		out = append(out, say(t, "at ", a.standsAt(b.Goroutine), " (", string(b.Confidence), ")."))
	}
	if left := w.HeadBlockersTotal - shownBlockers; left > 0 && len(out) > 0 {
		out = append(out, say("… and ", plural(left, "more head blocker"), "."))
	}
	return out
}

// quiet reports whether nobody looks for a resource in a list of waits: work for the
// runtime's own goroutines.
func quiet(r *facts.Resource) bool {
	return r.Kind == facts.ResourceIdle || r.Name.Known && strings.HasPrefix(r.Name.V, "runtime.")
}

// alike are resources that differ in address and state only, with few waiters each.
type alike struct {
	first   *facts.Resource
	count   int // of resources
	waiters int // of all
}

// fewWaiters is how many waiters a resource has that is folded with others like it.
const fewWaiters = 3

// folded are the resources in the order of the document; those that are alike are one.
func folded(w *facts.Waits) []*alike {
	type key struct {
		kind       facts.ResourceKind
		name, typ  string
		listening  bool
		senders    int
		held       bool
		ticks      bool
		ofAContext bool
		remote     string // where several connections lead to it
	}
	remotes := make(map[string]int)
	for i := range w.Resources {
		if p := w.Resources[i].Poll; p != nil {
			remotes[p.Remote.V]++
		}
	}
	var out []*alike
	known := make(map[key]*alike)
	for i := range w.Resources {
		r := &w.Resources[i]
		if r.WaiterCount == 0 || quiet(r) {
			continue
		}
		if r.WaiterCount > fewWaiters {
			out = append(out, &alike{r, 1, r.WaiterCount})
			continue
		}
		k := key{kind: r.Kind, name: r.Name.V, typ: r.Type.V, held: len(r.Holders) > 0, ofAContext: r.Context != nil}
		if r.Poll != nil {
			k.listening = r.Poll.Listening.V
			if remotes[r.Poll.Remote.V] > 1 {
				k.remote = r.Poll.Remote.V
			}
		}
		if r.Channel != nil {
			k.senders, k.ticks = min(r.Channel.Senders, 1), r.Channel.Timer != nil
		}
		if same := known[k]; same != nil {
			same.count++
			same.waiters += r.WaiterCount
			continue
		}
		known[k] = &alike{r, 1, r.WaiterCount}
		out = append(out, known[k])
	}
	return out
}

// resourceTable has what most goroutines wait for.
func (a *author) resourceTable(w *facts.Waits) (table, bool) {
	t := table{head: []string{"waiting", "for", "state", "held by"}, right: []bool{true, false, false, false}}
	list := folded(w)
	slices.SortStableFunc(list, func(x, y *alike) int {
		return cmp.Compare(y.waiters, x.waiters)
	})
	for _, like := range list[:min(shownResources, len(list))] {
		r := like.first
		what := a.called(r)
		if r.Name.Known && r.Type.Known {
			what = say(what, below(), a.typ(r.Type))
		}
		state := say(stateOf(r))
		if like.count > 1 {
			what = say(what, " and ", count(like.count-1), " more like it")
			if s := stateOf(r); s != "" {
				state = say("of the first: ", s)
			}
		}
		t.rows = append(t.rows, []text{say(count(like.waiters)), what, state, a.heldBy(r)})
	}
	if left := len(list) - shownResources; left > 0 {
		t.rows = append(t.rows, []text{nil, say("… and ", plural(left, "more kind"), " of resources (", lit("--format json"), ")"), nil, nil})
	}
	if left := w.ResourcesTotal - len(w.Resources); left > 0 {
		t.rows = append(t.rows, []text{nil, say(plural(left, "resource"), " with few waiters ", isAre(left), " not counted here"), nil, nil})
	}
	t.dropEmpty()
	return t, len(list) > 0
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func (a *author) heldBy(r *facts.Resource) text {
	if len(r.Holders) == 0 {
		return say("—")
	}
	var parts []string
	for _, h := range r.Holders[:min(shownHolders, len(r.Holders))] {
		s := goid(h.Goroutine) + " (" + string(h.Confidence)
		if h.Reader {
			s += ", reading"
		}
		parts = append(parts, s+")")
	}
	if left := max(r.HoldersTotal, len(r.Holders)) - len(parts); left > 0 {
		parts = append(parts, fmt.Sprintf("%s more", count(left)))
	}
	return say(strings.Join(parts, ", "))
}

// stateOf is a resource's state in a few words.
func stateOf(r *facts.Resource) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if c := r.Channel; c != nil {
		switch {
		case c.Closed:
			add("closed")
		case c.Capacity == 0:
			add("unbuffered")
		default:
			add("%s of %s buffered", count(c.Length), count(c.Capacity))
		}
		if c.Senders > 0 {
			add("%s sending", count(c.Senders))
		}
		if c.Receivers > 0 {
			add("%s receiving", count(c.Receivers))
		}
		parts = append(parts, timerState(c.Timer)...)
	}
	if l := r.Lock; l != nil {
		switch {
		case l.Locked:
			add("locked")
		case l.Readers > 0:
			add("%s", plural(l.Readers, "reader"))
		default:
			add("free")
		}
		if l.WriterWaits {
			add("a writer waits")
		}
		if l.Starving {
			add("starving")
		}
	}
	if g := r.WaitGroup; g != nil {
		add("counter %s", count(g.Counter))
	}
	parts = append(parts, pollState(r.Poll)...)
	if s := r.Syscall; s != nil {
		if s.Name.Known {
			add("%s", s.Name.V)
		}
		if s.FD.Known {
			add("fd %d", s.FD.V)
		}
		parts = append(parts, pollState(s.Target)...)
	}
	parts = append(parts, timerState(r.Timer)...)
	if c := r.Context; c != nil {
		add("done channel of %s", strings.Join(c.Chain[:min(3, len(c.Chain))], " < "))
		if c.DeadlineInNS.Known {
			add("deadline %s", relative(c.DeadlineInNS.V))
		}
	}
	return oneLine(strings.Join(parts, ", "), evidenceWidth)
}

func pollState(p *facts.PollState) []string {
	if p == nil {
		return nil
	}
	var parts []string
	if p.FD.Known {
		parts = append(parts, fmt.Sprintf("fd %d", p.FD.V))
	}
	if p.Network.Known {
		parts = append(parts, p.Network.V)
	}
	switch {
	case p.Listening.Known && p.Listening.V && p.Local.Known:
		parts = append(parts, "listening on "+p.Local.V)
	case p.Remote.Known:
		parts = append(parts, "to "+p.Remote.V)
	case p.Local.Known:
		parts = append(parts, "on "+p.Local.V)
	}
	if p.ReadDeadlineNS.Known {
		parts = append(parts, "read deadline "+relative(p.ReadDeadlineNS.V))
	}
	if p.WriteDeadlineNS.Known {
		parts = append(parts, "write deadline "+relative(p.WriteDeadlineNS.V))
	}
	return parts
}

func timerState(t *facts.TimerState) []string {
	if t == nil {
		return nil
	}
	switch {
	case t.Stopped:
		return []string{"timer stopped"}
	case t.PeriodNS > 0 && t.FiresInNS.Known:
		return []string{"ticks every " + duration(t.PeriodNS) + ", next " + relative(t.FiresInNS.V)}
	case t.FiresInNS.Known:
		return []string{"fires " + relative(t.FiresInNS.V)}
	}
	return nil
}

// relative is a time seen from the moment of death.
func relative(ns int64) string {
	if ns < 0 {
		return duration(-ns) + " before the last clock"
	}
	return "in " + duration(ns)
}

// leakPart is the goroutines that nothing will wake.
func (a *author) leakPart(l *facts.Leaks) []block {
	if l == nil {
		return nil
	}
	var out []block
	if n := l.Proven + l.Likely + l.Possible; n > 0 {
		t := table{head: []string{"leaked", "count", "where", "why"}, right: []bool{false, true, false, false}}
		for i := range l.Groups[:min(shownLeaks, len(l.Groups))] {
			t.rows = append(t.rows, a.leakRow(&l.Groups[i]))
		}
		out = append(out, heading(say("Goroutines that nothing will wake")),
			paragraph{say(fmt.Sprintf("%s proven, %s likely, %s possible.", count(l.Proven), count(l.Likely), count(l.Possible)))}, t)
		if left := len(l.Groups) - shownLeaks; left > 0 {
			out = append(out, paragraph{say("… in ", plural(left, "more group"), " (", lit("--format json"), ").")})
		}
	}
	if l.NotProven.Known {
		out = append(out, paragraph{say("No leak can be proven: ", oneLine(l.NotProven.V, evidenceWidth), ".")})
	}
	return out
}

func (a *author) leakRow(g *facts.LeakGroup) []text {
	where := say("—")
	if of := a.groupByID(g.Group); of != nil {
		if f := blame(of.Frames); f != nil {
			where = say(lit(a.fn(f.Func)))
			if pos := a.position(f); pos != "" {
				where = say(where, below(), lit(pos))
			}
		}
	}
	why := say(oneLine(g.Reason, evidenceWidth))
	if len(g.Path) > 0 {
		why = say(why, ": ", a.pathCell(g.Path, len(g.Path)))
	}
	if g.RetainedBytes.Known && g.RetainedBytes.V > 0 {
		why = say(why, "; kept: ", size(g.RetainedBytes.V), " of the heap and ", size(g.StackBytes), " of stacks")
	}
	return []text{say(string(g.Verdict)), say(count(g.Count)), where, why}
}
