package gopoll_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"postmortem/coreread/gopoll"
	"postmortem/coreread/gort"
	"postmortem/internal/testcores"
)

// printedGoroutine is a goroutine of a traceback: id, state and stack.
var printedGoroutine = regexp.MustCompile(`(?ms)^goroutine (\d+) [^\n]*\[([^\n]*)\]:\n(.*?)\n\n`)

// TestServerAndClients is about a web server and its clients in one process: both
// ends of connections wait for reading, and one goroutine accepts.
func TestServerAndClients(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Program != "rich" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			p, r := open(t, c)
			printed := map[int64]string{}
			for _, m := range printedGoroutine.FindAllStringSubmatch(c.Stderr(t)+"\n\n", -1) {
				if id, err := strconv.ParseInt(m[1], 10, 64); err == nil && strings.HasPrefix(m[2], "IO wait") {
					printed[id] = m[3]
				}
			}
			ends := map[string]int{}
			listener, files := "", 0
			for id, g := range goroutines(p) {
				if g.WaitReason != "IO wait" {
					continue
				}
				if printed[id] == "" {
					t.Errorf("goroutine %d was not printed as waiting", id)
				}
				accepts := strings.Contains(printed[id], "internal/poll.(*FD).Accept(")
				n := waitsFor(t, r, g)
				switch {
				case n.File:
					files++
				case n.Listening() != accepts:
					t.Errorf("goroutine %d listens: %v; printed %s", id, n.Listening(), printed[id])
				case accepts:
					listener = n.Local.String()
				default:
					ends[n.Local.String()+" "+n.Remote.String()]++
				}
			}
			if files != 1 || listener == "" || len(ends) < 8 {
				t.Errorf("%d files, listener %q, ends %v", files, listener, ends)
			}
			alone := 0
			for end, count := range ends {
				local, remote, _ := strings.Cut(end, " ")
				others := ends[remote+" "+local]
				if count != 1 || others > 1 || local != listener && remote != listener {
					t.Errorf("%d goroutines read at %s what %s sends, and %d at the other end; the server is %s", count, local, remote, others, listener)
				}
				alone += 1 - others
			}
			// The server need not read again yet where the request is that it died of.
			if alone > 1 {
				t.Errorf("%d of %d ends have no other end", alone, len(ends))
			}
		})
	}
}

// waitsFor reads all there is about what g waits for.
func waitsFor(t *testing.T, r *gopoll.Reader, g *gort.Goroutine) (n gopoll.NetFD) {
	t.Helper()
	poll, mode, ok := r.Waiting(g)
	if !ok || mode != gopoll.Read || poll.ReadDeadline != gopoll.NoDeadline {
		t.Errorf("goroutine %d waits %v: %s %+v", g.ID, ok, mode, poll)
	}
	if n.FD, ok = r.Owner(g, &poll); !ok {
		t.Errorf("goroutine %d: no owner of %+v", g.ID, poll)
	}
	if n.File {
		return n
	}
	n, err := r.Net(n.Addr)
	if err != nil || !strings.HasPrefix(n.Network, "tcp") {
		t.Errorf("goroutine %d: %+v, %v", g.ID, n, err)
	}
	return n
}

// TestServices is about servers with many connections: all that is in the poller
// belongs to the address that the process told.
func TestServices(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Program != "service" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			p, r := open(t, c)
			address := c.Truth(t).Values["address"]
			listening, connections := 0, 0
			for _, g := range goroutines(p) {
				if g.WaitReason != "IO wait" {
					continue
				}
				switch n := waitsFor(t, r, g); {
				case n.Listening() && n.Local.String() == address:
					listening++
				case n.Local.String() == address && n.Remote.Known || n.Remote.String() == address:
					connections++
				default:
					t.Errorf("goroutine %d waits for %+v, and the server is %s", g.ID, n, address)
				}
			}
			if listening != 1 || connections < 1 || c.Scenario == "idle" && connections < 200 {
				t.Errorf("%d listeners and %d connections", listening, connections)
			}
		})
	}
}

// TestWhatTheCoreLacks: a descriptor that is lost with a part of the core is a gap.
func TestWhatTheCoreLacks(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Cut == 0 || c.Program != "small" {
			continue
		}
		p, r := open(t, c)
		for id, g := range goroutines(p) {
			if g.WaitReason != "IO wait" {
				continue
			}
			poll, _, ok := r.Waiting(g)
			told := false
			for _, gap := range p.Gaps() {
				told = told || strings.Contains(gap.What, "network poller: the one that goroutine "+strconv.FormatInt(id, 10)+" ")
			}
			if told == ok {
				t.Errorf("%s: goroutine %d waits for %+v (%v), gaps %+v", c.Name, id, poll, ok, p.Gaps())
			}
		}
	}
}
