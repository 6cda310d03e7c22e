package report

import (
	"strings"

	"postmortem/analyzer/facts"
)

// next is what to do, who is on call apart from who wrote the code.
func (a *author) next() []block {
	out := steps{}
	for _, t := range append(a.foundSteps(facts.WhoOnCall), a.onCall()...) {
		out = append(out, say("On call: ", t))
	}
	for _, t := range append(a.foundSteps(facts.WhoDeveloper), a.developer()...) {
		out = append(out, say("Developer: ", t))
	}
	return []block{append(out, a.keep())}
}

// rollback is advice that fits whatever crashed in the program's own code.
func (a *author) rollback() string {
	if rev := a.revision(); rev != "" {
		return "roll back if " + rev + " is new"
	}
	return "roll back if this build is new"
}

func (a *author) onCall() []text {
	switch {
	case a.sentFromOutside():
		return a.onCallSent()
	case a.sentToItself():
		return []text{say("the program's own output just before the end may say why it killed itself; ", a.rollback(), ".")}
	}
	switch a.crash.Kind {
	case facts.CrashPanic:
		return []text{say(a.rollback() + "; a restart fails again if the same input returns.")}
	case facts.CrashFatal:
		if a.messageHas("concurrent map") {
			return []text{say("a restart helps until the two meet again, which load makes likelier; ", a.rollback(), ".")}
		}
		if a.messageHas("stack overflow", "stack exceeds") {
			return []text{say(a.rollback() + "; a restart fails again if the same input returns.")}
		}
		return []text{say(a.rollback() + "; whether a restart helps depends on what led there.")}
	case facts.CrashSignal:
		return []text{say(a.rollback()+"; look whether other hosts show it too: on one host only, the machine itself is to be looked at, ",
			"or a library that is different there.")}
	case facts.CrashDeadlock:
		if a.messageHas("no goroutines") {
			return []text{say("a restart ends likewise, whenever all goroutines are done; ", a.rollback(), ".")}
		}
		return []text{say("a restart clears it until the same happens again; ", a.rollback(), ".")}
	case facts.CrashOutOfMemory:
		return []text{say("look at the memory limit of the container or of the user (", lit("ulimit -v"), ") and at the host's free memory at that time; a restart helps until it fills again.")}
	case facts.CrashAbortSelf:
		return []text{say("the program's own output just before the end usually says why it aborted; ", a.rollback(), ".")}
	case facts.CrashSnapshot:
		return []text{say("nothing died; whether the process served its users, its health checks tell.")}
	}
	return []text{say("the logs of the supervisor and the kernel (", lit("journalctl -k"), ") for the time of death say what this core does not.")}
}

func (a *author) onCallSent() []text {
	out := []text{say("find who sent ", lit(signalWordOr(a.firstSignal(), "the signal")), ": a watchdog of the supervisor, a time limit, or a person.")}
	if g := a.pile(); g != nil {
		out = append(out, say("other replicas hang likewise if ", lit("goroutine?debug=1"), " shows a pile in ", a.at(blame(g.Frames)), "; no second core is needed then."))
	}
	return out
}

func signalWordOr(s *facts.Signal, or string) string {
	if s == nil {
		return or
	}
	return signalWord(s)
}

func (a *author) messageHas(parts ...string) bool {
	if !a.crash.Message.Known {
		return false
	}
	for _, p := range parts {
		if strings.Contains(a.crash.Message.V, p) {
			return true
		}
	}
	return false
}

// panicAsks is what to ask of the source, by what the panic says.
var panicAsks = []struct{ has, ask string }{
	{"nil pointer dereference", "which pointer is nil there, and who returned or stored it?"},
	{"index out of range", "where does the index come from, and who checks it against the length?"},
	{"slice bounds out of range", "where do the bounds come from, and who checks them against the length?"},
	{"assignment to entry in nil map", "who should have made the map?"},
	{"close of closed channel", "who else closes the channel? One owner should."},
	{"send on closed channel", "who closes the channel while others may still send?"},
	{"close of nil channel", "who should have made the channel?"},
	{"interface conversion", "which value has that type, and does the assertion have a two-result form?"},
	{"integer divide by zero", "where does the divisor come from?"},
	{"negative WaitGroup counter", "which Done has no Add?"},
	{"makeslice: len out of range", "where does the length come from? A length out of outside data needs a bound."},
	{"comparing uncomparable type", "which value of an interface type is compared or used as a map's key?"},
	{"hash of unhashable type", "which value of an interface type is used as a map's key?"},
}

func (a *author) developer() []text {
	f := blame(a.frames)
	switch {
	case a.aboutAll() && len(a.foundSteps(facts.WhoDeveloper)) > 0:
		return nil // what was found asks more precisely
	case a.sentFromOutside(), a.crash.Kind == facts.CrashDeadlock:
		return a.developerWaits()
	case a.sentToItself():
		return []text{say("who sends ", lit(signalWordOr(a.firstSignal(), "a signal")), " to the own process: ",
			lit("syscall.Kill"), ", ", lit("os.Process.Signal"), " or ", lit("kill"), " in C code?")}
	}
	switch a.crash.Kind {
	case facts.CrashPanic:
		return a.developerPanic(f)
	case facts.CrashFatal:
		return a.developerFatal(f)
	case facts.CrashSignal:
		return a.developerNative()
	case facts.CrashAbortSelf:
		if f != nil {
			return []text{say("from ", a.at(f), " on, what aborts, and under which condition?")}
		}
		return a.developerNative()
	case facts.CrashOutOfMemory:
		if t := a.askOfHolder(); t != nil {
			return []text{t}
		}
		return []text{say("take a heap profile (", lit("/debug/pprof/heap"), ") from a replica under the same load; the number of goroutines above tells whether stacks and what they hold are a part of it.")}
	case facts.CrashSnapshot:
		var out []text
		if t := a.askOfHolder(); t != nil {
			out = append(out, t)
		}
		if g := a.pile(); g != nil {
			out = append(out, say("are the ", count(g.Count), " goroutines in ", a.at(blame(g.Frames)), " as many as there should be?"))
		}
		return out
	}
	return nil
}

func (a *author) developerPanic(f *facts.Frame) []text {
	message := a.crash.Message.V
	if first := a.firstPanicked(); first != nil {
		f, message = first, a.crash.Panics[0].Message.V
	}
	ask := "what must hold there, and which caller broke it?"
	for _, p := range panicAsks {
		if strings.Contains(message, p.has) {
			ask = p.ask
			break
		}
	}
	t := say(ask)
	if f != nil {
		t = say("in ", a.at(f), ": ", ask)
	}
	out := []text{t}
	if a.group != nil && a.group.CreatedBy != nil && a.crash.Goroutine.V != 1 {
		out = append(out, say("if one failure must not end the process, recover in the goroutine that ", a.site(a.group.CreatedBy), " starts."))
	}
	return out
}

func (a *author) developerFatal(f *facts.Frame) []text {
	where := say("")
	if f != nil {
		where = say(" in ", a.at(f))
	}
	switch {
	case a.messageHas("concurrent map"):
		return []text{say("which lock guards the map used", where, "? Run the tests with ", lit("-race"), ", which names both sides.")}
	case a.messageHas("stack overflow", "stack exceeds"):
		if c := a.crash.Cycle; c != nil && len(c.Funcs) > 0 {
			return []text{say("what should have ended the recursion ", lit(a.round(c)), "?")}
		}
		return []text{say("what should have ended the recursion", where, "?")}
	case a.messageHas("unlock of unlocked", "Unlock of unlocked"):
		return []text{say("which path", where, " unlocks twice, or without a lock? ", lit("defer"), " right after the lock avoids both.")}
	case a.crash.Message.V == "fault":
		return []text{say("where does the address", where, " come from: unsafe, a mapped file that is gone, or C code? ", lit("-gcflags=all=-d=checkptr"), " in the tests finds wrong conversions.")}
	case a.messageHas("thread exhaustion"):
		return []text{say("which blocking calls have no bound on how many run at once? The largest groups show them.")}
	}
	return []text{say("run the tests with ", lit("-race"), " and, if there is unsafe or C code, with ", lit("-gcflags=all=-d=checkptr"),
		"; then look for the message among the issues of this Go version.")}
}

func (a *author) developerNative() []text {
	var f *facts.Frame
	if len(a.frames) > 0 {
		f = a.frames[0]
	}
	switch {
	case f == nil:
		return []text{say("the thread's registers below and the library's own symbols tell the place; ", lit("gdb"), " on core and binary walks C stacks.")}
	case f.Trust == facts.TrustCgo || !f.File.Known:
		return []text{say(lit(f.Func), " is in C code, as file and offset: ", lit("addr2line"), " with the debug information of exactly that file names the line; the Go code that called it stands on the stack above.")}
	}
	return []text{say("in ", a.at(f), ": memory from unsafe, mmap or C is what Go code faults on outside of a panic.")}
}

// keep asks for what a second look needs.
func (a *author) keep() text {
	if b := a.doc.Target.Binary; b != nil {
		switch {
		case b.BuildID.Known && b.BuildID.V != "":
			return say("Keep core and binary (build id ", lit(b.BuildID.V), ").")
		case b.GoBuildID.Known && b.GoBuildID.V != "":
			return say("Keep core and binary (Go build id ", lit(middle(b.GoBuildID.V, 40)), ").")
		}
	}
	return say("Keep core and binary.")
}
