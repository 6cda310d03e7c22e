package traceback_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postmortem/internal/traceback"
)

func TestHeaders(t *testing.T) {
	for text, want := range map[string]traceback.Goroutine{
		"goroutine 1 [running]:": {ID: 1, M: -1, Status: "running"},
		"goroutine 0 [idle]:":    {M: -1, Status: "idle"},
		"goroutine 7 gp=0xc0000061c0 m=3 mp=0xc000100008 [running]:": {
			ID: 7, HasM: true, GP: 0xc0000061c0, M: 3, MP: 0xc000100008, Status: "running",
		},
		"goroutine 8 gp=0xc0000061c0 m=nil [chan receive (nil chan), 3 minutes, locked to thread]:": {
			ID: 8, HasM: true, GP: 0xc0000061c0, M: -1, Status: "chan receive (nil chan)", Minutes: 3, Locked: true,
		},
		"goroutine 9 [select (no cases)]:":                                   {ID: 9, M: -1, Status: "select (no cases)"},
		"goroutine 9 [select (durable), synctest bubble 4]:":                 {ID: 9, M: -1, Status: "select", Durable: true, Bubble: 4},
		"goroutine 9 [sleep, synctest group 18]:":                            {ID: 9, M: -1, Status: "sleep", Bubble: 18},
		"goroutine 9 [chan send (leaked) (scan), 20 minutes]:":               {ID: 9, M: -1, Status: "chan send", Leaked: true, Scan: true, Minutes: 20},
		"goroutine 9 [waiting (scan)]:":                                      {ID: 9, M: -1, Status: "waiting", Scan: true},
		"goroutine 9 [GC worker (idle)]:":                                    {ID: 9, M: -1, Status: "GC worker (idle)"},
		`goroutine 9 [chan receive labels:{"a": "b]: {c", "d\n": "\"}]:"}]:`: {ID: 9, M: -1, Status: "chan receive", Labels: []traceback.Label{{"a", "b]: {c"}, {"d\n", `"}]:`}}},
		`goroutine 9 [select, 2 minutes] {tenant: blue, "x y": "1, 2", a/b: c.d_e}:`: {
			ID: 9, M: -1, Status: "select", Minutes: 2, Labels: []traceback.Label{{"tenant", "blue"}, {"x y", "1, 2"}, {"a/b", "c.d_e"}},
		},
		"goroutine 18446744073709551615 [???]:": {ID: 1<<64 - 1, M: -1, Status: "???"},
	} {
		p := traceback.Parse("panic: x\n\n" + text + "\n")
		if len(p.Blocks) != 1 {
			t.Errorf("%s: %d blocks, notes %v", text, len(p.Blocks), p.Notes)
			continue
		}
		if diff := cmp.Diff(want, p.Blocks[0].Goroutine); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestNoHeaders(t *testing.T) {
	for _, text := range []string{
		"goroutine", "goroutine 1", "goroutine 1:", "goroutine x [running]:", "goroutine 1 [running]", "goroutine -1 [running]:",
		"goroutine 1 [running:", "goroutine 1 gp=1 [running]:", "goroutine 1 q=0x1 [running]:", "goroutine 18446744073709551616 [running]:",
		`goroutine 1 [running] {"a: b}:`, `goroutine 1 [running] x:`, ` goroutine 1 [running]:`,
	} {
		p := traceback.Parse(text + "\n")
		if len(p.Blocks) != 0 || len(p.Notes) != 1 || p.Notes[0].Text != text {
			t.Errorf("%q: blocks %+v, notes %+v", text, p.Blocks, p.Notes)
		}
	}
}

func TestFrames(t *testing.T) {
	p := traceback.Parse(`goroutine 1 [running]:
panic({0x4a9a40?, 0x574ee0?})
	runtime/panic.go:879 +0x16f fp=0x2824198719d0 sp=0x282419871920 pc=0x47a8cf
runtime.panicmem(...)
	runtime/panic.go:336
main.(*queue[...]).pop.func1({_, 0x1, ...})
	/home/a b/x: y/main.go:44
main.f()
	main.go:1 fp=0x10 sp=0x8 pc=0x4
...17 frames elided...
net/http.HandlerFunc.ServeHTTP(0xc0001, {0x1, 0x2})
	net/http/server.go:2294 +0x29
...additional frames elided...
non-Go function at pc=0x7f00
c_callback
	/src/lib (old)/cb.c:12 pc=0x7f11
non-Go function
	pc=0x7f12
created by example.com/x.(*T).start.func1 in goroutine 18
	example.com/x/x.go:22 +0x2f
`)
	want := traceback.Goroutine{
		ID: 1, M: -1, Status: "running",
		Frames: []traceback.Frame{
			{Func: "panic", Args: "{0x4a9a40?, 0x574ee0?}", File: "runtime/panic.go", Line: 879, Offset: 0x16f, HasPC: true, FP: 0x2824198719d0, SP: 0x282419871920, PC: 0x47a8cf},
			{Func: "runtime.panicmem", Args: "...", File: "runtime/panic.go", Line: 336, Inlined: true},
			{Func: "main.(*queue[...]).pop.func1", Args: "{_, 0x1, ...}", File: "/home/a b/x: y/main.go", Line: 44},
			{Func: "main.f", File: "main.go", Line: 1, HasPC: true, FP: 16, SP: 8, PC: 4},
			{Func: "net/http.HandlerFunc.ServeHTTP", Args: "0xc0001, {0x1, 0x2}", File: "net/http/server.go", Line: 2294, Offset: 0x29},
			{Func: "non-Go function", NonGo: true, HasPC: true, PC: 0x7f00},
			{Func: "c_callback", File: "/src/lib (old)/cb.c", Line: 12, NonGo: true, HasPC: true, PC: 0x7f11},
			{Func: "non-Go function", NonGo: true, HasPC: true, PC: 0x7f12},
		},
		Elided:    []traceback.Elision{{At: 4, Count: 17}, {At: 5, Count: -1}},
		CreatedBy: &traceback.Creator{Func: "example.com/x.(*T).start.func1", Goroutine: 18, File: "example.com/x/x.go", Line: 22, Offset: 0x2f},
	}
	if diff := cmp.Diff(want, p.Blocks[0].Goroutine); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(p.Notes) != 0 {
		t.Errorf("notes %+v", p.Notes)
	}
}

func TestPanics(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []traceback.Panic
	}{
		{"chain", "panic: first [recovered]\n\tpanic: second\n\tpanic: third [recovered, repanicked]\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x8 pc=0x6]\n\n", []traceback.Panic{
			{Line: 1, Value: "first", Recovered: true}, {Line: 2, Value: "second"}, {Line: 3, Value: "third", Recovered: true, Repanicked: true},
		}},
		{"lines as they are", "panic: one\ntwo\n\tthree\n\ngoroutine 1 [running]:\n", []traceback.Panic{{Line: 1, Value: "one\ntwo\n\tthree"}}},
		{"indented lines", "panic: one\n\ttwo\n\t\tthree\n\tpanic: four\n\n", []traceback.Panic{{Line: 1, Value: "one\ntwo\n\tthree"}, {Line: 4, Value: "four"}}},
		{"like a header", "panic: one\ngoroutine 3 [running]:\n\n", []traceback.Panic{{Line: 1, Value: "one\ngoroutine 3 [running]:"}}},
	} {
		p := traceback.Parse(test.text)
		if diff := cmp.Diff(test.want, p.Panics); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestSignals(t *testing.T) {
	p := traceback.Parse(`runtime: goroutine stack exceeds 8388608-byte limit
fatal error: stack overflow
	and more

[signal SIGFPE: floating-point exception code=0x1 addr=0x49 pc=0x49]

runtime stack:
runtime.throw({0x1, 0x2})
	runtime/panic.go:1 +0x1 fp=0x3 sp=0x2 pc=0x1
SIGABRT: abort
PC=0x7f75 m=8 sigcode=18446744073709551610
signal arrived during cgo execution

goroutine 1 gp=0x1e0 m=8 mp=0x808 [syscall]:
	goroutine running on other thread; stack unavailable
created by main.main
	main.go:3 +0x5
goroutine 2 [running]:
main.f()
	main.go:3
rax    0x0
rflags 0x246

-----

SIGQUIT: quit
PC=0x48 m=0 sigcode=0 addr=0x99

goroutine 0 [idle]:
runtime.futex()
	runtime/sys.s:1 +0x1
lr      0x4
`)
	if diff := cmp.Diff([]traceback.Signal{
		{Line: 5, Panic: true, Name: "SIGFPE", Text: "floating-point exception", Code: 1, Addr: 0x49, HasAddr: true, PC: 0x49, M: -1},
		{Line: 10, Name: "SIGABRT", Text: "abort", Code: -6, PC: 0x7f75, M: 8, InCgo: true},
		{Line: 26, Name: "SIGQUIT", Text: "quit", Addr: 0x99, HasAddr: true, PC: 0x48},
	}, p.Signals); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]traceback.Fatal{{Line: 2, Text: "stack overflow\nand more"}}, p.Fatal); diff != "" {
		t.Errorf("fatal (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]traceback.Part{
		{Line: 1, Signal: 1, Registers: []traceback.Register{{21, "rax", 0}, {22, "rflags", 0x246}}},
		{Line: 24, Signal: 2, Registers: []traceback.Register{{32, "lr", 4}}},
	}, p.Parts); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	if len(p.Blocks) != 4 || !p.Blocks[0].RuntimeStack || !p.Blocks[1].StackUnavailable || p.Blocks[1].CreatedBy == nil || p.Blocks[3].Part != 1 {
		t.Errorf("blocks %+v", p.Blocks)
	}
	if diff := cmp.Diff([]uint64{1, 2}, p.IDs()); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

// TestEarlier has a stack that net/http printed, of a goroutine that is printed again at the end.
func TestEarlier(t *testing.T) {
	p := traceback.Parse("http: panic serving 127.0.0.1:1: x\ngoroutine 7 [running]:\nmain.f()\n\tmain.go:1 +0x2\n" +
		"panic: y\n\ngoroutine 7 [runnable]:\nmain.g()\n\tmain.go:2 +0x2\n\ngoroutine 7 [running]:\n")
	if len(p.Earlier) != 1 || len(p.Blocks) != 2 || p.ByID()[7].Status != "runnable" || p.Crashing().Frames[0].Func != "main.g" {
		t.Errorf("earlier %+v, blocks %+v", p.Earlier, p.Blocks)
	}
}

// FuzzParse holds any text against what the doc comments promise.
func FuzzParse(f *testing.F) {
	f.Add("panic: a [recovered]\n\tpanic: b\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4]\n\ngoroutine 1 gp=0x1 m=0 mp=0x2 [running]:\nmain.f(...)\n\tx.go:1\n...2 frames elided...\ncreated by main.g in goroutine 3\n\tx.go:2 +0x4\n")
	f.Add("SIGQUIT: quit\nPC=0x4 m=0 sigcode=0\n\ngoroutine 0 [idle]:\nnon-Go function\n\tpc=0x1\nrax    0x1\n\n-----\n\nfatal error: x\n\ty\nruntime stack:\n")
	f.Add("goroutine 1 [select labels:{\"a\": \"b\"}]:\n[originating from goroutine 2]:\nmain.f(...)\n\tx.go:1 +0x1\n...additional frames elided...\n")
	f.Add("goroutine 1 [select (leaked) (scan) (durable), 1 minutes, synctest bubble 1] {a: b, \"c\": d}:\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		p := traceback.Parse(text)
		n := strings.Count(text, "\n") + 1
		if len(p.Parts) == 0 || len(p.Parts) > n {
			t.Fatalf("%d parts of %d lines", len(p.Parts), n)
		}
		used := len(p.Notes) + len(p.Panics) + len(p.Fatal) + len(p.Signals)
		for _, b := range append(append([]traceback.Block{}, p.Earlier...), p.Blocks...) {
			if b.Line < 1 || b.Line > n || b.Part < 0 || b.Part >= len(p.Parts) {
				t.Fatalf("block at line %d in part %d", b.Line, b.Part)
			}
			used += 1 + len(b.Frames) + len(b.Elided) + len(b.Notes) + len(b.Ancestors)
			for _, e := range b.Elided {
				if e.At < 0 || e.At > len(b.Frames) || e.Count < -1 {
					t.Fatalf("elision %+v among %d frames", e, len(b.Frames))
				}
			}
		}
		if used > n {
			t.Fatalf("%d things out of %d lines", used, n)
		}
		for _, part := range p.Parts {
			if part.Signal < -1 || part.Signal >= len(p.Signals) {
				t.Fatalf("part with signal %d of %d", part.Signal, len(p.Signals))
			}
		}
	})
}
