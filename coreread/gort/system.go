package gort

import "strings"

// userStarts are functions of package runtime in which goroutines of the
// program itself begin.
var userStarts = map[string]bool{
	"runtime.main":             true,
	"runtime.corostart":        true,
	"runtime.handleAsyncEvent": true,
}

// systemStart reports whether a goroutine that begins in fn is the runtime's
// own. The finalizer and cleanup goroutines count as the runtime's also while
// they run the program's code: their stack tells.
func systemStart(fn string) bool {
	return strings.HasPrefix(fn, "runtime.") && !userStarts[fn]
}
