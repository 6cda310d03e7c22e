package gopoll

import (
	"encoding/binary"

	"postmortem/coreread/image"
)

// record is one structure read whole. Offsets come from the same layout as its
// size, so every field that was bound lies inside.
type record struct {
	data  []byte
	order binary.ByteOrder
}

func (r *Reader) record(at image.Addr, size uint64) (record, error) {
	data, err := r.p.Image.Bytes(at, size)
	return record{data, r.p.Image.ByteOrder()}, err
}

func (r record) u8(off uint64) uint8        { return r.data[off] }
func (r record) u32(off uint64) uint32      { return r.order.Uint32(r.data[off:]) }
func (r record) i64(off uint64) int64       { return int64(r.order.Uint64(r.data[off:])) }
func (r record) addr(off uint64) image.Addr { return image.Addr(r.order.Uint64(r.data[off:])) }
func (r record) flag(f optional) bool       { return f.present && r.data[f.off] != 0 }
func (r record) value(off uint64) Value     { return Value{r.addr(off), r.addr(off + 8)} }
