package main

import (
	"fmt"
	"syscall"
)

// A dumpCase is one process to be run to its end.
type dumpCase struct {
	Program  string         // folder of the scenario module
	Scenario string         // its argument
	Go       string         // version of the toolchain
	Variant  string         // key of variants
	Producer string         // kernel, gcore or dlv
	Signal   syscall.Signal // sent from outside once the process has said that it is ready; 0: it dies by itself
	Env      string         // one more variable of its environment
	Cut      int            // percent of the core that is kept; 0: all
	Args     []string       // more arguments
}

// name is the folder of the case.
func (c dumpCase) name() string {
	s := fmt.Sprintf("%s-%s-%s-%s", c.Program, c.Scenario, c.Go, c.Variant)
	if c.Producer != "kernel" {
		s += "-" + c.Producer
	} else if c.Signal != 0 {
		s += "-" + signalNames[c.Signal]
	}
	if c.Cut != 0 {
		s += "-cut"
	}
	return s
}

var signalNames = map[syscall.Signal]string{
	syscall.SIGQUIT: "sigquit", syscall.SIGABRT: "sigabrt", syscall.SIGSEGV: "sigsegv", syscall.SIGTRAP: "sigtrap",
}

// A variant is a way to build.
type variant struct {
	cgo        bool
	flags      []string
	experiment string // GOEXPERIMENT
}

// variants leave DWARF uncompressed, as zstd does better on it, but for "default", which is what go build makes.
var variants = map[string]variant{
	"default":  {},
	"plain":    {flags: []string{"-ldflags=-compressdwarf=false"}},
	"w":        {flags: []string{"-ldflags=-w"}},
	"sw":       {flags: []string{"-ldflags=-s -w"}},
	"pie":      {flags: []string{"-buildmode=pie", "-ldflags=-compressdwarf=false"}},
	"piew":     {flags: []string{"-buildmode=pie", "-ldflags=-w"}},
	"leaks":    {flags: []string{"-ldflags=-w"}, experiment: "goroutineleakprofile"},
	"pprof":    {flags: []string{"-tags=pprof", "-ldflags=-compressdwarf=false"}},
	"cgo":      {cgo: true, flags: []string{"-ldflags=-compressdwarf=false"}},
	"cgow":     {cgo: true, flags: []string{"-ldflags=-w"}},
	"cgopie":   {cgo: true, flags: []string{"-buildmode=pie", "-ldflags=-compressdwarf=false"}},
	"external": {cgo: true, flags: []string{"-ldflags=-linkmode=external -w"}},
}

// lastPatches and firstPatches are the last and the first release of each minor version.
var (
	lastPatches  = []string{"1.18.10", "1.19.13", "1.20.14", "1.21.13", "1.22.12", "1.23.12", "1.24.9", "1.25.4", "1.26.8", "1.27.3"}
	firstPatches = []string{"1.18", "1.19", "1.20", "1.21.0", "1.22.0", "1.23.0", "1.24.0", "1.25.0", "1.26.0", "1.27.0"}
)

// programScenarios end by themselves.
var programScenarios = map[string][]string{
	"rich": {"crashserver", "crashserver2"},
	"dies": {
		"panicvalues", "panicerror", "panicstringer", "panicstring", "panicint", "panicstruct", "panicnil", "repanic", "nilfunc", "jumpzero",
		"divide", "reflectcall", "goexit", "deadlock", "mapwrites", "unlock", "overflow", "oom", "segv", "segvcopy", "selfabort",
		"busyloop", "gcphase",
	},
	"cgo":  {"panic", "callback", "segv", "abort"},
	"heap": {"plain", "sweep", "mark"},

	"waits": {"shapes", "unprofiled", "selectmain"},
}

func selected(set string) ([]dumpCase, error) {
	switch set {
	case "committed":
		return committed(), nil
	case "all":
		return all(), nil
	}
	return nil, fmt.Errorf("-set %s: committed or all", set)
}

// died is a case that ends by itself and leaves a kernel core.
func died(program, scenario, version, variant string) dumpCase {
	return dumpCase{Program: program, Scenario: scenario, Go: version, Variant: variant, Producer: "kernel"}
}

// allOf is died for every scenario of a program.
func allOf(program, version, variant string) []dumpCase {
	var l []dumpCase
	for _, s := range programScenarios[program] {
		l = append(l, died(program, s, version, variant))
	}
	return l
}

// killed has a signal from outside end the process.
func (c dumpCase) killed(s syscall.Signal) dumpCase {
	c.Signal = s
	return c
}

// snapshot has another program write the core of the living process, which then prints its goroutines on SIGQUIT.
func (c dumpCase) snapshot(producer string) dumpCase {
	c.Producer, c.Signal = producer, syscall.SIGQUIT
	return c
}

// cut keeps that many percent of the core.
func (c dumpCase) cut(percent int) dumpCase {
	c.Cut = percent
	return c
}

// env sets a variable of the process's environment.
func (c dumpCase) env(s string) dumpCase {
	c.Env = s
	return c
}

// withDebug are the cases of dies that need a GODEBUG setting.
func withDebug(version, variant string) []dumpCase {
	return []dumpCase{
		stalled(version, variant).killed(syscall.SIGQUIT),
		died("dies", "runaway", version, variant).env("GODEBUG=asyncpreemptoff=1"),
		died("dies", "panicnilerror", version, variant).env("GODEBUG=panicnil=0"),
	}
}

// stalled is a stop-the-world that does not come to its end.
func stalled(version, variant string) dumpCase {
	return died("dies", "stwstall", version, variant).env("GODEBUG=asyncpreemptoff=1")
}

// all is every scenario with every version where that tells something new.
func all() []dumpCase {
	var l []dumpCase
	for _, v := range append(append([]string{}, lastPatches...), firstPatches...) {
		for _, variant := range []string{"plain", "default", "w", "sw", "pie", "external"} {
			l = append(l, died("small", "nil", v, variant))
		}
		l = append(l, died("small", "index", v, "plain"), died("cgo", "panic", v, "cgopie"), died("cgo", "panic", v, "cgow"))
		l = append(l, allOf("cgo", v, "cgo")...)
	}
	for _, v := range append(append([]string{}, lastPatches...), firstPatches...) {
		l = append(l, allOf("heap", v, "plain")...)
		l = append(l, died("heap", "plain", v, "w"), died("heap", "plain", v, "pie"), died("heap", "profile", v, "pprof"))
	}
	for _, v := range lastPatches {
		l = append(l, allOf("rich", v, "plain")...)
		l = append(l, allOf("dies", v, "plain")...)
		l = append(l, died("rich", "crashserver", v, "cgo"), died("rich", "crashserver", v, "pie"))
		for _, s := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGSEGV} {
			l = append(l, died("rich", "serve", v, "plain").killed(s))
		}
		l = append(l, died("dies", "busywait", v, "plain").killed(syscall.SIGQUIT))
		l = append(l, withDebug(v, "plain")...)
		l = append(l, died("cgo", "wait", v, "cgo").killed(syscall.SIGQUIT))
		for _, producer := range []string{"gcore", "dlv"} {
			l = append(l,
				died("small", "wait", v, "plain").snapshot(producer),
				died("rich", "serve", v, "plain").snapshot(producer),
				died("cgo", "wait", v, "cgopie").snapshot(producer))
		}
		l = append(l, died("small", "nil", v, "plain").cut(60))
	}
	for _, v := range lastPatches {
		l = append(l, allOf("waits", v, "plain")...)
		l = append(l, died("waits", "shapes", v, "w"), died("waits", "shapes", v, "pie"))
		l = append(l,
			died("service", "idle", v, "plain").snapshot("gcore"),
			died("service", "idle", v, "plain").killed(syscall.SIGQUIT),
			died("service", "hang", v, "plain").killed(syscall.SIGABRT),
			died("service", "leak", v, "plain").killed(syscall.SIGABRT))
	}
	l = append(l, allOf("waits", "1.26.8", "leaks")...)
	crowd := died("dies", "manygoroutines", "1.27.3", "plain").killed(syscall.SIGQUIT)
	crowd.Args = []string{"100000"}
	l = append(l, crowd)
	for _, v := range []string{"1.22.12", "1.27.3"} {
		crowd := died("waits", "crowd", v, "plain").killed(syscall.SIGQUIT)
		crowd.Args = []string{"100000"}
		l = append(l, crowd)
	}
	return l
}

// committed is the set that lies in the repository: all scenarios for two versions, and one small one for each other, with
// DWARF where a newer tool may want it, else without, for size.
func committed() []dumpCase {
	const old, current = "1.22.12", "1.27.3"
	var l []dumpCase
	for _, v := range []struct{ version, rich, dies, cgo string }{{current, "plain", "plain", "cgo"}, {old, "w", "w", "cgow"}} {
		l = append(l, allOf("rich", v.version, v.rich)...)
		l = append(l, died("rich", "serve", v.version, v.rich).killed(syscall.SIGQUIT))
		l = append(l, allOf("dies", v.version, v.dies)...)
		l = append(l, died("dies", "busywait", v.version, v.dies).killed(syscall.SIGQUIT))
		l = append(l, withDebug(v.version, v.dies)...)
		l = append(l, allOf("cgo", v.version, v.cgo)...)
		l = append(l, died("small", "nil", v.version, "plain"), died("small", "nil", v.version, "pie"))
	}
	l = append(l,
		died("rich", "serve", current, "plain").killed(syscall.SIGABRT),
		died("rich", "serve", current, "plain").killed(syscall.SIGSEGV),
		died("small", "index", current, "plain"),
		died("small", "wait", current, "plain").snapshot("gcore"),
		died("small", "wait", current, "plain").snapshot("dlv"),
		stalled(current, "plain").snapshot("gcore"),
		died("small", "nil", current, "plain").cut(60),
		died("small", "nil", current, "external"),
		died("cgo", "panic", current, "cgopie"),
		died("cgo", "wait", current, "cgopie").snapshot("gcore"),
		died("small", "wait", old, "pie").snapshot("gcore"),
		died("small", "wait", old, "plain").snapshot("dlv"),
		died("small", "index", "1.21.13", "w"),
	)
	for _, v := range lastPatches {
		switch v {
		case old, current:
		case "1.18.10", "1.25.4":
			l = append(l, died("small", "nil", v, "plain"))
		case "1.26.8":
			l = append(l, died("small", "nil", v, "default"))
		default:
			l = append(l, died("small", "nil", v, "w"))
		}
	}
	for _, v := range firstPatches {
		l = append(l, died("small", "nil", v, "w"))
	}
	l = append(l, strained("1.27.3", "w")...)
	return append(append(l, committedHeaps()...), committedWaits()...)
}

// strained are the processes that have run out of something.
func strained(version, variant string) []dumpCase {
	return []dumpCase{
		died("strain", "threads", version, variant),
		died("strain", "limit", version, variant).env("GOMEMLIMIT=16MiB"),
		died("strain", "peer", version, variant),
	}
}

// committedWaits are the processes that know what their goroutines wait for.
func committedWaits() []dumpCase {
	var l []dumpCase
	for _, v := range lastPatches {
		variant := "w"
		switch v {
		case "1.22.12", "1.27.3":
			variant = "plain"
		case "1.26.8":
			variant = "leaks"
		}
		l = append(l, died("waits", "shapes", v, variant))
	}
	return append(l,
		died("waits", "unprofiled", "1.27.3", "plain"),
		died("waits", "selectmain", "1.27.3", "plain"),
		died("waits", "selectmain", "1.26.8", "leaks"),
		died("waits", "selectmain", "1.22.12", "plain"),
		died("waits", "shapes", "1.24.9", "piew"),
		died("service", "idle", "1.22.12", "w").killed(syscall.SIGQUIT),
		died("service", "idle", "1.27.3", "w").snapshot("gcore"),
		died("service", "hang", "1.22.12", "w").killed(syscall.SIGABRT),
		died("service", "hang", "1.27.3", "w").killed(syscall.SIGABRT),
		died("service", "leak", "1.22.12", "w").killed(syscall.SIGABRT),
		died("service", "leak", "1.27.3", "w").killed(syscall.SIGABRT),
	)
}

// committedHeaps are the processes that know their heap.
func committedHeaps() []dumpCase {
	var l []dumpCase
	for _, v := range lastPatches {
		l = append(l, died("heap", "plain", v, "plain"))
	}
	for _, v := range []string{"1.20.14", "1.24.9", "1.27.3"} {
		l = append(l, died("heap", "sweep", v, "plain"), died("heap", "mark", v, "plain"))
	}
	for _, v := range []string{"1.22.12", "1.26.8"} {
		l = append(l, died("heap", "plain", v, "w"))
	}
	for _, v := range []string{"1.22.12", "1.27.3"} {
		l = append(l, died("heap", "profile", v, "pprof"))
	}
	return l
}
