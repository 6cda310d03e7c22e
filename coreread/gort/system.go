package gort

import "strings"

// userStarts are functions of package runtime in which goroutines of the
// program itself begin.
var userStarts = map[string]bool{
	"runtime.main":             true,
	"runtime.corostart":        true,
	"runtime.handleAsyncEvent": true,
}

// IsSystem reports whether g is the runtime's own, which a traceback hides by
// default. The goroutines that run finalizers and cleanups are not while they run
// the program's code (runtime.isSystemGoroutine in traceback.go).
func (p *Process) IsSystem(g *Goroutine) bool {
	fn, ok := p.FuncAt(g.StartPC)
	if !ok {
		return false
	}
	switch name := fn.Name(); name {
	case "runtime.runfinq", "runtime.runFinalizers": // until Go 1.24, and since
		return !p.runsFinalizer()
	case "runtime.runCleanups":
		return !g.runningCleanups
	default:
		return strings.HasPrefix(name, "runtime.") && !userStarts[name]
	}
}

// fingRunningFinalizer is a bit of runtime.fingStatus (mfinal.go, Go 1.20 and newer).
const fingRunningFinalizer = 1 << 1

// runsFinalizer reports whether the finalizer goroutine is in the program's code:
// a bit since Go 1.20, a variable of its own before. Unknown counts as not.
func (p *Process) runsFinalizer() bool {
	if at, err := p.global("runtime.fingStatus"); err == nil {
		status, err := p.Image.Uint32(at)
		return err == nil && status&fingRunningFinalizer != 0
	}
	at, err := p.global("runtime.fingRunning")
	if err != nil {
		return false
	}
	running, err := p.Image.Uint8(at)
	return err == nil && running != 0
}
