package gopoll_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postmortem/coreread"
	"postmortem/coreread/gopoll"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// writesCores reports whether a process that dies leaves its core in its working directory.
func writesCores() bool {
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	return err == nil && strings.TrimSpace(string(pattern)) == "core"
}

// fresh builds a program, or a test when its name ends in _test.go, lets it die and
// opens what is left. It returns what the process printed on its standard output.
func fresh(t *testing.T, name, source string) (*gort.Process, *gopoll.Reader, string) {
	t.Helper()
	if !writesCores() {
		t.Skip("this machine does not write cores into the working directory")
	}
	dir := t.TempDir()
	for file, text := range map[string]string{"go.mod": "module example.com/fresh\n\ngo 1.25\n", name: source} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := []string{"build", "-o", "fresh", "."}
	if strings.HasSuffix(name, "_test.go") {
		command = []string{"test", "-c", "-o", "fresh", "."}
	}
	build := exec.Command("go", command...)
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit); err != nil {
		t.Fatal(err)
	}
	before := limit
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &limit); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_CORE, &before)
	stdin, input, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	defer input.Close()
	bin := filepath.Join(dir, "fresh")
	run := exec.Command(bin)
	var stdout, stderr bytes.Buffer
	run.Dir, run.Stdin, run.Stdout, run.Stderr = dir, stdin, &stdout, &stderr
	run.Env = append(os.Environ(), "GOTRACEBACK=crash", "GODEBUG=")
	if err := run.Run(); err == nil {
		t.Fatal("the process lives on")
	}
	core := filepath.Join(dir, "core")
	if _, err := os.Stat(core); err != nil {
		t.Skipf("no core: %v", err)
	}
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: core, Binary: bin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	r, err := gopoll.New(snap.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	return snap.Runtime, r, stdout.String()
}

// dialer connects to a listener whose queue is full, reads from its standard
// input, and has timers that nobody waits for.
const dialer = `package main

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

var lazy *time.Ticker

func main() {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(err)
	must(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(syscall.Listen(fd, 0))
	name, err := syscall.Getsockname(fd)
	must(err)
	port := name.(*syscall.SockaddrInet4).Port
	for range 4 {
		go dial(port)
	}
	go func() { var b [10]byte; os.Stdin.Read(b[:]) }()
	lazy = time.NewTicker(9 * time.Minute)
	later := time.NewTimer(time.Hour)
	later.Reset(2 * time.Hour)
	stopped := time.NewTimer(time.Hour)
	go func() { <-stopped.C }()
	go func() { <-later.C }()
	time.Sleep(300 * time.Millisecond)
	stopped.Stop()
	fmt.Printf("%d %p %p %p\n", port, lazy.C, later.C, stopped.C)
	panic("end")
}

func dial(port int) {
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Hour)
	println(c, err)
	select {}
}
`

func TestFreshDialer(t *testing.T) {
	p, r, printed := fresh(t, "main.go", dialer)
	var port int
	var lazy, later, stopped image.Addr
	if _, err := fmt.Sscanf(printed, "%d 0x%x 0x%x 0x%x", &port, &lazy, &later, &stopped); err != nil {
		t.Fatalf("%q: %v", printed, err)
	}
	connecting := 0
	for id, g := range goroutines(p) {
		poll, mode, ok := r.Waiting(g)
		if !ok {
			continue
		}
		fd, ok := r.Owner(g, &poll)
		n, err := r.Net(fd.Addr)
		if !ok || err != nil || mode != gopoll.Write || n.Network != "tcp" || n.Local.Type != "" || n.Remote.Type != "" || n.Listening() {
			t.Errorf("goroutine %d: %s %+v, %v", id, mode, n, err)
		}
		if to, ok := r.Connecting(g, &n); !ok || to.String() != fmt.Sprintf("127.0.0.1:%d", port) {
			t.Errorf("goroutine %d connects to %v (%v), not to port %d", id, to, ok, port)
		}
		if left := time.Duration(poll.WriteDeadline - p.Clocks().Now); left > time.Hour || left < 59*time.Minute {
			t.Errorf("goroutine %d connects for %v", id, left)
		}
		connecting++
	}
	if connecting < 1 {
		t.Error("nobody connects")
	}
	checkStdin(t, p, r)
	for _, want := range []struct {
		channel image.Addr
		state   gopoll.TimerState
		after   time.Duration
		heap    bool
	}{{lazy, gopoll.Pending, 9 * time.Minute, false}, {later, gopoll.Pending, 2 * time.Hour, true}, {stopped, gopoll.Stopped, 0, false}} {
		timer, ok := r.ChannelTimer(want.channel)
		after := time.Duration(timer.When - p.Clocks().Now)
		if timer.State == gopoll.Stopped {
			after = time.Duration(timer.When)
		}
		if !ok || timer.State != want.state || after > want.after || after < want.after-time.Minute || want.heap != (timer.Processor >= 0) && want.state == gopoll.Pending {
			t.Errorf("timer %+v (%v) fires in %v, want %+v", timer, ok, after, want)
		}
	}
}

// checkStdin finds the one goroutine that reads from the standard input.
func checkStdin(t *testing.T, p *gort.Process, r *gopoll.Reader) {
	t.Helper()
	all := goroutines(p)
	for _, th := range p.Threads() {
		call, ok := p.SystemCall(th)
		fd, isFD := call.FD()
		if !ok || !isFD || call.Name != "read" || th.GoID == 0 {
			continue
		}
		owner, ok := r.CallOwner(all[int64(th.GoID)], fd)
		if !ok || fd != 0 || owner.Sysfd != 0 || !owner.File || owner.Refs != 1 {
			t.Errorf("goroutine %d reads from %d, %+v (%v)", th.GoID, fd, owner, ok)
		}
		return
	}
	t.Error("nobody reads from the standard input")
}

// bubble has timers on the clock of testing/synctest.
const bubble = `package fresh

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestBubble(t *testing.T) {
	go func() { time.Sleep(time.Hour) }()
	time.Sleep(50 * time.Millisecond)
	synctest.Test(t, func(t *testing.T) {
		go func() { time.Sleep(time.Hour) }()
		two := time.NewTimer(2 * time.Hour)
		go func() { <-two.C }()
		time.AfterFunc(3*time.Hour, func() {})
		synctest.Wait()
		panic("end")
	})
}
`

func TestFreshBubble(t *testing.T) {
	p, r, _ := fresh(t, "bubble_test.go", bubble)
	found := map[string]int{}
	if err := r.Timers(func(x *gopoll.Timer) {
		if x.Fake != (x.Bubble != 0) {
			t.Errorf("%+v", x)
		}
		if x.State != gopoll.Pending || x.Kind == gopoll.OtherTimer {
			return
		}
		now, ok := r.BubbleClock(x.Bubble)
		if ok != x.Fake {
			t.Errorf("the clock of bubble %v: %v", x.Bubble, ok)
		}
		if !ok {
			now = p.Clocks().Now
		}
		left := time.Duration(x.When - now)
		if !x.Fake {
			left = left.Round(time.Minute)
		}
		found[fmt.Sprintf("%s %v %v", x.Kind, left, x.Fake)]++
	}); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"sleep 1h0m0s false", "sleep 1h0m0s true", "channel 2h0m0s true", "func 3h0m0s true"} {
		if found[want] != 1 {
			t.Errorf("%d timers %s; all: %v", found[want], want, found)
		}
	}
	asleep := 0
	for _, g := range goroutines(p) {
		when, ok := r.Sleep(g)
		if ok && (r.Bubble(g) != 0 || when > p.Clocks().Now+int64(time.Hour)) {
			t.Errorf("goroutine %d in bubble %v sleeps until %d", g.ID, r.Bubble(g), when)
		}
		if ok {
			asleep++
		}
	}
	if asleep != 1 {
		t.Errorf("%d goroutines sleep outside of the bubble", asleep)
	}
}
