package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"postmortem": main})
}

func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("DOCS", filepath.Join(root, "report", "testdata"))
			e.Setenv("CORES", filepath.Join(root, "testdata", "cores", "dumps"))
			e.Setenv("BINS", filepath.Join(root, "testdata", "cores", "bin"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"oneline": oneLineOnStderr,
			"only":    onlyFiles,
		},
	})
}

// exits CODE PROGRAM ARGS... runs a program that must end with a code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// oneline checks that the last program wrote one line to stderr.
func oneLineOnStderr(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.ReadFile("stderr")
	if strings.Count(s, "\n") != 1 || !strings.HasSuffix(s, "\n") || !strings.HasPrefix(s, "postmortem: ") {
		ts.Fatalf("stderr is not one line of postmortem: %q", s)
	}
}

// only DIR NAMES... checks what a directory holds.
func onlyFiles(ts *testscript.TestScript, neg bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(args[1:], " ") {
		ts.Fatalf("%s holds %v, want %v", args[0], got, args[1:])
	}
}

// TestPanicsEndInExitCodes runs a bug of ours and a fault of a mapped input.
func TestPanicsEndInExitCodes(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func()
		code int
		says string
	}{
		{"bug", func() { _ = strings.Repeat("x", -1) }, exitBug, "postmortem: bug in postmortem: strings: negative Repeat count"},
		{"bug in text", func() { panic("two\nlines \x1b[31m") }, exitBug, "postmortem: bug in postmortem: two; lines \ufffd[31m"},
		{"fault", func() { println(shrunk(t)[0]) }, exitInput, "the file was probably truncated"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
			if err != nil {
				t.Fatal(err)
			}
			defer stderr.Close()
			code := func() (code int) {
				defer rescue(stderr, &code)
				defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // as run does
				tt.do()
				return 0
			}()
			b, err := os.ReadFile(stderr.Name())
			if err != nil {
				t.Fatal(err)
			}
			first, rest, _ := strings.Cut(string(b), "\n")
			if code != tt.code || !strings.Contains(first, tt.says) {
				t.Errorf("code %d, says %q; want %d, %q", code, first, tt.code, tt.says)
			}
			if stack := strings.Contains(rest, "goroutine "); stack != (tt.code == exitBug) {
				t.Errorf("a stack is printed: %v", stack)
			}
		})
	}
}

// shrunk is the mapping of a file that was truncated afterwards.
func shrunk(t *testing.T) []byte {
	f, err := os.Create(filepath.Join(t.TempDir(), "input"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(4096); err != nil {
		t.Fatal(err)
	}
	b, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(b) })
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestInterrupt ends a run that reads from a pipe; the program dies of the signal,
// after a line that says so.
func TestInterrupt(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	var stderr strings.Builder
	cmd := exec.Cmd{Path: self, Args: []string{"postmortem", "analyze", "-", self, "--tmpdir", tmp}, Stderr: &stderr}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdin.Write(make([]byte, 1<<20)); err != nil { // more than a pipe holds: it is being read
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v, want death by SIGTERM", err)
	}
	if s := stderr.String(); !strings.HasPrefix(s, "postmortem: interrupted") || strings.Count(s, "\n") != 1 {
		t.Errorf("stderr: %q", s)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("left in --tmpdir: %v, %v", left, err)
	}
}
