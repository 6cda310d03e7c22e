package dominator

import (
	"syscall"
	"unsafe"
)

// hugePage is the smallest array worth advice, in bytes: two pages of 2 MiB.
const hugePage = 4 << 20

// bulk allocates an array. Large ones ask for huge pages: they are read all over,
// and a fault for every 4 KiB is a tenth of the time of a whole computation.
func bulk[T uint32 | block | exit | entry | link | frame](n int) []T {
	s := make([]T, n)
	if size := uintptr(n) * unsafe.Sizeof(*new(T)); size >= hugePage {
		page := uintptr(syscall.Getpagesize())
		start := uintptr(unsafe.Pointer(unsafe.SliceData(s)))
		skip := -start % page
		whole := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(s)), skip)), (size-skip)&^(page-1))
		_ = syscall.Madvise(whole, madvHugePage) // a kernel without huge pages says no
	}
	return s
}

// madvHugePage is MADV_HUGEPAGE of the kernel's asm-generic/mman-common.h.
const madvHugePage = 14
