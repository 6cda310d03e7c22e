package parallel_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"postmortem/internal/parallel"
)

func TestEachRunsAllOnce(t *testing.T) {
	for _, workers := range []int{0, 1, 2, 7} {
		for _, n := range []int{0, 1, 5, 1000} {
			counts := make([]atomic.Int32, n)
			parallel.Each(workers, n, func(worker, i int) {
				if worker < 0 || worker >= max(workers, 1) {
					t.Errorf("worker %d of %d", worker, workers)
				}
				counts[i].Add(1)
			})
			for i := range counts {
				if c := counts[i].Load(); c != 1 {
					t.Fatalf("%d workers: part %d of %d ran %d times", workers, i, n, c)
				}
			}
		}
	}
}

var errPart = errors.New("part 3 is broken")

func TestPanicsReachTheCaller(t *testing.T) {
	for name, run := range map[string]func(){
		"Each":   func() { parallel.Each(2, 10, func(_, i int) { failAt(i) }) },
		"Beside": func() { parallel.Beside(func() { failAt(3) })() },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				err, ok := recover().(error)
				if !ok || !errors.Is(err, errPart) || !strings.Contains(err.Error(), "failAt") {
					t.Errorf("recovered %v", err)
				}
			}()
			run()
			t.Error("no panic")
		})
	}
}

func failAt(i int) {
	if i == 3 {
		panic(errPart)
	}
}

func TestBesideWaits(t *testing.T) {
	done := false
	wait := parallel.Beside(func() { done = true })
	wait()
	if !done {
		t.Error("not done")
	}
}
