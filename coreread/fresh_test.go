package coreread_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postmortem/coreread"
)

// TestFreshCore builds a scenario program with the installed toolchain, lets it
// die, and compares its core with what it printed. Where the machine does not
// write cores into the working directory there is nothing to compare: the
// committed cores of TestEqualToOwnTraceback stand for it.
func TestFreshCore(t *testing.T) {
	if !writesCores(t) {
		t.Skip("this machine does not write cores into the working directory")
	}
	bin := filepath.Join(t.TempDir(), "small")
	build := exec.Command("go", "build", "-trimpath", "-o", bin, "./small")
	build.Dir = filepath.Join("..", "testdata", "cores", "scenarios")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	core, printed := die(t, bin, "nil")
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: core, Binary: bin})
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if n := snap.AbsentBytes(); n > 0 {
		t.Errorf("%d bytes are missing: %v", n, snap.Absent)
	}
	compareWithPrint(t, snap, printed, 2)
}

// blockedFinalizer is a program whose finalizer goroutine never comes back from
// the program's own code.
const blockedFinalizer = `package main

import (
	"runtime"
	"time"
)

type node struct{ next *node }

func main() {
	in := make(chan bool)
	runtime.SetFinalizer(&node{new(node)}, func(*node) { in <- true; select {} })
	go runtime.GC()
	<-in
	time.Sleep(10 * time.Millisecond)
	panic("enough")
}
`

// TestFinalizerGoroutine counts the finalizer goroutine as the program's while
// it runs the program's code, as a traceback does.
func TestFinalizerGoroutine(t *testing.T) {
	if !writesCores(t) {
		t.Skip("this machine does not write cores into the working directory")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/blocked\n\ngo 1.18\n", "main.go": blockedFinalizer} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(dir, "blocked")
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	core, _ := die(t, bin)
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: core, Binary: bin})
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	found := false
	for _, g := range walkAll(t, snap) {
		for _, f := range g.inner {
			if strings.HasPrefix(f.Func, "main.main.func") {
				found = true
				if snap.Runtime.IsSystem(&g.Goroutine) {
					t.Errorf("goroutine %d runs %s and counts as the runtime's own", g.ID, f.Func)
				}
			}
		}
	}
	if !found {
		t.Error("the finalizer is on no stack")
	}
}

// die runs a program that dies and returns its core and what it printed.
func die(t *testing.T, bin string, args ...string) (core, printed string) {
	t.Helper()
	dir := t.TempDir()
	var stderr bytes.Buffer
	cmd := exec.Command(bin, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOTRACEBACK=crash", "GOMAXPROCS=2")
	cmd.Stderr = &stderr
	if err := cmd.Run(); err == nil {
		t.Fatal("the program did not die")
	}
	cores, err := filepath.Glob(filepath.Join(dir, "core*"))
	if err != nil || len(cores) != 1 {
		t.Fatalf("cores %v, %v: want one", cores, err)
	}
	return cores[0], stderr.String()
}

// writesCores reports whether a process that dies here leaves a core in its
// working directory, and lifts the limit of its size.
func writesCores(t *testing.T) bool {
	t.Helper()
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil || !strings.HasPrefix(string(pattern), "core") {
		return false
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit); err != nil || limit.Max == 0 {
		return false
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_CORE, &limit) == nil
}
