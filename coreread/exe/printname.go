package exe

import "strings"

// PrintName returns a function's name as a Go traceback prints it: type
// arguments as [...], runtime.gopanic as panic (runtime/traceback.go,
// printfuncname; since 1.21 runtime/symtab.go, funcNameForPrint).
func PrintName(name string) string {
	if name == "runtime.gopanic" {
		return "panic"
	}
	i, j := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']')
	if i < 0 || j <= i {
		return name
	}
	return name[:i] + "[...]" + name[j+1:]
}
