package goroots

import (
	"encoding/binary"
	"fmt"

	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// unroll runs the pointer program at the address and returns one bit for each of
// n words, low bit first, of which the caller has made sure that they can be.
func unroll(m *image.Image, program image.Addr, n uint64) ([]byte, error) {
	words, err := gotypes.Unroll(m, program, n)
	if err != nil {
		return nil, fmt.Errorf("the pointer program at %v: %w", program, err)
	}
	bits := make([]byte, 0, 8*len(words))
	for _, w := range words {
		bits = binary.LittleEndian.AppendUint64(bits, w)
	}
	return bits[:(n+7)/8], nil
}
