//go:build !go1.19

package truth

// memoryLimit is 0: Go 1.18 has no soft memory limit.
func memoryLimit() uint64 { return 0 }
