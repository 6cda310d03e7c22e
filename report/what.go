package report

import (
	"fmt"
	"strings"

	"postmortem/analyzer/facts"
)

// what says in a sentence or two what happened.
func (a *author) what() []text {
	out := append(a.whatFound(), a.whatHappened()...)
	if a.aboutAll() && a.doc.GC != nil {
		if t := stopWarning(a.doc.GC.StopTheWorld); t != nil {
			out = append(out, say(t, " Goroutines that have stopped wait until it is over."))
		}
	}
	return out
}

func (a *author) whatHappened() []text {
	switch a.crash.Kind {
	case facts.CrashPanic:
		return a.whatPanic()
	case facts.CrashFatal:
		return a.whatFatal()
	case facts.CrashSignal:
		return a.whatSignal()
	case facts.CrashDeadlock:
		if a.messageHas("no goroutines") {
			return []text{say("No goroutine of the program was left: main had called ", lit("runtime.Goexit"), " and all others had ended.")}
		}
		return []text{say("Every goroutine waited and nothing was left that could wake one: no timer, no network, no signal. " +
			"The runtime noticed and ended the process. Where it noticed means nothing; what each goroutine waits for does.")}
	case facts.CrashOutOfMemory:
		return a.whatOutOfMemory()
	case facts.CrashAbortRequest:
		return a.whatAbortRequest()
	case facts.CrashAbortSelf:
		if a.sentToItself() {
			return a.whatSentToItself(a.firstSignal())
		}
		t := say("The process aborted itself with ", a.signalName(a.firstSignal()))
		if on := a.onThread(); on != nil {
			t = say(t, " on", on)
		}
		return []text{say(t, ": C code's abort, a failed assertion or a raised signal, not Go's panic.")}
	case facts.CrashSnapshot:
		return []text{say(fmt.Sprintf("A snapshot, not a crash: the process was alive when %s wrote this core.", a.producer()))}
	}
	if s := a.crash.DumpSignal; s != nil {
		return []text{say("The core does not tell why the process ended; ", a.signalName(s), " wrote it.")}
	}
	return []text{say("The core does not tell why the process ended.")}
}

// subject is the crash's goroutine, for the start of a sentence.
func (a *author) subject() any {
	if id := a.thisGoroutine(); id != "" {
		return lit(id)
	}
	return "A goroutine"
}

func (a *author) whatPanic() []text {
	t := say(a.subject(), " panicked")
	t = say(t, a.happenedIn(), " and nothing recovered it, so the runtime ended the process.")
	if n := len(a.crash.Panics); n > 1 {
		t = say(t, fmt.Sprintf(" It is the last of a chain of %d panics", n))
		if f := a.firstPanicked(); f != nil {
			t = say(t, ", which began in ", a.at(f))
		}
		t = say(t, ".")
	}
	out := []text{t}
	if a.group != nil && a.group.CreatedBy != nil && a.crash.Goroutine.V != 1 {
		out = append(out, say("A recover in another goroutine does not cover ", a.subject(), ", which ",
			a.site(a.group.CreatedBy), " started", a.inParent(), "."))
	}
	return out
}

// firstPanicked is where the first of a chain of panics was raised, nil when there
// is no chain or the stack does not show it.
func (a *author) firstPanicked() *facts.Frame {
	if len(a.crash.Panics) < 2 {
		return nil
	}
	last := -1
	for i, f := range a.frames {
		if f.Func == "panic" || f.Func == "runtime.gopanic" {
			last = i
		}
	}
	if last < 0 {
		return nil
	}
	return blame(a.frames[last+1:])
}

// inParent is " in `g17`" when the crash's goroutine has a known parent.
func (a *author) inParent() text {
	if a.g == nil || !a.g.Parent.Known || a.g.Parent.V == 0 {
		return nil
	}
	return say(" in ", lit(goid(a.g.Parent.V)))
}

// fatalMeaning explains what the runtime's fatal errors state. Causes are named as
// causes to look for, since the message proves none.
var fatalMeaning = []struct{ has, means string }{
	{"concurrent map", "Two goroutines used one map at the same time without a lock, at least one of them writing. " +
		"This goroutine noticed; the other had gone on and can be anywhere."},
	{"fault", "A memory access failed at an address that is not the nil pointer's; unsafe code, mmap and C code make such addresses."},
	{"stack overflow", "Its stack outgrew the runtime's limit; recursion without an end is the usual cause."},
	{"stack exceeds", "Its stack outgrew the runtime's limit; recursion without an end is the usual cause."},
	{"unlock of unlocked", "A mutex was unlocked that nobody held."},
	{"Unlock of unlocked", "A mutex was unlocked that nobody held."},
	{"thread exhaustion", "The process reached its limit of threads: goroutines in C code or blocking system calls hold one each."},
	{"unexpected signal during runtime execution", "A memory access failed inside the runtime itself. Memory damaged by unsafe code, C code or a data race is to be looked for first."},
	{"found bad pointer", "The collector met a pointer that cannot be one. Memory damaged by unsafe code, C code or a data race is to be looked for first."},
	{"invalid pointer found on stack", "The collector met a pointer that cannot be one. Memory damaged by unsafe code, C code or a data race is to be looked for first."},
	{"checkptr", "The compiler's check of unsafe pointers (-d=checkptr, on with -race) found a wrong conversion."},
}

func (a *author) whatFatal() []text {
	t := say("The runtime stopped the process with a fatal error, which no recover can catch")
	if in := a.happenedIn(); in != nil {
		t = say(t, ". ", a.subject(), " was", in)
	}
	t = say(t, ".")
	if a.crash.Message.Known {
		for _, m := range fatalMeaning {
			if strings.HasPrefix(a.crash.Message.V, m.has) || m.has != "fault" && strings.Contains(a.crash.Message.V, m.has) {
				return []text{t, say(m.means)}
			}
		}
	}
	return []text{t}
}

func (a *author) whatOutOfMemory() []text {
	t := say("The runtime asked the operating system for memory, was refused and ended the process.")
	if id := a.thisGoroutine(); id != "" {
		t = say(t, " ", lit(id), " asked last; that does not make it the one that used the memory up.")
	}
	out := []text{t}
	if gc := a.doc.GC; gc != nil && gc.HeapLiveBytes.Known {
		l := say("Live heap ", size(gc.HeapLiveBytes.V))
		if gc.HeapGoalBytes.Known {
			l = say(l, ", goal ", size(gc.HeapGoalBytes.V))
		}
		out = append(out, say(l, ", ", memoryLimit(gc.MemoryLimit), "."))
	}
	if h := a.doc.Heap; h != nil {
		if t := a.biggestHolder(h); t != nil {
			out = append(out, t)
		}
	}
	return out
}

func memoryLimit(m facts.MemoryLimit) string {
	switch {
	case !m.Set.Known:
		return "GOMEMLIMIT unknown"
	case m.Set.V && m.Bytes.Known:
		return "GOMEMLIMIT " + size(m.Bytes.V)
	case m.Set.V:
		return "GOMEMLIMIT set"
	}
	return "no GOMEMLIMIT"
}

func (a *author) producer() string {
	if c := a.doc.Target.Core; c != nil && c.Producer != facts.ProducerUnknown && c.Producer != "" {
		return string(c.Producer)
	}
	return "an unknown program"
}
