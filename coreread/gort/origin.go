package gort

import (
	"strings"

	"postmortem/coreread/image"
)

// panicMachinery are functions, besides those named panic…, that stand on a
// stack between the code that went wrong and the end of the process. What is in
// here only passes the failure on; runtime functions that find it, like those
// of maps and channels, are not.
var panicMachinery = map[string]bool{
	"runtime.gopanic": true, "runtime.sigpanic": true, "runtime.sigpanic0": true,
	"runtime.throw": true, "runtime.fatal": true, "runtime.fatalthrow": true, "runtime.fatalpanic": true,
	"runtime.preprintpanics": true, "runtime.printpanics": true, "runtime.startpanic_m": true, "runtime.dopanic_m": true,
	// Until 1.21 they run deferred calls during a panic.
	"runtime.deferCallSave": true, "runtime.runOpenDeferFrame": true,
	"runtime.crash": true, "runtime.dieFromSignal": true, "runtime.raise": true, "runtime.exit": true, "runtime.abort": true,
	"runtime.systemstack": true, "runtime.systemstack_switch": true,
	// A stack overflow is found while the stack should grow.
	"runtime.newstack": true, "runtime.morestack": true, "runtime.morestack_noctxt": true,
	// throw and fatal as other packages call them.
	"sync.throw": true, "sync.fatal": true, "internal/sync.throw": true, "internal/sync.fatal": true,
	"internal/runtime/maps.fatal": true, "internal/runtime/cgroup.throw": true,
	"crypto/rand.fatal": true, "crypto/internal/sysrand.fatal": true, "crypto/internal/fips140.fatal": true,
}

// isPanicMachinery reports whether a function belongs to panicking itself:
// gopanic, sigpanic, throw and what they call, the checks that the compiler
// inserts, and their function literals.
func isPanicMachinery(name string) bool {
	base, _, _ := strings.Cut(name, ".func")
	return panicMachinery[base] || strings.HasPrefix(base, "runtime.panic") || strings.HasPrefix(base, "runtime.goPanic")
}

// onlyMachinery reports whether every function that a frame stands for is machinery.
func (p *Process) onlyMachinery(f Frame) bool {
	sources := p.Source(f)
	for _, s := range sources {
		if !isPanicMachinery(s.Func) {
			return false
		}
	}
	return len(sources) > 0
}

// PanicOrigin returns the index of the frame that panicked, faulted or called
// throw, in the frames of a stack innermost first: the first one behind the
// runtime's own panic machinery. It is 0 when the stack does not begin with machinery.
func (p *Process) PanicOrigin(frames []Frame) int {
	for i, f := range frames {
		if !p.onlyMachinery(f) {
			return i
		}
	}
	return 0
}

// originOf returns the index of the frame that raised a panic, whose record is
// at the address; -1 when that frame is not among the frames.
func (p *Process) originOf(frames []Frame, record image.Addr) int {
	for i, f := range frames {
		if f.SP <= record && record < f.FP && i+1 < len(frames) {
			return i + 1 + p.PanicOrigin(frames[i+1:])
		}
	}
	return -1
}

// throwOrigin returns the index of the frame that called throw or fatal, in the
// innermost frames of the goroutine whose thread died of it.
func (p *Process) throwOrigin(d *death) int {
	frames := d.stack.Inner
	for i, f := range frames {
		if d.endName != "" && f.SP == d.end.SP && f.PC == d.end.PC {
			return i + p.PanicOrigin(frames[i:])
		}
	}
	return p.PanicOrigin(frames)
}
