package gosync

import (
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// runtimeSemaphores are variables of the runtime that goroutines wait for: of the
// plain ones the variable is the semaphore, in the others it is a field
// (src/runtime: proc.go, mgc.go, metrics.go, trace.go, mprof.go). A version need not
// have all of them.
var runtimeSemaphores = []string{
	"runtime.worldsema", "runtime.gcsema", "runtime.metricsSema", "runtime.traceAdvanceSema", "runtime.traceShutdownSema",
	"runtime.work", "runtime.trace", "runtime.goroutineProfile",
}

// workSemaphores are fields of runtime.work.
var workSemaphores = []string{"startSema", "markDoneSema"}

// namedWords is a variable or a field by its place.
type namedWords struct {
	image.Range
	name string
}

func (r *Reader) findRuntimeSemaphores() (found []namedWords) {
	for _, name := range runtimeSemaphores {
		s, ok := r.p.Exe.Symbol(name)
		if !ok || s.Size == 0 {
			continue
		}
		at := s.Addr.Add(r.p.Bias)
		if name == "runtime.work" {
			found = append(found, fields(at, name, r.p.Layout().Struct("runtime.workType"))...)
			continue
		}
		found = append(found, namedWords{image.Range{Start: at, End: at + image.Addr(s.Size)}, name})
	}
	return found
}

func fields(at image.Addr, variable string, s *layout.Struct) (found []namedWords) {
	for _, path := range workSemaphores {
		if f, ok := s.OptionalField(path); ok {
			start := at + image.Addr(f.Offset)
			found = append(found, namedWords{image.Range{Start: start, End: start + image.Addr(f.Size)}, variable + "." + path})
		}
	}
	return found
}

// RuntimeSemaphore returns the name of the runtime's variable that a semaphore is,
// or lies in: "runtime.worldsema", which whoever stops the world has, or
// "runtime.work.startSema". ok is false for one that is none of the runtime's, or
// in a binary without symbols.
func (r *Reader) RuntimeSemaphore(sema image.Addr) (name string, ok bool) {
	for _, s := range r.runtimeSemaphores() {
		if s.Contains(sema) {
			return s.name, true
		}
	}
	return "", false
}
