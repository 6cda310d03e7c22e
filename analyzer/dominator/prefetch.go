//go:build amd64 || arm64

package dominator

import "unsafe"

// prefetch asks for the cache line at p without waiting for it. It is worth a call
// where the next reads depend on each other and miss every cache.
//
//go:noescape
func prefetch(p unsafe.Pointer)
