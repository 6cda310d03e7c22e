package gort_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/exe"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
	"postmortem/coreread/layout"
	"postmortem/internal/corewriter"
)

// world is a process made up for a test: a real binary's variables, and
// structures of the runtime filled in by hand. It says nothing of whether the
// layouts are right, which real cores tell, but any state can be had.
type world struct {
	t       testing.TB
	bin     *exe.Binary
	lay     *layout.Layout
	memory  []corewriter.Segment // the binary's variables, then the arena
	threads []corewriter.Thread
	files   []corewriter.File
	next    uint64 // free address of the arena
}

const (
	arenaStart = 0xc000000000
	arenaSize  = 1 << 20
)

var built sync.Map // GOARCH -> func() (string, error)

// program builds a program that does nothing, once for an architecture.
func program(t testing.TB, goarch string) string {
	t.Helper()
	build, _ := built.LoadOrStore(goarch, sync.OnceValues(func() (string, error) { return buildProgram(goarch) }))
	path, err := build.(func() (string, error))()
	if err != nil {
		t.Fatalf("building a program: %v", err)
	}
	return path
}

func buildProgram(goarch string) (string, error) {
	dir, err := os.MkdirTemp("", "postmortem-gort-")
	if err != nil {
		return "", err
	}
	temporary.add(dir)
	files := map[string]string{"go.mod": "module example.com/nothing\n", "main.go": "package main\n\nfunc main() {}\n"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	cmd := exec.Command("go", "build", "-o", "nothing", "-ldflags=-w", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+goarch, "CGO_ENABLED=0", "GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off")
	cmd.Stderr = new(bytes.Buffer)
	if err := cmd.Run(); err != nil {
		return "", &buildError{err, cmd.Stderr.(*bytes.Buffer).String()}
	}
	return filepath.Join(dir, "nothing"), nil
}

type buildError struct {
	err    error
	output string
}

func (e *buildError) Error() string { return e.err.Error() + ": " + strings.TrimSpace(e.output) }

// temporary is what TestMain removes.
var temporary directories

type directories struct {
	mu   sync.Mutex
	list []string
}

func (d *directories) add(dir string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, dir)
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, dir := range temporary.list {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

func openFile(t testing.TB, path string) *input.File {
	t.Helper()
	f, err := input.Open(context.Background(), path, input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// newWorld is a process before its runtime did anything.
func newWorld(t testing.TB, goarch string) *world {
	t.Helper()
	bin, err := exe.Open(openFile(t, program(t, goarch)))
	if err != nil {
		t.Fatal(err)
	}
	lay, err := layout.Resolve(bin)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, bin: bin, lay: lay, next: arenaStart}
	for _, s := range bin.Segments() {
		if !s.Writable() {
			continue
		}
		data := make([]byte, s.Len())
		copy(data, bin.Image().Present(s.Range))
		w.memory = append(w.memory, corewriter.Segment{Addr: uint64(s.Start), Flags: corewriter.R | corewriter.W, Data: data})
	}
	w.memory = append(w.memory, corewriter.Segment{Addr: arenaStart, Flags: corewriter.R | corewriter.W, Data: make([]byte, arenaSize)})
	w.put64(w.global("runtime.allm"), w.global("runtime.m0")) // the first M, on no thread
	return w
}

// alloc returns the address of n zero bytes.
func (w *world) alloc(n uint64) uint64 {
	at := w.next
	w.next += (n + 4095) &^ 4095
	if w.next > arenaStart+arenaSize {
		w.t.Fatal("the arena is full")
	}
	return at
}

// object returns the address of a structure.
func (w *world) object(typ string) uint64 { return w.alloc(w.lay.Struct(typ).Size()) }

// global returns the address of a variable.
func (w *world) global(name string) uint64 {
	w.t.Helper()
	at, _, err := w.bin.Global(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return uint64(at)
}

// bytes is the memory from at on.
func (w *world) bytes(at uint64) []byte {
	w.t.Helper()
	for _, s := range w.memory {
		if at >= s.Addr && at < s.Addr+uint64(len(s.Data)) {
			return s.Data[at-s.Addr:]
		}
	}
	w.t.Fatalf("no memory at %#x", at)
	return nil
}

func (w *world) put64(at, v uint64) { binary.LittleEndian.PutUint64(w.bytes(at), v) }

// set writes a field of at most 8 bytes, as wide as it is.
func (w *world) set(at uint64, typ, path string, v uint64) {
	w.t.Helper()
	s := w.lay.Struct(typ)
	f := s.Field(path)
	if s.Err() != nil {
		w.t.Fatal(s.Err())
	}
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], v)
	copy(w.bytes(at + f.Offset)[:f.Size], word[:])
}

// setString writes a string's header and its bytes.
func (w *world) setString(at uint64, typ, path, text string) {
	w.t.Helper()
	off := w.lay.Struct(typ).Offset(path)
	data := w.alloc(uint64(len(text)))
	copy(w.bytes(data), text)
	w.put64(at+off, data)
	w.put64(at+off+8, uint64(len(text)))
}

func (w *world) sched(path string, v uint64) {
	w.t.Helper()
	w.set(w.global("runtime.sched"), "runtime.schedt", path, v)
}

// processors makes n Ps and returns their addresses.
func (w *world) processors(n int) []uint64 {
	w.t.Helper()
	list := w.alloc(uint64(n) * 8)
	var ps []uint64
	for i := range n {
		p := w.object("runtime.p")
		w.set(p, "runtime.p", "id", uint64(i))
		w.put64(list+uint64(i)*8, p)
		ps = append(ps, p)
	}
	all := w.global("runtime.allp")
	w.put64(all, list)
	w.put64(all+8, uint64(n))
	w.put64(all+16, uint64(n))
	binary.LittleEndian.PutUint32(w.bytes(w.global("runtime.gomaxprocs")), uint32(n))
	return ps
}

// machine makes an M with a thread whose registers stand in a Go function, n
// bytes behind its entry; holding says whether it has the P.
func (w *world) machine(tid int32, p uint64, function string, n uint64) (m uint64) {
	w.t.Helper()
	m = w.object("runtime.m")
	head := w.global("runtime.allm")
	w.set(m, "runtime.m", "alllink", binary.LittleEndian.Uint64(w.bytes(head)))
	w.put64(head, m)
	w.set(m, "runtime.m", "procid", uint64(tid))
	w.set(m, "runtime.m", "id", uint64(tid))
	if p != 0 {
		w.set(m, "runtime.m", "p", p)
		w.set(p, "runtime.p", "m", m)
	}
	fn, ok := w.bin.Funcs().ByName(function)
	if !ok {
		w.t.Fatalf("the binary has no %s", function)
	}
	pc, sp := uint64(fn.Entry())+n, w.alloc(4096)+2048
	thread := corewriter.Thread{TID: tid}
	thread.AMD64.RIP, thread.AMD64.RSP, thread.AMD64.OrigRAX = pc, sp, 1<<64-1
	thread.ARM64.PC, thread.ARM64.SP = pc, sp
	w.threads = append(w.threads, thread)
	return m
}

// goroutine makes a g that is on m.
func (w *world) goroutine(m, id uint64, status layout.GStatus) (g uint64) {
	g = w.object("runtime.g")
	stack := w.alloc(8192)
	w.set(g, "runtime.g", "goid", id)
	w.set(g, "runtime.g", "atomicstatus", uint64(status))
	w.set(g, "runtime.g", "m", m)
	w.set(g, "runtime.g", "stack.lo", stack)
	w.set(g, "runtime.g", "stack.hi", stack+8192)
	w.set(m, "runtime.m", "curg", g)
	return g
}

// open makes the core and reads it.
func (w *world) open() *gort.Process {
	w.t.Helper()
	machine := uint16(w.bin.Machine())
	core := corewriter.Core{Machine: machine, Memory: w.memory}
	var notes []corewriter.Note
	for _, th := range w.threads {
		notes = append(notes, corewriter.PRStatus(machine, th))
	}
	if w.files != nil {
		notes = append(notes, corewriter.Files(w.files...))
	}
	core.Notes = [][]corewriter.Note{notes}
	path := filepath.Join(w.t.TempDir(), "core")
	if err := os.WriteFile(path, core.Bytes(), 0o600); err != nil {
		w.t.Fatal(err)
	}
	c, err := elfcore.Read(openFile(w.t, path))
	if err != nil {
		w.t.Fatal(err)
	}
	loaded, err := w.bin.Loaded(0)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range loaded {
		c.Image.Add(l.Start, l.Data, image.FromBinary)
	}
	p, err := gort.New(c, w.bin, w.lay, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

var goarches = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// each runs a test for both architectures.
func each(t *testing.T, test func(t *testing.T, w *world)) {
	for goarch := range goarches {
		t.Run(goarch, func(t *testing.T) { test(t, newWorld(t, goarch)) })
	}
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// known fails when a value is unknown.
func known[T any](t *testing.T, what string, v *T) (zero T) {
	t.Helper()
	if v == nil {
		t.Errorf("%s is unknown", what)
		return zero
	}
	return *v
}
