//go:build !linux

package typing

// bulk allocates the words of n objects.
func bulk(n int) []Key { return make([]Key, n) }
