//go:build !amd64 && !arm64

package dominator

import "unsafe"

func prefetch(unsafe.Pointer) {}
