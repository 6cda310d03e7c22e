package corewriter

import "bytes"

// Cut returns the first n bytes of a file, all of them when it has fewer.
func Cut(file []byte, n int) []byte { return bytes.Clone(file[:min(n, len(file))]) }

// Flip returns a copy of a file with one bit the other way round, counted from
// the lowest bit of the first byte.
func Flip(file []byte, bit int) []byte {
	out := bytes.Clone(file)
	out[bit/8] ^= 1 << (bit % 8)
	return out
}

// Overwrite returns a copy of a file with other bytes at an offset.
func Overwrite(file []byte, offset int, with []byte) []byte {
	out := bytes.Clone(file)
	copy(out[offset:], with)
	return out
}
