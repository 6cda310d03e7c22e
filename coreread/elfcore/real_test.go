package elfcore_test

import (
	"bufio"
	"context"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/input"
)

const faultingProgram = `package main

import (
	"fmt"
	"os"
	"time"
)

var page = make([]byte, 1<<20)

func main() {
	for i := range page {
		page[i] = 0x5a
	}
	for range 5 {
		go time.Sleep(time.Hour)
	}
	fmt.Printf("%d %p\n", os.Getpid(), &page[0])
	if len(os.Args) > 1 {
		time.Sleep(time.Hour)
	}
	var p *int
	*p = 1
}
`

// program builds the program that the tests dump.
func program(t *testing.T, dir string) string {
	t.Helper()
	source, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "faulting")
	if err := os.WriteFile(source, []byte(faultingProgram), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", binary, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return binary
}

// started is what the program printed first.
type started struct {
	pid  int
	page uint64
}

func parseStarted(t *testing.T, line string) started {
	t.Helper()
	var s started
	fields := strings.Fields(line)
	if len(fields) < 2 {
		t.Fatalf("the program printed %q", line)
	}
	s.pid, _ = strconv.Atoi(fields[0])
	s.page, _ = strconv.ParseUint(strings.TrimPrefix(fields[1], "0x"), 16, 64)
	return s
}

// TestKernelCore dumps a fresh process, where the machine lets a process dump
// into its directory, and holds what is read against the process's own words
// and against readelf.
func TestKernelCore(t *testing.T) {
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil || strings.ContainsAny(string(pattern), "|/") || runtime.GOARCH != "amd64" {
		t.Skipf("core_pattern is %q: no core would come here", pattern)
	}
	dir := t.TempDir()
	binary := program(t, dir)
	run := exec.Command("sh", "-c", "ulimit -c unlimited && exec "+binary)
	run.Dir = dir
	run.Env = append(os.Environ(), "GOTRACEBACK=crash")
	out, _ := run.Output()
	said := parseStarted(t, string(out))
	cores, _ := filepath.Glob(filepath.Join(dir, "*core*"))
	if len(cores) != 1 {
		t.Skipf("no core was written: %v", cores)
	}
	c := checkReal(t, cores[0], elfcore.Kernel, said)
	if c.Signal == nil || c.Signal.Signo != 6 || c.Signal.PID != said.pid || !c.Signal.HasSender() || c.Threads[0].Signal != 6 {
		t.Errorf("signal %+v", c.Signal)
	}
	compareWithGDB(t, binary, cores[0], c.Threads[0])

	// All that an intact core of a pure Go process lacks is the binary's own.
	for _, m := range c.MissingRanges() {
		s, ok := c.SegmentAt(m.Start)
		if m.Path != binary || m.Cut || !ok || s.Flags&elf.PF_W != 0 {
			t.Errorf("missing %+v of segment %+v", m, s)
		}
	}
	if c.MissingBytes() == 0 {
		t.Error("nothing is missing, not even the text")
	}
}

// compareWithGDB holds the registers of the first thread against gdb's, where
// it is installed.
func compareWithGDB(t *testing.T, binary, core string, th elfcore.Thread) {
	t.Helper()
	out, err := exec.Command("gdb", "--nx", "--batch", "-ex", "info registers", "-ex", "print/x $orig_rax", binary, core).Output()
	if err != nil {
		t.Logf("gdb is not to be had: %v", err)
		return
	}
	seen := 0
	for _, m := range regexp.MustCompile(`(?m)^([a-z_0-9]+) +(0x[0-9a-f]+) `).FindAllStringSubmatch(string(out), -1) {
		want, _ := strconv.ParseUint(m[2], 0, 64)
		got, ok := th.Regs.Get(m[1])
		if !ok {
			continue // vector registers' masks
		}
		seen++
		if got != want {
			t.Errorf("register %s = %#x, gdb: %#x", m[1], got, want)
		}
	}
	if seen < 24 {
		t.Errorf("gdb shows %d registers that are known:\n%s", seen, out)
	}
	if !strings.Contains(string(out), "LWP "+strconv.Itoa(th.TID)) {
		t.Errorf("thread %d is not gdb's first:\n%s", th.TID, out)
	}
}

// TestGCore dumps a living process with gdb, where it is installed. The core
// takes more than a gigabyte: gcore writes out what Go only reserved.
func TestGCore(t *testing.T) {
	gcore, err := exec.LookPath("gcore")
	if err != nil || runtime.GOARCH != "amd64" || testing.Short() {
		t.Skip("no gcore, or no time")
	}
	dir := t.TempDir()
	run := exec.Command(program(t, dir), "stay")
	stdout, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	defer run.Wait()
	defer run.Process.Kill()
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	said := parseStarted(t, line)
	tasks, err := os.ReadDir("/proc/" + strconv.Itoa(said.pid) + "/task")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, gcore, "-o", filepath.Join(dir, "core"), strconv.Itoa(said.pid)).CombinedOutput(); err != nil {
		t.Skipf("gcore: %v\n%s", err, out)
	}
	c := checkReal(t, filepath.Join(dir, "core."+strconv.Itoa(said.pid)), elfcore.GCore, said)
	tids := map[string]bool{}
	for _, th := range c.Threads {
		tids[strconv.Itoa(th.TID)] = true
		if th.SigInfo == nil {
			t.Errorf("thread %d has no siginfo", th.TID)
		}
	}
	for _, task := range tasks {
		if !tids[task.Name()] {
			t.Errorf("thread %s of the process is not in the core: %v", task.Name(), tids)
		}
	}
}

func checkReal(t *testing.T, path string, producer elfcore.Producer, said started) *elfcore.Core {
	t.Helper()
	f, err := input.Open(context.Background(), path, input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	c, err := elfcore.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	if c.Producer != producer || c.Cut != nil || len(c.Gaps) != 0 {
		t.Errorf("producer %v, cut %v, gaps %v", c.Producer, c.Cut, c.Gaps)
	}
	if c.Process == nil || c.Process.PID != said.pid || c.Process.Comm != "faulting" {
		t.Errorf("process %+v, want pid %d", c.Process, said.pid)
	}
	if b, err := c.Image.Bytes(addr(said.page), 1<<20); err != nil || strings.Trim(string(b), "\x5a") != "" {
		t.Errorf("the program's own memory at %#x: %v", said.page, err)
	}
	if entry, ok := c.Entry(); !ok || entry < c.Files[0].Start || entry >= c.Files[len(c.Files)-1].End {
		t.Errorf("entry %v, %v", entry, ok)
	}
	compareWithReadelf(t, path, c)
	return c
}

// compareWithReadelf holds segments and notes against binutils' reader.
func compareWithReadelf(t *testing.T, path string, c *elfcore.Core) {
	t.Helper()
	segments, err := exec.Command("readelf", "--wide", "--segments", path).Output()
	if err != nil {
		t.Logf("readelf is not to be had: %v", err)
		return
	}
	load := regexp.MustCompile(`(?m)^  LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+) (0x\w+) ([RWE ]{3})`)
	rows := load.FindAllStringSubmatch(string(segments), -1)
	if len(rows) != len(c.Segments) {
		t.Fatalf("readelf sees %d segments, want %d", len(rows), len(c.Segments))
	}
	for i, row := range rows {
		var n [4]uint64
		for j := range n {
			n[j], _ = strconv.ParseUint(row[1+j], 0, 64)
		}
		var flags elf.ProgFlag
		for letter, flag := range map[string]elf.ProgFlag{"R": elf.PF_R, "W": elf.PF_W, "E": elf.PF_X} {
			if strings.Contains(row[5], letter) {
				flags |= flag
			}
		}
		s := c.Segments[i]
		if s.Offset != n[0] || uint64(s.Start) != n[1] || s.FileBytes != n[2] || s.Len() != n[3] || s.Flags != flags || s.Present != n[2] {
			t.Errorf("segment %d: %+v, readelf: %v", i, s, row[1:])
		}
	}
	notes, err := exec.Command("readelf", "--wide", "--notes", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(notes), "NT_PRSTATUS"); n != len(c.Threads) {
		t.Errorf("%d threads, readelf sees %d", len(c.Threads), n)
	}
	for _, f := range c.Files {
		if info, err := os.Stat(f.Path); err != nil || f.Offset >= uint64(info.Size()) {
			t.Errorf("mapped file %+v: %v", f, err)
		}
	}
}
