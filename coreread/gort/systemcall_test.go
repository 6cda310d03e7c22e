package gort_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"postmortem/coreread/gort"
	"postmortem/coreread/layout"
	"postmortem/internal/testcores"
)

// printedCall is a goroutine in a system call as a traceback prints it, with the
// arguments of syscall.Syscall: number and first argument.
var printedCall = regexp.MustCompile(`(?m)^goroutine (\d+) .*\[syscall.*\n(?:goroutine .*\n)?syscall\.Syscall6?\((0x[0-9a-f]+\??), (0x[0-9a-f]+\??), `)

// TestSystemCallsAsPrinted holds the calls of threads against the arguments that
// the process printed of syscall.Syscall. What it prints with a question mark may
// have been overwritten.
func TestSystemCallsAsPrinted(t *testing.T) {
	sure := 0
	for _, c := range testcores.All(t) {
		if c.Program != "small" && c.Program != "rich" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			printed := printedCall.FindAllStringSubmatch(c.Stderr(t), -1)
			if len(printed) == 0 {
				t.Fatal("the process printed no goroutine in a system call")
			}
			calls := callsByGoroutine(openCore(t, c))
			for _, m := range printed {
				call, ok := calls[m[1]]
				fd, fdOK := call.FD()
				if !ok || !fdOK || call.Name != "read" {
					t.Errorf("goroutine %s: %+v, descriptor known %v; want a read", m[1], call, fdOK)
					continue
				}
				if strings.HasSuffix(m[2], "?") || strings.HasSuffix(m[3], "?") {
					continue
				}
				sure++
				if got := fmt.Sprintf("%#x, %#x", call.Number, fd); got != m[2]+", "+m[3] {
					t.Errorf("goroutine %s: call %s, printed as %s, %s", m[1], got, m[2], m[3])
				}
			}
		})
	}
	if sure < 15 {
		t.Errorf("only %d calls were printed with their arguments", sure)
	}
}

func callsByGoroutine(p *gort.Process) map[string]gort.SystemCall {
	calls := map[string]gort.SystemCall{}
	for _, th := range p.Threads() {
		if c, ok := p.SystemCall(th); ok && th.GoID != 0 {
			calls[strconv.FormatUint(th.GoID, 10)] = c
		}
	}
	return calls
}

// TestSystemCallNumbers holds the names against those of package syscall, which
// come from the kernel.
func TestSystemCallNumbers(t *testing.T) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	constant := regexp.MustCompile(`(?m)^\s*SYS_(\w+)\s*=\s*(\d+)`)
	for _, goarch := range []string{"amd64", "arm64"} {
		source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "src/syscall/zsysnum_linux_"+goarch+".go"))
		if err != nil {
			t.Fatal(err)
		}
		numbers := map[string]string{}
		for _, m := range constant.FindAllStringSubmatch(string(source), -1) {
			numbers[strings.ToLower(m[1])] = m[2]
		}
		if n, ok := numbers["fstatat"]; ok {
			numbers["newfstatat"] = n
		}
		checked := 0
		for number, name := range gort.SystemCallNames(goarch) {
			if want, ok := numbers[name]; ok {
				checked++
				if want != strconv.FormatUint(number, 10) {
					t.Errorf("%s: %s is %d, package syscall has %s", goarch, name, number, want)
				}
			}
		}
		if checked < 70 {
			t.Errorf("%s: only %d names are in package syscall", goarch, checked)
		}
	}
	known := map[string]bool{}
	for _, name := range gort.SystemCallNames("amd64") {
		known[name] = true
	}
	for _, name := range gort.DescriptorCallNames() {
		if !known[name] {
			t.Errorf("%s, which takes a descriptor, has no number", name)
		}
	}
}

// TestSystemCallState is what can be known of a call by where the thread stands.
func TestSystemCallState(t *testing.T) {
	for goarch, instruction := range map[string]string{"amd64": "\x0f\x05", "arm64": "\x01\x00\x00\xd4"} {
		w := newWorld(t, goarch)
		fn, _ := w.bin.Funcs().ByName("runtime.read")
		body, err := w.bin.Image().Bytes(fn.Entry(), uint64(fn.End()-fn.Entry()))
		if err != nil {
			t.Fatal(err)
		}
		at := strings.Index(string(body), instruction)
		if at < 0 {
			t.Fatalf("runtime.read of %s makes no system call", goarch)
		}
		w.machine(100, 0, "runtime.read", uint64(at))
		w.machine(101, 0, "runtime.read", uint64(at+len(instruction)))
		w.machine(102, 0, "runtime.read", 0)
		for i := range w.threads {
			w.threads[i].AMD64.OrigRAX, w.threads[i].AMD64.RDI = 0, 9
			w.threads[i].ARM64.X[8], w.threads[i].ARM64.X[0] = 63, 9
		}
		w.goroutine(w.machine(103, 0, "main.main", 0), 5, layout.GRunning)
		p := w.open()
		threads := p.Threads()
		for i, want := range map[string][]string{
			// Of a thread that the kernel stopped, arm64 has put back the pc and the
			// first argument; behind the instruction stands the result in its place.
			"amd64": {"no call", "read(9)", "no call", "no call"},
			"arm64": {"read(9)", "read", "no call", "no call"},
		}[goarch] {
			got := "no call"
			if c, ok := p.SystemCall(threads[i]); ok {
				got = c.Name
				if fd, ok := c.FD(); ok {
					got += fmt.Sprintf("(%d)", fd)
				}
			}
			if got != want {
				t.Errorf("%s: thread %d: %s, want %s", goarch, threads[i].TID, got, want)
			}
		}
	}
}
