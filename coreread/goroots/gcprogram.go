package goroots

import (
	"errors"
	"fmt"

	"postmortem/coreread/image"
)

// maxProgramSteps bounds the instructions of a pointer program by the words that
// it describes: none that the linker writes is longer than its outcome.
const maxProgramSteps = 1 << 12

// unroll runs the pointer program at the address (runtime/mbitmap.go, runGCProg)
// and returns one bit for each of n words, low bit first, of which the caller has
// made sure that they can be.
func unroll(m *image.Image, program image.Addr, n uint64) ([]byte, error) {
	if program == 0 {
		return nil, errors.New("there is no pointer program")
	}
	u := unroller{c: m.Cursor(), at: program, bits: make([]byte, (n+7)/8), words: n}
	for steps := n + maxProgramSteps; ; steps-- {
		op := u.byte()
		if op == 0 || u.c.Err() != nil {
			return u.bits, u.c.Err()
		}
		if u.done > n || steps == 0 {
			return nil, fmt.Errorf("the pointer program at %v does not end after %d words", program, n)
		}
		if op&0x80 == 0 {
			u.literal(uint64(op))
		} else if !u.repeat(uint64(op & 0x7f)) {
			return nil, fmt.Errorf("the pointer program at %v repeats what it cannot have written", program)
		}
	}
}

// unroller is a pointer program at work.
type unroller struct {
	c     *image.Cursor
	at    image.Addr
	bits  []byte
	words uint64 // that the bits are for
	done  uint64 // bits written; those past words are not kept
}

func (u *unroller) byte() byte {
	b := u.c.Uint8(u.at)
	u.at++
	return b
}

func (u *unroller) varint() (v uint64) {
	for shift := 0; shift < 63; shift += 7 {
		b := u.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	return 0
}

func (u *unroller) put(bit byte) {
	if u.done < u.words {
		u.bits[u.done/8] |= bit << (u.done % 8)
	}
	u.done++
}

// literal copies n bits of the program.
func (u *unroller) literal(n uint64) {
	for n > 0 {
		b := u.byte()
		for range min(n, 8) {
			u.put(b & 1)
			b >>= 1
		}
		n -= min(n, 8)
	}
}

// repeat writes the last n bits a number of times more.
func (u *unroller) repeat(n uint64) bool {
	if n == 0 {
		n = u.varint()
	}
	times := u.varint()
	if n == 0 || n > u.done || u.done > u.words {
		return false
	}
	if times > (u.words-u.done)/n {
		return false // past the end
	}
	for range times * n {
		from := u.done - n
		u.put(u.bits[from/8] >> (from % 8) & 1)
	}
	return true
}
