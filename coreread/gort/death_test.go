package gort_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"postmortem/coreread"
	"postmortem/coreread/gort"
	"postmortem/internal/traceback"
)

// deathToolchains names toolchains to test besides the installed one, as GOTOOLCHAIN does.
const deathToolchains = "POSTMORTEM_TOOLCHAINS"

// deathProgram builds a program of testdata with a toolchain, "" being the
// installed one, and returns its path and the minor version of Go that built it.
func deathProgram(t *testing.T, name, toolchain, cgo string) (binary string, minor int) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", name))); err != nil {
		t.Fatal(err)
	}
	goTool := func(args ...string) string {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo, "GOFLAGS=-buildvcs=false", "GOWORK=off")
		if toolchain != "" {
			cmd.Env = append(cmd.Env, "GOTOOLCHAIN="+toolchain)
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
		return string(out)
	}
	if _, err := fmt.Sscanf(goTool("env", "GOVERSION"), "go1.%d", &minor); err != nil {
		t.Fatal(err)
	}
	if minor >= 23 { // loops over functions
		goTool("mod", "edit", "-go=1.23")
	}
	goTool("build", "-trimpath", "-o", name, ".")
	return filepath.Join(dir, name), minor
}

// toolchains are those to test with, "" being the installed one.
func toolchains() []string {
	return append([]string{""}, strings.Fields(os.Getenv(deathToolchains))...)
}

// died is a process that has died, and what is read of it.
type died struct {
	*coreread.Snapshot
	crash          *gort.Crash
	stdout, stderr string
	minor          int
}

// die runs the program to its end and opens what it left.
func die(t *testing.T, binary, scenario string, minor int) *died {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("sh", "-c", `ulimit -c unlimited && exec "$0" "$1"`, binary, scenario)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOTRACEBACK=crash", "GOMAXPROCS=2")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	cores, _ := filepath.Glob(filepath.Join(dir, "*core*"))
	if len(cores) != 1 {
		t.Skipf("no core was written: %v\n%s", cores, &stderr)
	}
	s, err := coreread.Open(context.Background(), coreread.Config{Core: cores[0], Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &died{s, s.Runtime.Crash(), stdout.String(), stderr.String(), minor}
}

func needCores(t *testing.T) {
	t.Helper()
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil || strings.ContainsAny(string(pattern), "|/") || runtime.GOARCH != "amd64" {
		t.Skipf("core_pattern is %q: no core would come here", pattern)
	}
}

// TestDeaths has fresh processes die in many ways, where the machine writes
// cores, and holds what is read against what they printed.
func TestDeaths(t *testing.T) {
	needCores(t)
	for _, toolchain := range toolchains() {
		t.Run("toolchain"+toolchain, func(t *testing.T) {
			binary, minor := deathProgram(t, "death", toolchain, "0")
			for scenario, check := range map[string]func(*testing.T, *died){
				"values":          checkTypes,
				"faults":          checkTypes,
				"floats":          checkParked,
				"goexit":          checkGoexit,
				"between":         checkGoexit,
				"repanic":         checkOrigin("main.raise"),
				"twice":           checkOrigin("main.twice"),
				"recovered-fault": checkRecoveredFault,
				"error-panics":    checkOrigin("main.faulty.Error"),
				"fatal-in-defer":  checkOrigin("sync.(*Mutex).unlockSlow"),
				"printed":         checkPrinted,
				"breakpoint":      checkOrigin("runtime.breakpoint"),
				"quit":            checkQuit,
			} {
				t.Run(scenario, func(t *testing.T) {
					d := die(t, binary, scenario, minor)
					checkAsPrinted(t, d.crash, d.Runtime, d.stderr)
					check(t, d)
				})
			}
		})
	}
}

// TestDeathsInC has threads that C made die: the runtime raises their signals
// anew, and only the first one tells.
func TestDeathsInC(t *testing.T) {
	needCores(t)
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no C compiler")
	}
	for _, toolchain := range toolchains() {
		t.Run("toolchain"+toolchain, func(t *testing.T) {
			binary, minor := deathProgram(t, "cthread", toolchain, "1")
			for scenario, want := range map[string]gort.Signal{
				"fault": {Name: "SIGSEGV", CodeName: "SEGV_MAPERR", FaultAddr: 0x1230, Who: gort.SenderKernel},
				"raise": {Name: "SIGSEGV", CodeName: "SI_TKILL", Who: gort.SenderSelf},
				"abort": {Name: "SIGABRT", CodeName: "SI_TKILL", Who: gort.SenderSelf},
			} {
				t.Run(scenario, func(t *testing.T) {
					c := die(t, binary, scenario, minor).crash
					kind := gort.CrashSignal
					if scenario == "abort" {
						kind = gort.CrashAbortSelf
					}
					s := c.First
					if c.Kind != kind || s == nil || s.Name != want.Name || s.CodeName != want.CodeName || s.FaultAddr != want.FaultAddr || s.Who != want.Who {
						t.Errorf("%s, signal %+v; want %s, %+v", c.Kind, s, kind, want)
					}
					if c.Goroutine != 0 || c.Dump == nil || c.Dump.CodeName != "SI_TKILL" || c.Thread != c.Dump.Thread {
						t.Errorf("goroutine %v, thread %d, core of signal %+v", c.Goroutine, c.Thread, c.Dump)
					}
				})
			}
		})
	}
}

// TestDelveAtDeath has Delve dump processes at the moment of their death, when
// the runtime has not yet marked the thread.
func TestDelveAtDeath(t *testing.T) {
	delve, err := exec.LookPath("dlv")
	if err != nil {
		t.Skip("no dlv")
	}
	for _, toolchain := range toolchains() {
		t.Run("toolchain"+toolchain, func(t *testing.T) {
			binary, _ := deathProgram(t, "death", toolchain, "0")
			for scenario, want := range map[string]gort.Crash{
				"faults":     {Kind: gort.CrashPanic, Message: "runtime error: index out of range [7] with length 3"},
				"printed":    {Kind: gort.CrashFatal, Message: "sync: unlock of unlocked mutex"},
				"breakpoint": {Kind: gort.CrashSnapshot},
			} {
				t.Run(scenario, func(t *testing.T) {
					core := filepath.Join(t.TempDir(), "core")
					commands := filepath.Join(filepath.Dir(core), "commands")
					if err := os.WriteFile(commands, []byte("continue\ndump "+core+"\nexit\n"), 0o600); err != nil {
						t.Fatal(err)
					}
					cmd := exec.Command(delve, "exec", "--check-go-version=false", "--allow-non-terminal-interactive=true", "--init", commands, binary, scenario)
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Skipf("%s: %v\n%s", cmd, err, out)
					}
					s, err := coreread.Open(context.Background(), coreread.Config{Core: core, Binary: binary})
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					if got := s.Runtime.Crash(); got.Kind != want.Kind || got.Message != want.Message {
						t.Errorf("%s %q, want %s %q", got.Kind, got.Message, want.Kind, want.Message)
					}
				})
			}
		})
	}
}

// checkTypes compares the types of the panics with those that the process printed.
func checkTypes(t *testing.T, d *died) {
	want := append(strings.Split(strings.TrimSpace(d.stdout), "\n"), "string")
	var got []string
	for _, p := range d.crash.Panics {
		got = append(got, p.Type)
	}
	if !slices.Equal(got, want) {
		t.Errorf("types %q\nwant %q", got, want)
	}
}

func checkGoexit(t *testing.T, d *died) {
	n := len(d.crash.Panics)
	if n < 2 || !d.crash.Panics[1].Goexit || d.crash.Panics[1].Message != "" {
		t.Errorf("want a Goexit behind the newest panic: %+v", d.crash.Panics)
	}
	if d.minor < 22 && n >= 2 && !d.crash.Panics[1].Aborted {
		t.Error("the Goexit is not aborted")
	}
}

// checkOrigin returns a check of the function in which it began.
func checkOrigin(function string) func(*testing.T, *died) {
	return func(t *testing.T, d *died) {
		if got := origin(d.Runtime, d.crash); strings.TrimPrefix(got, "internal/") != function {
			t.Errorf("it began in %s, want %s", got, function)
		}
	}
}

// origin is the innermost function of the frame in which a crash began.
func origin(p *gort.Process, c *gort.Crash) string {
	var s gort.Stack
	g, err := p.GoroutineAt(c.Goroutine)
	if err != nil {
		return err.Error()
	}
	p.Stack(&g, &s)
	if c.FrameStart >= len(s.Inner) {
		return "a frame that is not there"
	}
	return p.Source(s.Inner[c.FrameStart])[0].Func
}

func checkRecoveredFault(t *testing.T, d *died) {
	checkOrigin("main.recoveredFault")(t, d)
	first := d.crash.First
	if first == nil || first.Name != "SIGSEGV" || first.Who != gort.SenderKernel || first.PC == 0 {
		t.Fatalf("signal %+v", first)
	}
	// Go 1.21 and older overwrite code and address; the print shows what with.
	if known := d.minor >= 22; first.HasCode != known || first.HasFault != known {
		t.Errorf("code and address known: %v, %v, want %v", first.HasCode, first.HasFault, known)
	}
}

func checkPrinted(t *testing.T, d *died) {
	const end = "line 98\nline 99\nfatal error: printed too\nfatal error: sync: unlock of unlocked mutex\n"
	if tail := d.crash.PrintTail; len(tail) != 512 || !strings.HasSuffix(tail, end) || !strings.Contains(d.stderr, tail) {
		t.Errorf("%d bytes of what was printed: %q", len(tail), tail)
	}
	checkOrigin("sync.(*Mutex).unlockSlow")(t, d)
}

func checkQuit(t *testing.T, d *died) {
	c := d.crash
	if c.Kind != gort.CrashAbortSelf || c.First.Who != gort.SenderSelf || c.First.SenderPID != d.Core.Process.PID || len(c.Relayed) == 0 {
		t.Errorf("%s, signal %+v, %d relayed", c.Kind, c.First, len(c.Relayed))
	}
	if slices.Contains(c.Relayed, c.Machine) {
		t.Error("the thread that was hit counts as relayed")
	}
}

// checkAsPrinted holds a crash against what the process printed.
func checkAsPrinted(t *testing.T, c *gort.Crash, p *gort.Process, stderr string) {
	t.Helper()
	for _, err := range c.Doubts {
		t.Errorf("doubt: %v", err)
	}
	print := traceback.Parse(stderr)
	fatal := strings.Contains(stderr, "fatal error: ")
	switch {
	case len(print.Panics) > 0 && !fatal:
		if c.Kind != gort.CrashPanic {
			t.Errorf("kind %s, but it printed a panic", c.Kind)
		}
		if last := print.Panics[len(print.Panics)-1]; strings.ReplaceAll(c.Message, "\n\t", "\n") != strings.ReplaceAll(last.Value, "\n\t", "\n") && c.Panics[0].Type != "string" {
			t.Errorf("message %q, printed %q", c.Message, last.Value)
		}
		if printed := p.PrintedPanics(c.Panics); !strings.Contains("\n"+stderr, "\n"+printed) {
			t.Errorf("panics as they would print:\n%s\nprinted:\n%.3000s", printed, stderr)
		}
	case fatal:
		checkFatal(t, c, stderr)
	case len(print.Signals) > 0:
		checkSignal(t, c, &print.Signals[0])
	}
	if len(print.Signals) > 0 && print.Signals[0].Panic && (c.First == nil || c.First.HasCode) {
		checkFault(t, c, &print.Signals[0], stderr)
	}
	checkGoroutine(t, c, p, print)
}

func checkFatal(t *testing.T, c *gort.Crash, stderr string) {
	t.Helper()
	// What the program printed itself comes first.
	_, last, _ := strings.Cut(stderr[strings.LastIndex(stderr, "fatal error: "):], ": ")
	last, _, _ = strings.Cut(last, "\n")
	want := gort.CrashFatal
	switch {
	case strings.HasSuffix(last, "deadlock!"):
		want = gort.CrashDeadlock
	case strings.HasSuffix(last, "out of memory"), strings.HasSuffix(last, "cannot allocate memory"):
		want = gort.CrashOutOfMemory
	}
	if c.Kind != want || c.Message != last {
		t.Errorf("%s %q, printed %q", c.Kind, c.Message, last)
	}
}

func checkSignal(t *testing.T, c *gort.Crash, printed *traceback.Signal) {
	t.Helper()
	s := c.First
	if s == nil || c.Machine == nil {
		t.Fatalf("%s, no signal; printed %+v", c.Kind, printed)
	}
	if s.Name != printed.Name || s.Text() != printed.Name+": "+printed.Text || int64(s.Code) != printed.Code || uint64(s.PC) != printed.PC || c.Machine.ID != printed.M {
		t.Errorf("signal %+v of m%d, printed %+v", s, c.Machine.ID, printed)
	}
	if printed.HasAddr && s.HasFault && uint64(s.FaultAddr) != printed.Addr {
		t.Errorf("fault at %v, printed %#x", s.FaultAddr, printed.Addr)
	}
	if c.Message != s.Text() {
		t.Errorf("message %q", c.Message)
	}
}

func checkFault(t *testing.T, c *gort.Crash, printed *traceback.Signal, stderr string) {
	t.Helper()
	if c.First == nil || !strings.Contains(stderr, c.First.RuntimeLine()+"\n") {
		t.Errorf("fault %+v, printed %+v", c.First, printed)
	}
}

// checkGoroutine compares the goroutine with the first one printed.
func checkGoroutine(t *testing.T, c *gort.Crash, p *gort.Process, print *traceback.Print) {
	t.Helper()
	if len(print.Blocks) == 0 || c.Kind == gort.CrashSnapshot || c.Kind == gort.CrashDeadlock {
		return
	}
	first := print.Blocks[0]
	for _, b := range print.Blocks {
		// Behind the system stack stands the goroutine that the thread had.
		if first = b; b.ID != 0 && !b.RuntimeStack {
			break
		}
	}
	if c.Goroutine == 0 {
		if b := print.Blocks[0]; b.ID != 0 {
			t.Errorf("no goroutine, printed %d", b.ID)
		}
		return
	}
	g, err := p.GoroutineAt(c.Goroutine)
	if err != nil {
		t.Fatal(err)
	}
	if g.ID != first.ID {
		t.Errorf("goroutine %d, printed %d", g.ID, first.ID)
	}
}
