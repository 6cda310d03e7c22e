// Dies is a process that panics, throws, hangs or is killed in the way named by its argument, after having printed what it
// knows of itself.
package main

import (
	"fmt"
	"os"
	"sort"
)

// scenarios are the ways to end, by the name that the command line gives.
var scenarios = map[string]func(){
	"panicvalues":    panicValues,
	"panicerror":     panicError,
	"panicstringer":  panicStringer,
	"panicstring":    panicString,
	"panicint":       panicInt,
	"panicstruct":    panicStruct,
	"panicnil":       panicNil,
	"panicnilerror":  panicNilError,
	"repanic":        repanic,
	"nilfunc":        nilFunc,
	"jumpzero":       jumpZero,
	"divide":         divide,
	"reflectcall":    reflectCall,
	"goexit":         goexit,
	"deadlock":       deadlock,
	"mapwrites":      mapWrites,
	"unlock":         unlockOfUnlocked,
	"overflow":       overflow,
	"oom":            outOfMemory,
	"segv":           segv,
	"segvcopy":       segvCopy,
	"selfabort":      selfAbort,
	"busyloop":       busyLoop,
	"busywait":       busyWait,
	"runaway":        runaway,
	"stwstall":       stopTheWorldStall,
	"gcphase":        gcPhase,
	"manygoroutines": manyGoroutines,
}

func main() {
	if len(os.Args) < 2 || scenarios[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: dies SCENARIO, one of:")
		for _, name := range names() {
			fmt.Fprintln(os.Stderr, "\t"+name)
		}
		os.Exit(2)
	}
	scenarios[os.Args[1]]()
}

func names() []string {
	var l []string
	for name := range scenarios {
		l = append(l, name)
	}
	sort.Strings(l)
	return l
}
