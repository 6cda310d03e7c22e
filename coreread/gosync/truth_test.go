package gosync_test

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"

	"postmortem/coreread"
	"postmortem/coreread/gort"
	"postmortem/coreread/gosync"
	"postmortem/coreread/image"
	"postmortem/internal/testcores"
	"postmortem/internal/traceback"
)

func open(t testing.TB, c *testcores.Core) (*gort.Process, *gosync.Reader) {
	t.Helper()
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	r, err := gosync.New(snap.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	return snap.Runtime, r
}

// read returns all waits by goroutine id, and fails where one of them is in doubt.
func read(t testing.TB, p *gort.Process, r *gosync.Reader) map[uint64]gosync.Wait {
	t.Helper()
	before := len(p.Gaps())
	waits := map[uint64]gosync.Wait{}
	err := r.Waits(context.Background(), func(w *gosync.Wait) {
		if _, twice := waits[w.Goroutine]; twice {
			t.Errorf("g%d was visited twice", w.Goroutine)
		}
		if w.Doubt != nil {
			t.Errorf("g%d: %v", w.Goroutine, w.Doubt)
		}
		c := *w
		c.Targets = slices.Clone(w.Targets)
		waits[w.Goroutine] = c
	})
	if err != nil {
		t.Error(err)
	}
	for _, g := range p.Gaps()[before:] {
		t.Errorf("gap: %+v", g)
	}
	return waits
}

// Every goroutine of the scenario that has one of each wait waits for the object
// whose address it has noted itself, a select for its cases by the number that the
// compiler has given them.
func TestGoroutinesWaitForWhatTheyHaveNoted(t *testing.T) {
	seen := 0
	for _, c := range testcores.All(t) {
		truth := c.Truth(t).Waits
		if truth == nil {
			continue
		}
		seen++
		t.Run(c.Name, func(t *testing.T) {
			p, r := open(t, c)
			waits := read(t, p, r)
			checked := 0
			for _, g := range truth.Goroutines {
				if len(g.Targets) == 0 && g.Op != "select-none" {
					continue
				}
				w, ok := waits[uint64(g.ID)]
				if !ok {
					t.Errorf("g%d (%s) does not wait", g.ID, g.Shape)
					continue
				}
				checked++
				checkNoted(t, g, w)
			}
			checkFDLock(t, p, truth, waits)
			if checked == 0 || checked < len(truth.Goroutines)/2 {
				t.Errorf("%d of %d goroutines were checked", checked, len(truth.Goroutines))
			}
		})
	}
	if seen < 10 {
		t.Errorf("only %d cores tell what their goroutines wait for", seen)
	}
}

// kinds are the scenario's words.
var kinds = map[gosync.Kind]string{
	gosync.Channel: "channel", gosync.Mutex: "mutex", gosync.RWMutex: "rwmutex", gosync.WaitGroup: "wait-group",
	gosync.Cond: "cond", gosync.Once: "once", gosync.Semaphore: "semaphore",
}

// notedOp is the op of a wait in the scenario's words.
func notedOp(op gosync.Op) string {
	switch op {
	case gosync.Send, gosync.NilSend:
		return "send"
	case gosync.Receive, gosync.NilReceive:
		return "receive"
	case gosync.Select:
		return "select"
	case gosync.SelectNone:
		return "select-none"
	case gosync.Lock, gosync.WLock:
		return "lock"
	case gosync.RLock:
		return "rlock"
	case gosync.WaitGroupWait, gosync.CondWait, gosync.Semacquire:
		return "wait"
	}
	return op.String()
}

func checkNoted(t *testing.T, g testcores.WaitingGoroutine, w gosync.Wait) {
	t.Helper()
	if notedOp(w.Op) != g.Op {
		t.Errorf("g%d (%s): %v, and not %s", g.ID, g.Shape, w.Op, g.Op)
	}
	var got, want []testcores.WaitTarget
	for _, target := range g.Targets {
		if target.Kind == "nil-channel" {
			continue
		}
		target.Source = 0
		want = append(want, target)
	}
	for _, target := range w.Targets {
		if target.SideUnknown || target.Sudog == 0 {
			t.Errorf("g%d (%s): %+v", g.ID, g.Shape, target)
		}
		got = append(got, testcores.WaitTarget{Kind: kinds[target.Kind], Address: uint64(target.Addr), Send: target.Send, Case: target.Case})
	}
	byCase := func(a, b testcores.WaitTarget) int { return cmp.Compare(a.Case, b.Case) }
	if !slices.IsSortedFunc(got, byCase) {
		t.Errorf("g%d (%s): the cases are not in order: %+v", g.ID, g.Shape, got)
	}
	slices.SortFunc(want, byCase)
	if !slices.Equal(got, want) {
		t.Errorf("g%d (%s) waits for\n%+v, and not for\n%+v", g.ID, g.Shape, got, want)
	}
	switch {
	case w.Op != gosync.Select && w.Cases != 0, len(want) > 0 && w.Op == gosync.Select && w.Cases != len(g.Targets):
		t.Errorf("g%d (%s) has %d cases, and not %d", g.ID, g.Shape, w.Cases, len(g.Targets))
	case w.Op == gosync.Select && len(want) == 0 && w.Cases != len(g.Targets) && w.Cases != -1:
		t.Errorf("g%d (%s) has %d cases, and not %d", g.ID, g.Shape, w.Cases, len(g.Targets))
	}
}

// checkFDLock checks that the second reader of a pipe waits for the lock of the file
// that has the descriptor which the first one reads from.
func checkFDLock(t *testing.T, p *gort.Process, truth *testcores.Waits, waits map[uint64]gosync.Wait) {
	t.Helper()
	shapes := map[string]int64{}
	for _, g := range truth.Goroutines {
		shapes[g.Shape] = g.ID
	}
	second, ok := shapes["wait for another reader of a pipe"]
	if !ok {
		return // not in every scenario
	}
	w := waits[uint64(second)]
	if w.Op != gosync.FDReadLock || len(w.Targets) != 1 || w.Targets[0].Kind != gosync.FD {
		t.Errorf("the second reader of a pipe: %+v", w)
		return
	}
	fd, err := p.Image.Uint64(w.Targets[0].Addr + image.Addr(p.Layout().Struct("internal/poll.FD").Offset("Sysfd")))
	for _, poll := range truth.Polls {
		if poll.Goroutine == shapes["read from a pipe"] {
			if err != nil || fd != uint64(poll.FD) {
				t.Errorf("the second reader of a pipe waits for descriptor %d, and not %d (%v)", fd, poll.FD, err)
			}
			return
		}
	}
	t.Error("nobody reads from a pipe")
}

// printedOps are the ops that a printed wait reason stands for. Before 1.20 all
// locks are printed as semacquire, before 1.24 wait groups; a writer of an RWMutex
// that waits for other writers is printed as one of a Mutex.
var printedOps = map[string][]gosync.Op{
	"chan send":               {gosync.Send},
	"chan receive":            {gosync.Receive},
	"select":                  {gosync.Select},
	"select (no cases)":       {gosync.SelectNone},
	"chan send (nil chan)":    {gosync.NilSend},
	"chan receive (nil chan)": {gosync.NilReceive},
	"sync.Mutex.Lock":         {gosync.Lock, gosync.WLock},
	"sync.RWMutex.RLock":      {gosync.RLock},
	"sync.RWMutex.Lock":       {gosync.WLock},
	"sync.WaitGroup.Wait":     {gosync.WaitGroupWait},
	"sync.Cond.Wait":          {gosync.CondWait},
	"semacquire": {
		gosync.Lock, gosync.RLock, gosync.WLock, gosync.WaitGroupWait, gosync.Semacquire,
		gosync.FDReadLock, gosync.FDWriteLock, gosync.FDClose,
	},
}

// The goroutines that wait are those that the process printed as waiting, and no
// others, in the cores of servers and of programs made to wait.
func TestWaitsAreThosePrinted(t *testing.T) {
	checked := 0
	for _, c := range testcores.All(t) {
		printed := traceback.Parse(c.Stderr(t)).ByID()
		if c.Program == "heap" || c.Program == "dies" || c.Producer != "kernel" || c.Cut != 0 || len(printed) < 5 {
			continue
		}
		checked++
		t.Run(c.Name, func(t *testing.T) {
			p, r := open(t, c)
			waits := read(t, p, r)
			for id, b := range printed {
				ops, waiting := printedOps[b.Status]
				if w, ok := waits[id]; ok != waiting || waiting && !slices.Contains(ops, w.Op) {
					t.Errorf("g%d is printed as %q, and waits: %v %v", id, b.Status, ok, w.Op)
				}
			}
			for id := range waits {
				if printed[id] == nil {
					t.Errorf("g%d waits and is not printed", id)
				}
			}
			checkSudogs(t, p, r, waits)
		})
	}
	if checked < 40 {
		t.Errorf("only %d cores have printed goroutines", checked)
	}
}

// checkSudogs checks that each sudog is visited once and is that of its goroutine.
func checkSudogs(t *testing.T, p *gort.Process, r *gosync.Reader, waits map[uint64]gosync.Wait) {
	t.Helper()
	seen := map[image.Addr]bool{}
	r.Sudogs(func(at image.Addr) {
		if seen[at] {
			t.Errorf("the sudog at %v was visited twice", at)
		}
		seen[at] = true
	})
	n := 0
	for _, w := range waits {
		for _, target := range w.Targets {
			n++
			if g, err := p.Image.Addr(target.Sudog); err != nil || g != w.G || !seen[target.Sudog] {
				t.Errorf("g%d: the sudog at %v is that of the goroutine at %v (%v), not of %v", w.Goroutine, target.Sudog, g, err, w.G)
			}
		}
	}
	if n != len(seen) {
		t.Errorf("%d sudogs were visited, %d targets have one", len(seen), n)
	}
}

// in returns the printed goroutine that stands in a function.
func in(t *testing.T, printed map[uint64]*traceback.Block, function string) uint64 {
	t.Helper()
	var found uint64
	for id, b := range printed {
		if slices.ContainsFunc(b.Frames, func(f traceback.Frame) bool { return strings.HasSuffix(f.Func, "park."+function) }) {
			if found != 0 {
				t.Fatalf("g%d and g%d are in %s", found, id, function)
			}
			found = id
		}
	}
	if found == 0 {
		t.Fatalf("nobody is in %s", function)
	}
	return found
}

// The states of channels and locks are what the source of the scenario has made of them.
func TestStates(t *testing.T) {
	checked := 0
	for _, c := range testcores.All(t) {
		printed := traceback.Parse(c.Stderr(t)).ByID()
		if c.Program != "small" || c.Cut != 0 || len(printed) == 0 {
			continue
		}
		checked++
		t.Run(c.Name, func(t *testing.T) {
			p, r := open(t, c)
			waits := read(t, p, r)
			one := func(function string) gosync.Target {
				w := waits[in(t, printed, function)]
				if len(w.Targets) != 1 {
					t.Fatalf("%s waits for %d things", function, len(w.Targets))
				}
				return w.Targets[0]
			}
			checkLocks(t, p, r, one, func(function string) uint64 { return in(t, printed, function) })
			checkChannels(t, c, r, one, func(function string) gosync.Wait { return waits[in(t, printed, function)] })
		})
	}
	if checked < 20 {
		t.Errorf("only %d cores were looked at", checked)
	}
}

// checkLocks looks at the locks of park.guarded:
// mu sync.Mutex, rw sync.RWMutex, cond *sync.Cond, wg sync.WaitGroup, once sync.Once.
func checkLocks(t *testing.T, p *gort.Process, r *gosync.Reader, one func(string) gosync.Target, id func(string) uint64) {
	t.Helper()
	mu := one("(*guarded).waitMutex")
	at := map[string]image.Addr{
		"(*guarded).waitMutex": mu.Addr, "(*guarded).waitWriteLock": mu.Addr + 8, "(*guarded).waitReadLock": mu.Addr + 8,
		"(*guarded).waitGroup": mu.Addr + 40, "(*guarded).waitOnce": mu.Addr + 56,
	}
	for function, want := range at {
		if got := one(function).Addr; got != want {
			t.Errorf("%s waits for %v, and not for %v", function, got, want)
		}
	}
	if s, err := r.Mutex(mu.Addr); err != nil || s != (gosync.MutexState{Locked: true, Waiters: 1}) {
		t.Errorf("mutex: %+v %v", s, err)
	}
	if s, err := r.RWMutex(mu.Addr + 8); err != nil ||
		s != (gosync.RWMutexState{Writers: gosync.MutexState{Locked: true}, WriterWaits: true, Readers: 1, ReadersWait: 1}) {
		t.Errorf("rwmutex: %+v %v", s, err)
	}
	if s, err := r.WaitGroup(mu.Addr + 40); err != nil || s != (gosync.WaitGroupState{Counter: 1, Waiters: 1}) {
		t.Errorf("wait group: %+v %v", s, err)
	}
	if s, err := r.Once(mu.Addr + 56); err != nil || s != (gosync.OnceState{Mutex: gosync.MutexState{Locked: true, Waiters: 1}}) {
		t.Errorf("once: %+v %v", s, err)
	}
	cond := one("(*guarded).waitCond")
	if want, err := p.Image.Addr(mu.Addr + 32); err != nil || cond.Addr != want {
		t.Errorf("cond: %v, and not %v (%v)", cond.Addr, want, err)
	}
	s, err := r.Cond(cond.Addr)
	if err != nil || s.Waiting != 1 || s.Queue.Count != 1 || !slices.Equal(s.Queue.Goroutines, []uint64{id("(*guarded).waitCond")}) {
		t.Errorf("cond: %+v %v", s, err)
	}
	if m, err := r.Mutex(s.Locker); err != nil || m != (gosync.MutexState{}) {
		t.Errorf("the cond's locker: %+v %v", m, err)
	}
	for _, sema := range []image.Addr{mu.Sema, one("(*guarded).waitGroup").Sema} {
		if n, err := r.Semaphore(sema); err != nil || n != 0 {
			t.Errorf("a semaphore that is waited for is %d (%v)", n, err)
		}
	}
}

func checkChannels(t *testing.T, c *testcores.Core, r *gosync.Reader, one func(string) gosync.Target, wait func(string) gosync.Wait) {
	t.Helper()
	channel := func(at image.Addr) gosync.ChannelState {
		s, err := r.Channel(at)
		if err != nil || s.Closed || s.ElemType == 0 {
			t.Errorf("channel: %+v %v", s, err)
		}
		return s
	}
	send := wait("chanSend")
	s := channel(one("chanSend").Addr)
	if s.Len != 0 || s.Cap != 0 || s.ElemSize != 8 || s.Receivers.Count != 0 || !slices.Equal(s.Senders.Goroutines, []uint64{send.Goroutine}) {
		t.Errorf("chanSend: %+v", s)
	}
	two := wait("selectTwo")
	if len(two.Targets) != 2 || two.Cases != 2 {
		t.Fatalf("selectTwo: %+v", two)
	}
	if s := channel(two.Targets[0].Addr); s.Len != 1 || s.Cap != 1 || s.ElemSize != 16 || s.Senders.Count != 1 || !two.Targets[0].Send {
		t.Errorf("selectTwo sends to %+v", s)
	}
	if s := channel(two.Targets[1].Addr); s.Len != 0 || s.Cap != 0 || s.ElemSize != 8 || s.Receivers.Count != 1 || two.Targets[1].Send {
		t.Errorf("selectTwo receives from %+v", s)
	}
	for _, function := range []string{"ticking", "timerChannel"} {
		if s := channel(one(function).Addr); s.Cap != 1 || (s.Timer != 0) != (c.Minor() >= 27) { // the scenario's go.mod says 1.18
			t.Errorf("%s: %+v", function, s)
		}
	}
	never := one("rangeChannel").Addr
	timer := wait("timerSelect")
	if len(timer.Targets) != 2 || timer.Targets[0].Addr != never || timer.Targets[0].Send || timer.Targets[1].Send {
		t.Errorf("timerSelect: %+v", timer)
	}
	if s := channel(never); s.Receivers.Count < 20 || s.Receivers.Count != len(s.Receivers.Goroutines) || s.Senders.Count != 0 || s.ElemSize != 0 {
		t.Errorf("the channel that nothing is sent on: %+v", s)
	}
}
