package gotypes

import (
	"errors"

	"postmortem/coreread/image"
)

// errProgram is a GC program that no compiler wrote.
var errProgram = errors.New("damaged GC program")

// program runs a GC program (runtime/mbitmap.go, runGCProg): instructions of one
// byte, that many literal bits behind it, or with 0x80 set a repetition of the
// last bits written; 0 ends it.
type program struct {
	image *image.Image
	at    image.Addr
	bits  []uint64 // written, low bit first
	n     uint64   // how many
	limit uint64   // bits that are wanted; what follows is passed over
}

// Unroll runs the GC program whose first instruction is at an address of m and
// returns the first n bits that it writes, one for each word and low bit first;
// where it ends earlier, the rest are 0. The caller bounds n.
func Unroll(m *image.Image, at image.Addr, n uint64) ([]uint64, error) {
	p := program{image: m, at: at, limit: n}
	if err := p.run(); err != nil {
		return nil, err
	}
	return p.bits, nil
}

// idleSteps is how many instructions may write nothing: those that repeat no times.
const idleSteps = 1 << 12

// run fills p.bits with p.limit bits.
func (p *program) run() error {
	p.bits = make([]uint64, (p.limit+63)/64)
	for steps := p.limit + idleSteps; p.n < p.limit; steps-- {
		if steps == 0 {
			return errProgram
		}
		inst, err := p.byte()
		if err != nil {
			return err
		}
		switch n := uint64(inst & 0x7f); {
		case inst == 0:
			return nil // the rest holds no pointers
		case inst&0x80 == 0:
			err = p.literal(n)
		default:
			err = p.repeat(n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *program) byte() (byte, error) {
	b, err := p.image.Uint8(p.at)
	p.at++
	return b, err
}

func (p *program) varint() (uint64, error) {
	var v uint64
	for shift := uint(0); shift < 64; shift += 7 {
		b, err := p.byte()
		if err != nil {
			return 0, err
		}
		v |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			return v, nil
		}
	}
	return 0, errProgram
}

func (p *program) put(bit uint64) {
	p.bits[p.n/64] |= bit << (p.n % 64)
	p.n++
}

func (p *program) literal(n uint64) error {
	data, err := p.image.Bytes(p.at, (n+7)/8)
	if err != nil {
		return err
	}
	p.at += image.Addr((n + 7) / 8)
	for i := uint64(0); i < n && p.n < p.limit; i++ {
		p.put(uint64(data[i/8] >> (i % 8) & 1))
	}
	return nil
}

// repeat writes the last n bits again, c times.
func (p *program) repeat(n uint64) (err error) {
	if n == 0 {
		if n, err = p.varint(); err != nil {
			return err
		}
	}
	c, err := p.varint()
	if err != nil {
		return err
	}
	if n == 0 || n > p.n {
		return errProgram
	}
	left := p.limit - p.n
	if c < left/n+1 {
		left = min(left, c*n)
	}
	copyBits(p.bits, p.n, n, left)
	p.n += left
	return nil
}

// copyBits writes count bits at position to, each the bit that stands distance before it.
func copyBits(bits []uint64, to, distance, count uint64) {
	for count > 0 {
		// A piece lies in one word at its end and does not reach what it writes itself.
		n := min(count, 64-to%64, distance)
		from := to - distance
		v := bits[from/64] >> (from % 64)
		if have := 64 - from%64; have < n {
			v |= bits[from/64+1] << have
		}
		if n < 64 {
			v &= 1<<n - 1
		}
		bits[to/64] |= v << (to % 64)
		to, count = to+n, count-n
	}
}
