//go:build go1.19

package truth

import "runtime/debug"

// memoryLimit is the soft memory limit in bytes.
func memoryLimit() uint64 { return uint64(debug.SetMemoryLimit(-1)) }
