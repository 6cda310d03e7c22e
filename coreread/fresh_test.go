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
	dir := t.TempDir()
	var printed bytes.Buffer
	die := exec.Command(bin, "nil")
	die.Dir = dir
	die.Env = append(os.Environ(), "GOTRACEBACK=crash", "GOMAXPROCS=2")
	die.Stderr = &printed
	if err := die.Run(); err == nil {
		t.Fatal("the program did not die")
	}
	cores, err := filepath.Glob(filepath.Join(dir, "core*"))
	if err != nil || len(cores) != 1 {
		t.Fatalf("cores %v, %v: want one", cores, err)
	}
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: cores[0], Binary: bin})
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if n := snap.AbsentBytes(); n > 0 {
		t.Errorf("%d bytes are missing: %v", n, snap.Absent)
	}
	compareWithPrint(t, snap, printed.String(), 2)
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
