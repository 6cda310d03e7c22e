// Package bulk allocates arrays of millions of elements so that reading them all
// over costs less: it is advice to the kernel, and nothing else about them is special.
package bulk

import "unsafe"

// advised is the smallest array worth advice, in bytes: two pages of 2 MiB.
const advised = 4 << 20

// Make returns an array of n zero elements, which must not hold pointers. A large
// one asks for huge pages: a fault and a missed translation for every 4 KiB are a
// tenth of the time of a computation over a whole heap.
func Make[T any](n int) []T {
	s := make([]T, n)
	if size := uintptr(n) * unsafe.Sizeof(*new(T)); size >= advised {
		advise(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), size))
	}
	return s
}
