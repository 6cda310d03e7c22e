//go:build pprof

package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"time"
)

// startProfiles has every profile taken, with many samples.
func startProfiles() {
	runtime.MemProfileRate = 2 << 10
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	var mu sync.Mutex
	done := make(chan struct{})
	for i := 0; i < 3; i++ {
		go func() {
			for k := 0; k < 20; k++ {
				mu.Lock()
				time.Sleep(100 * time.Microsecond)
				mu.Unlock()
			}
			done <- struct{}{}
		}()
	}
	for i := 0; i < 3; i++ {
		<-done
	}
}

// writeProfiles leaves the profiles beside the core. That of the heap is as of the last collection, and only another one
// would change it.
func writeProfiles() {
	if runtime.MemProfileRate != 2<<10 {
		return
	}
	debug.SetGCPercent(-1) // what the writing leaves behind would start the next one
	for _, name := range []string{"heap", "block", "mutex"} {
		f, err := os.Create(name + ".pb.gz")
		if err == nil {
			err = pprof.Lookup(name).WriteTo(f, 0)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			println(err.Error())
			os.Exit(1)
		}
	}
}
