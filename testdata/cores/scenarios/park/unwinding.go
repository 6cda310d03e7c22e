package park

import "runtime"

// unwinding starts goroutines that stand still in the middle of a panic, of its recovery, or of Goexit.
func unwinding() {
	Go(pendingDefers)
	Go(panicking)
	Go(recovering)
	Go(afterRecovery)
	Go(goexiting)
	started.Add(1)
	runtime.SetFinalizer(&[64]byte{}, func(*[64]byte) {
		Ready()
		Forever()
	})
	runtime.GC()
}

func pendingDefers() {
	for i := 0; i < 3; i++ {
		defer println(i) // in a loop: a defer record on the heap
	}
	defer nop()
	if len(keep) > 1000 {
		defer nop() // conditional: an open-coded bit
	}
	Ready()
	Forever()
}

//go:noinline
func nop() {}

// panicking waits in a deferred call that a panic runs.
func panicking() {
	defer func() {
		Ready()
		Forever()
	}()
	panic("parked in a deferred call")
}

// recovering waits in the deferred call that has recovered the panic.
func recovering() {
	defer func() {
		recover()
		Ready()
		Forever()
	}()
	var m map[string]int
	m["x"] = 1
}

// afterRecovery waits when a panic below it is over.
func afterRecovery() {
	recovered()
	Ready()
	Forever()
}

//go:noinline
func recovered() {
	defer func() { recover() }()
	panic("recovered")
}

// goexiting waits in a deferred call that Goexit runs.
func goexiting() {
	defer func() {
		Ready()
		Forever()
	}()
	runtime.Goexit()
}
