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
	cgo   bool
	flags []string
}

var variants = map[string]variant{
	"plain":    {},
	"w":        {flags: []string{"-ldflags=-w"}},
	"sw":       {flags: []string{"-ldflags=-s -w"}},
	"pie":      {flags: []string{"-buildmode=pie"}},
	"cgo":      {cgo: true},
	"cgow":     {cgo: true, flags: []string{"-ldflags=-w"}},
	"cgopie":   {cgo: true, flags: []string{"-buildmode=pie"}},
	"external": {cgo: true, flags: []string{"-ldflags=-linkmode=external"}},
}

// lastPatches and firstPatches are the last and the first release of each minor version.
var (
	lastPatches  = []string{"1.18.10", "1.19.13", "1.20.14", "1.21.13", "1.22.12", "1.23.12", "1.24.9", "1.25.4", "1.26.8", "1.27.3"}
	firstPatches = []string{"1.18", "1.19", "1.20", "1.21.0", "1.22.0", "1.23.0", "1.24.0", "1.25.0", "1.26.0", "1.27.0"}
	// richVersions have all scenarios.
	richVersions = []string{"1.22.12", "1.27.3"}
)

// richScenarios end by themselves.
var richScenarios = []string{
	"crashserver", "crashserver2", "panicvalues", "panicerror", "panicstringer", "panicstring", "panicint", "panicstruct", "panicnil",
	"repanic", "nilfunc", "divide", "reflectcall", "goexit", "deadlock", "mapwrites", "unlock", "overflow", "oom", "segv", "segvcopy",
	"selfabort", "busyloop", "gcphase",
}

var cgoScenarios = []string{"panic", "callback", "segv", "abort"}

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

// with returns c changed by f.
func (c dumpCase) with(f func(*dumpCase)) dumpCase {
	f(&c)
	return c
}

func signalled(s syscall.Signal) func(*dumpCase) { return func(c *dumpCase) { c.Signal = s } }

// snapshot has another program write the core of the living process, which then prints its goroutines on SIGQUIT.
func snapshot(producer string) func(*dumpCase) {
	return func(c *dumpCase) { c.Producer, c.Signal = producer, syscall.SIGQUIT }
}

// all is every scenario with every version where that tells something new.
func all() []dumpCase {
	var l []dumpCase
	for _, v := range append(append([]string{}, lastPatches...), firstPatches...) {
		for _, variant := range []string{"plain", "w", "sw", "pie", "external"} {
			l = append(l, died("small", "nil", v, variant))
		}
		l = append(l, died("small", "index", v, "plain"))
		for _, s := range cgoScenarios {
			l = append(l, died("cgo", s, v, "cgo"))
		}
		l = append(l, died("cgo", "panic", v, "cgopie"))
	}
	for _, v := range lastPatches {
		for _, s := range richScenarios {
			l = append(l, died("rich", s, v, "plain"))
		}
		l = append(l, died("rich", "crashserver", v, "cgo"), died("rich", "crashserver", v, "pie"))
		l = append(l, ended("rich", v, "plain")...)
		for _, producer := range []string{"gcore", "dlv"} {
			l = append(l,
				died("small", "wait", v, "plain").with(snapshot(producer)),
				died("rich", "serve", v, "plain").with(snapshot(producer)),
				died("cgo", "wait", v, "cgopie").with(snapshot(producer)))
		}
		l = append(l, died("small", "nil", v, "plain").with(func(c *dumpCase) { c.Cut = 60 }))
	}
	return l
}

// ended are the cases of the rich program that a signal ends from outside.
func ended(program, version, variant string) []dumpCase {
	serve := died(program, "serve", version, variant)
	return []dumpCase{
		serve.with(signalled(syscall.SIGQUIT)),
		serve.with(signalled(syscall.SIGABRT)),
		serve.with(signalled(syscall.SIGSEGV)),
		died(program, "stwstall", version, variant).with(func(c *dumpCase) {
			c.Signal, c.Env = syscall.SIGQUIT, "GODEBUG=asyncpreemptoff=1"
		}),
	}
}

// committed is the set that lies in the repository.
func committed() []dumpCase {
	return nil
}
