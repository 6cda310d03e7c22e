package exe

// pcValues steps through a pc-value table (runtime/symtab.go, step): pairs of a
// zigzag value delta and a pc delta in instructions, both varints; the value
// starts at -1, the pc at the function's entry. A zero value delta ends the table, except in the
// first pair.
type pcValues struct {
	table   []byte
	quantum uint32
	value   int32  // holds up to, not including, end
	end     uint64 // offset from the function's entry
	started bool
}

func newPCValues(table []byte, quantum byte) pcValues {
	return pcValues{table: table, quantum: uint32(quantum), value: -1}
}

// next advances to the next run of pcs with one value; false at the end of the
// table or where it is damaged.
func (p *pcValues) next() bool {
	delta, ok := p.varint()
	if !ok || delta == 0 && p.started {
		return false
	}
	p.started = true
	pcs, ok := p.varint()
	if !ok {
		return false
	}
	p.value += int32(-(delta & 1) ^ (delta >> 1))
	p.end += uint64(pcs * p.quantum)
	return true
}

// varint reads a 32-bit varint as the runtime does: bits beyond 32 are dropped.
func (p *pcValues) varint() (v uint32, ok bool) {
	for i, shift := 0, uint32(0); i < len(p.table); i, shift = i+1, shift+7 {
		b := p.table[i]
		v |= uint32(b&0x7f) << (shift & 31)
		if b&0x80 == 0 {
			p.table = p.table[i+1:]
			return v, true
		}
	}
	return 0, false
}

// maxPCValues bounds one function's table (bytes): a step for every other
// instruction of a function of several megabytes.
const maxPCValues = 1 << 22

// pcValueAt returns the value for the offset off from a function's entry; ok is
// false when the table does not cover it. Every step consumes bytes of the
// table, which bounds the work.
func pcValueAt(table []byte, quantum byte, off uint64) (v int32, ok bool) {
	p := newPCValues(table[:min(len(table), maxPCValues)], quantum)
	for p.next() {
		if off < p.end {
			return p.value, true
		}
	}
	return -1, false
}
