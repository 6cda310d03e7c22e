package typing

import (
	"syscall"
	"unsafe"
)

// hugePage is the smallest array worth advice, in bytes: two pages of 2 MiB.
const hugePage = 4 << 20

// bulk allocates the words of n objects. Many ask for huge pages: they are read
// all over, in no order.
func bulk(n int) []Key {
	s := make([]Key, n)
	if size := uintptr(n) * unsafe.Sizeof(Key(0)); size >= hugePage {
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
