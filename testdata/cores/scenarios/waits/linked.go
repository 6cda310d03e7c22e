package main

import _ "unsafe" // for go:linkname

// nanotime is the runtime's clock.
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64

// semacquire waits on a plain semaphore, without a kind.
//
//go:linkname semacquire sync.runtime_Semacquire
func semacquire(s *uint32)
