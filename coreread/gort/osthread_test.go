package gort_test

import (
	"strings"
	"testing"

	"postmortem/coreread/gort"
	"postmortem/coreread/layout"
	"postmortem/internal/corewriter"
)

// TestWhatThreadsDo puts threads into the runtime's functions.
func TestWhatThreadsDo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.processors(1)[0]
		cases := []struct {
			function string
			activity gort.Activity
			text     string
		}{
			{"runtime.netpoll", gort.ActivityNetpoll, "netpoll"},
			{"runtime.stopm", gort.ActivityFutex, "idle"},
			{"runtime.sysmon", gort.ActivityRuntime, "sysmon"},
			{"runtime.templateThread", gort.ActivityFutex, "template thread"},
			{"runtime.gcstopm", gort.ActivityFutex, "halted for a stop-the-world"},
			{"runtime.stoplockedm", gort.ActivityFutex, "idle, locked to g42"},
			{"runtime.findRunnable", gort.ActivityRuntime, "looking for work"},
			{"runtime.lock2", gort.ActivityFutex, "waiting for a lock of the runtime"},
			{"runtime.mallocinit", gort.ActivityRuntime, "in runtime.mallocinit"},
		}
		for i, c := range cases {
			m := w.machine(int32(200-i), 0, c.function, 0)
			if c.function == "runtime.stoplockedm" {
				g := w.goroutine(m, 42, layout.GRunnable)
				w.set(m, "runtime.m", "curg", 0)
				w.set(m, "runtime.m", "lockedg", g)
			}
		}
		w.goroutine(w.machine(300, p, "main.main", 0), 1, layout.GRunning)
		w.goroutine(w.machine(301, 0, "runtime.asmcgocall", 0), 2, layout.GSyscall)
		g := w.goroutine(w.machine(302, 0, "runtime.gcDrain", 0), 3, layout.GWaiting)
		w.set(g, "runtime.g", "waitreason", 4)

		threads := w.open().Threads()
		want(t, "threads", len(threads), len(cases)+3)
		for i, th := range threads[1:] {
			if threads[i].TID >= th.TID {
				t.Errorf("thread %d stands behind %d", th.TID, threads[i].TID)
			}
		}
		for i, c := range cases {
			th := threads[len(cases)-1-i]
			if th.TID != 200-i || th.Activity != c.activity || th.State != c.text {
				t.Errorf("thread %d in %s: %s, %q; want %s, %q", th.TID, c.function, th.Activity, th.State, c.activity, c.text)
			}
		}
		for i, text := range []string{"running g1", "g2 in a system call", "g3 on the system stack (" + w.lay.WaitReason(4) + ")"} {
			th := threads[len(cases)+i]
			if th.State != text || th.GoID != uint64(i+1) {
				t.Errorf("thread %d of g%d: %q, want %q", th.TID, th.GoID, th.State, text)
			}
		}
	})
}

// TestThreadsOutsideGo are a thread that Go does not know, and one of Go's in a library.
func TestThreadsOutsideGo(t *testing.T) {
	w := newWorld(t, "amd64")
	w.goroutine(w.machine(100, 0, "main.main", 0), 5, layout.GSyscall)
	for i, pc := range []uint64{0x7f0000011abc, 0x7f0000091def} {
		th := corewriter.Thread{TID: int32(100 + i)}
		th.AMD64.RIP, th.AMD64.RSP, th.AMD64.OrigRAX = pc, 0x7ffe00000000, 1<<64-1
		w.threads = append(w.threads[:i], th)
	}
	w.files = []corewriter.File{
		{Start: 0x7f0000010000, End: 0x7f0000012000, Page: 1, Path: "/lib/libfoo.so.1"},
		{Start: 0x7f000000f000, End: 0x7f0000010000, Page: 0, Path: "/lib/libfoo.so.1"},
		// Of this one the core does not list the first page.
		{Start: 0x7f0000090000, End: 0x7f0000092000, Page: 1, Path: "/lib/libbar.so"},
	}
	threads := w.open().Threads()
	for i, state := range []string{"g5 in C: libfoo.so.1+0x2abc", "not a thread of Go, in C: libbar.so+0x2def"} {
		want(t, "state", threads[i].State, state)
		want(t, "activity", threads[i].Activity, gort.ActivityC)
		want(t, "trust", threads[i].Frames[0].Trust, gort.TrustCgo)
	}
}

// TestSystemCallByItsNumber names the call that a thread is in.
func TestSystemCallByItsNumber(t *testing.T) {
	for goarch, instruction := range map[string]string{"amd64": "\x0f\x05", "arm64": "\x01\x00\x00\xd4"} {
		w := newWorld(t, goarch)
		fn, _ := w.bin.Funcs().ByName("runtime.futex")
		code := w.bin.Image()
		body, err := code.Bytes(fn.Entry(), uint64(fn.End()-fn.Entry()))
		if err != nil {
			t.Fatal(err)
		}
		at := strings.Index(string(body), instruction)
		if at < 0 {
			t.Fatalf("runtime.futex of %s makes no system call", goarch)
		}
		w.machine(100, 0, "runtime.futex", uint64(at+len(instruction)))
		w.machine(101, 0, "runtime.futex", 0)
		for i := range w.threads {
			w.threads[i].AMD64.OrigRAX = 202 // futex in arch/x86/entry/syscalls/syscall_64.tbl
			w.threads[i].ARM64.X[8] = 98     // futex in include/uapi/asm-generic/unistd.h
		}
		threads := w.open().Threads()
		want(t, "state in the call", threads[0].State, "in runtime.futex (futex)")
		want(t, "state before it", threads[1].State, "in runtime.futex")
	}
}

// TestInstructionBytes are the binary's own.
func TestInstructionBytes(t *testing.T) {
	w := newWorld(t, "amd64")
	w.machine(100, 0, "runtime.main", 0)
	p := w.open()
	got := p.InstructionBytes(p.Threads()[0].Regs.PC)
	fn, _ := w.bin.Funcs().ByName("runtime.main")
	code, err := w.bin.Image().Bytes(fn.Entry(), 16)
	if err != nil || string(got) != string(code) {
		t.Errorf("bytes % x, want % x (%v)", got, code, err)
	}
	if got := p.InstructionBytes(0x10); len(got) != 0 {
		t.Errorf("bytes % x where nothing is", got)
	}
}
