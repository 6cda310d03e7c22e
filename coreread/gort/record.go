package gort

import (
	"encoding/binary"

	"postmortem/coreread/image"
)

// record is one structure read whole. Offsets come from the same layout as its
// size, so every field that was bound lies inside.
type record struct {
	addr  image.Addr
	data  []byte
	order binary.ByteOrder
}

// record reads the size bytes of a structure at a.
func (p *Process) record(a image.Addr, size uint64) (record, error) {
	data, err := p.Image.Bytes(a, size)
	if err != nil {
		return record{}, err
	}
	return record{addr: a, data: data, order: p.Image.ByteOrder()}, nil
}

func (r record) u8(off uint64) uint8        { return r.data[off] }
func (r record) bool(off uint64) bool       { return r.data[off] != 0 }
func (r record) u32(off uint64) uint32      { return r.order.Uint32(r.data[off:]) }
func (r record) i32(off uint64) int32       { return int32(r.u32(off)) }
func (r record) u64(off uint64) uint64      { return r.order.Uint64(r.data[off:]) }
func (r record) i64(off uint64) int64       { return int64(r.u64(off)) }
func (r record) addrAt(o uint64) image.Addr { return image.Addr(r.u64(o)) }

// optional is a field that only some Go versions have.
type optional struct {
	off     uint64
	present bool
}

func (r record) optionalU64(f optional) (uint64, bool) {
	if !f.present {
		return 0, false
	}
	return r.u64(f.off), true
}
