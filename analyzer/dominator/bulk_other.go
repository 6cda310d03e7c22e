//go:build !linux

package dominator

// bulk allocates an array.
func bulk[T uint32 | block | exit | entry | link | frame](n int) []T { return make([]T, n) }
