package bulk

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// advise asks for huge pages. A kernel without them says no, which is as well.
func advise(b []byte) {
	page := uintptr(unix.Getpagesize())
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) % page
	_ = unix.Madvise(b[skip:skip+(uintptr(len(b))-skip)&^(page-1)], unix.MADV_HUGEPAGE)
}
