// Package bulk allocates arrays of millions of elements so that reading them all
// over costs less: it is advice to the kernel, and nothing else about them is special.
package bulk

import (
	"sync/atomic"
	"unsafe"
)

// advised is the smallest array worth advice, in bytes: two pages of 2 MiB.
const advised = 4 << 20

// Make returns an array of n zero elements, which must not hold pointers. A large
// one asks for huge pages: a fault and a missed translation for every 4 KiB are a
// tenth of the time of a computation over a whole heap.
func Make[T any](n int) []T {
	s := make([]T, n)
	if size := uintptr(n) * unsafe.Sizeof(*new(T)); size >= advised {
		advise(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), size))
		grow(uint64(size))
	}
	return s
}

var (
	made  atomic.Uint64 // bytes of large arrays so far
	watch atomic.Pointer[watcher]
)

type watcher struct {
	bytes uint64
	call  func()
}

// WhenMade calls f once, as soon as large arrays of so many bytes in all have been
// made since the program started: from then on they, and not what has pointers, are
// most of its memory. A later call takes the place of one that is still to come.
func WhenMade(bytes uint64, f func()) { watch.Store(&watcher{bytes, f}) }

func grow(size uint64) {
	n := made.Add(size)
	if w := watch.Load(); w != nil && n >= w.bytes && watch.CompareAndSwap(w, nil) {
		w.call()
	}
}
