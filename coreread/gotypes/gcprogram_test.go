package gotypes

import (
	"encoding/binary"
	"math/rand"
	"slices"
	"testing"

	"postmortem/coreread/image"
)

// TestPrograms runs GC programs made at random and compares with the bits that
// their instructions make one by one.
func TestPrograms(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 1000 {
		prog, want := randomProgram(r)
		limit := uint64(len(want))
		if cut := r.Intn(3); cut == 0 {
			limit = uint64(r.Intn(len(want) + 1))
		}
		m := image.New(binary.LittleEndian)
		m.Add(0x1000, prog, image.FromCore)
		p := program{image: m, at: 0x1000, limit: limit}
		if err := p.run(); err != nil {
			t.Fatalf("%x: %v", prog, err)
		}
		for i := range 64 * uint64(len(p.bits)) {
			bit := p.bits[i/64]>>(i%64)&1 != 0
			if bit != (i < limit && want[i]) {
				t.Fatalf("%x: bit %d of %d is %v", prog, i, limit, bit)
			}
		}
	}
}

// randomProgram returns a program and the bits that it writes.
func randomProgram(r *rand.Rand) (prog []byte, bits []bool) {
	for range 1 + r.Intn(8) {
		if len(bits) == 0 || len(bits) > 20000 || r.Intn(2) == 0 {
			n := 1 + r.Intn(127)
			prog = append(prog, byte(n))
			at := len(prog)
			prog = append(prog, make([]byte, (n+7)/8)...)
			for i := range n {
				bit := r.Intn(2) != 0
				bits = append(bits, bit)
				if bit {
					prog[at+i/8] |= 1 << (i % 8)
				}
			}
			continue
		}
		n, c := 1+r.Intn(len(bits)), r.Intn(40)
		if n < 128 && r.Intn(2) == 0 {
			prog = append(prog, 0x80|byte(n))
		} else {
			prog = binary.AppendUvarint(append(prog, 0x80), uint64(n))
		}
		prog = binary.AppendUvarint(prog, uint64(c))
		last := slices.Clone(bits[len(bits)-n:])
		for range c {
			bits = append(bits, last...)
		}
	}
	return append(prog, 0), bits
}
