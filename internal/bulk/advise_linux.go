package bulk

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// pages returns the whole pages in b.
func pages(b []byte) []byte {
	page := uintptr(unix.Getpagesize())
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) % page
	return b[skip : skip+(uintptr(len(b))-skip)&^(page-1)]
}

// advise asks for huge pages. A kernel without them says no, which is as well.
func advise(b []byte) { _ = unix.Madvise(pages(b), unix.MADV_HUGEPAGE) }

// drop gives memory back; where it is used again, it is zero.
func drop(b []byte) { _ = unix.Madvise(pages(b), unix.MADV_DONTNEED) }
