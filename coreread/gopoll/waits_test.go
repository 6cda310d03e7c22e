package gopoll_test

import (
	"context"
	"testing"
	"time"

	"postmortem/coreread"
	"postmortem/coreread/gopoll"
	"postmortem/coreread/gort"
	"postmortem/internal/testcores"
)

func open(t testing.TB, c *testcores.Core) (*gort.Process, *gopoll.Reader) {
	t.Helper()
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	r, err := gopoll.New(snap.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	return snap.Runtime, r
}

func goroutines(p *gort.Process) map[int64]*gort.Goroutine {
	all := map[int64]*gort.Goroutine{}
	p.Goroutines(func(g *gort.Goroutine) {
		kept := *g
		all[int64(g.ID)] = &kept
	})
	return all
}

// TestAsNoted is about every core of the program waits, which has noted what its
// goroutines wait for.
func TestAsNoted(t *testing.T) {
	cores := 0
	for _, c := range testcores.All(t) {
		if c.Program != "waits" {
			continue
		}
		cores++
		t.Run(c.Name, func(t *testing.T) {
			w := c.Truth(t).Waits
			if w == nil || len(w.Polls) < 10 || len(w.Timers) < 15 {
				t.Fatalf("the process noted too little: %+v", w)
			}
			p, r := open(t, c)
			all := goroutines(p)
			checkDescriptors(t, p, r, w, all)
			checkTimers(t, p, r, w, all)
			checkOthers(t, r, w, all)
			for _, gap := range p.Gaps() {
				t.Errorf("gap %+v", gap)
			}
		})
	}
	if cores < 10 {
		t.Errorf("%d cores", cores)
	}
}

// checkDescriptors compares descriptors, modes, addresses and deadlines.
func checkDescriptors(t *testing.T, p *gort.Process, r *gopoll.Reader, w *testcores.Waits, all map[int64]*gort.Goroutine) {
	t.Helper()
	for _, noted := range w.Polls {
		switch g := all[noted.Goroutine]; {
		case g == nil:
			t.Errorf("goroutine %d is not in the core", noted.Goroutine)
		case noted.Mode == "call":
			checkCall(t, p, r, g, noted)
		default:
			checkWait(t, p, r, g, noted)
		}
	}
}

func checkWait(t *testing.T, p *gort.Process, r *gopoll.Reader, g *gort.Goroutine, noted testcores.WaitPoll) {
	t.Helper()
	poll, mode, ok := r.Waiting(g)
	if !ok || !poll.FDKnown || poll.FD != int64(noted.FD) || mode.String() != noted.Mode || poll.Closing {
		t.Errorf("goroutine %d waits: %v %s %+v; noted %+v", g.ID, ok, mode, poll, noted)
		return
	}
	fd, ok := r.Owner(g, &poll)
	if !ok || fd.Sysfd != poll.FD || fd.Desc != poll.Desc || fd.File != (noted.Network == "pipe") || fd.Closing || fd.Refs < 1 {
		t.Errorf("goroutine %d waits on %v %+v; noted %+v", g.ID, ok, fd, noted)
		return
	}
	if fd.Reading != (mode == gopoll.Read) || fd.Writing != (mode == gopoll.Write) {
		t.Errorf("goroutine %d has the lock for reads %v, for writes %v; noted %+v", g.ID, fd.Reading, fd.Writing, noted)
	}
	// A second goroutine waits to read from the pipe.
	if second := noted.Network == "pipe" && mode == gopoll.Read; (fd.ReadWaiters == 1) != second || fd.WriteWaiters != 0 {
		t.Errorf("goroutine %d: others wait for %+v; noted %+v", g.ID, fd, noted)
	}
	checkDeadline(t, p, poll, mode, noted)
	n, err := r.Net(fd.Addr)
	if fd.File {
		if err == nil {
			t.Errorf("goroutine %d waits for a pipe, which is taken for %+v", g.ID, n)
		}
		return
	}
	listening := noted.Remote == "" && noted.Network != "udp"
	if err != nil || n.FD != fd || !n.Local.Known || n.Remote.Known == listening && noted.Network != "udp" {
		t.Errorf("goroutine %d waits on %+v, %v; noted %+v", g.ID, n, err, noted)
	}
	// The program asked for tcp4, tcp6, udp4 and unix; it noted the address's network.
	if n.Network[:min(len(n.Network), len(noted.Network))] != noted.Network || n.Local.String() != noted.Local ||
		n.Remote.String() != noted.Remote || n.Listening() != listening {
		t.Errorf("goroutine %d: %s %q to %q, listening %v; noted %+v", g.ID, n.Network, n.Local, n.Remote, n.Listening(), noted)
	}
}

// checkDeadline compares a time on the runtime's clock with one on the wall's.
func checkDeadline(t *testing.T, p *gort.Process, poll gopoll.Poll, mode gopoll.Mode, noted testcores.WaitPoll) {
	t.Helper()
	read, write := poll.ReadDeadline, poll.WriteDeadline
	if mode == gopoll.Write {
		read, write = write, read
	}
	if write != gopoll.NoDeadline || noted.Deadline == 0 && read != gopoll.NoDeadline {
		t.Errorf("deadlines %d and %d; noted %+v", read, write, noted)
	}
	if noted.Deadline == 0 {
		return
	}
	wall, ok := p.Clocks().WallTime(read)
	if !ok {
		// Nothing joins the two clocks; it was set within a minute before the end.
		left := time.Duration(read - p.Clocks().Now)
		if left > 2*time.Hour || left < 2*time.Hour-time.Minute {
			t.Errorf("the deadline lies %v ahead", left)
		}
		return
	}
	if d := wall.Sub(time.Unix(0, noted.Deadline)); d.Abs() > 5*time.Second {
		t.Errorf("the deadline %v is off by %v", wall, d)
	}
}

func checkCall(t *testing.T, p *gort.Process, r *gopoll.Reader, g *gort.Goroutine, noted testcores.WaitPoll) {
	t.Helper()
	if _, _, ok := r.Waiting(g); ok {
		t.Errorf("goroutine %d in a system call waits in the poller", g.ID)
	}
	for _, th := range p.Threads() {
		if th.Goroutine != g.Addr {
			continue
		}
		call, ok := p.SystemCall(th)
		if fd, fdOK := call.FD(); !ok || !fdOK || call.Name != "read" || fd != int64(noted.FD) {
			t.Errorf("goroutine %d is in %+v (%v); noted %+v", g.ID, call, ok, noted)
		}
		// The program made the call itself, past package os.
		if owner, ok := r.CallOwner(g, int64(noted.FD)); ok {
			t.Errorf("goroutine %d reads for %+v", g.ID, owner)
		}
		return
	}
	t.Errorf("goroutine %d in a system call is on no thread", g.ID)
}

// checkOthers: what no note says to be in the poller or asleep is not taken to be.
func checkOthers(t *testing.T, r *gopoll.Reader, w *testcores.Waits, all map[int64]*gort.Goroutine) {
	t.Helper()
	for _, noted := range w.Goroutines {
		g := all[noted.ID]
		if g == nil {
			continue
		}
		_, mode, polls := r.Waiting(g)
		if polls != (noted.Op == "read" || noted.Op == "write") || polls && mode.String() != noted.Op {
			t.Errorf("goroutine %d (%s) in the poller: %v, %s", noted.ID, noted.Op, polls, mode)
		}
		if _, sleeps := r.Sleep(g); sleeps != (noted.Op == "sleep") {
			t.Errorf("goroutine %d (%s) asleep: %v", noted.ID, noted.Op, sleeps)
		}
	}
}
