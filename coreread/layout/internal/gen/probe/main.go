// The probe program. It does a little of everything, so that the linker keeps
// the runtime's types and says in DWARF how they are laid out. It is built,
// never run.
package main

import (
	"context"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"time"
)

var (
	mu   sync.Mutex
	rw   sync.RWMutex
	once sync.Once
	m    sync.Map
	sink interface{}
	byID = map[string]int{}
)

func main() {
	pprof.StartCPUProfile(io.Discard)
	pprof.Lookup("goroutine").WriteTo(os.Stdout, 1)
	trace.Start(io.Discard)
	pprof.Do(context.Background(), pprof.Labels("k", "v"), func(context.Context) {})
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	runtime.LockOSThread()
	debug.SetGCPercent(50)
	debug.WriteHeapDump(1)
	debug.ReadGCStats(new(debug.GCStats))
	runtime.ReadMemStats(new(runtime.MemStats))
	metrics.Read(make([]metrics.Sample, 1))
	signal.Notify(make(chan os.Signal, 1))

	var wg sync.WaitGroup
	cond := sync.NewCond(&mu)
	c := make(chan int)
	wg.Add(1)
	go func() {
		defer wg.Done()
		defer func() { sink = recover() }()
		once.Do(func() { m.Store(1, 2) })
		rw.RLock()
		select {
		case v := <-c:
			sink = v
		case <-time.After(time.Second):
			panic(byID["x"])
		}
	}()
	c <- len(os.Args)
	cond.Wait()
	wg.Wait()
	p := new([4]int)
	runtime.SetFinalizer(p, func(*[4]int) {})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		conn, _ := l.Accept()
		sink = conn
	}
	newer()
	time.NewTicker(time.Second)
	time.AfterFunc(time.Second, func() {})
}
