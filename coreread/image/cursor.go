package image

// Cursor reads many words and keeps the first error, so that a decoder can
// read a whole structure and check once. After an error every read returns 0.
// It remembers the segment that it read from last, since the next read is
// mostly near.
type Cursor struct {
	image  *Image
	recent Segment
	err    error
}

// Cursor returns a reader of m without an error yet.
func (m *Image) Cursor() *Cursor { return &Cursor{image: m} }

// Err returns the first error, nil when every read so far has succeeded.
func (c *Cursor) Err() error { return c.err }

// Uint8 reads the byte at a.
func (c *Cursor) Uint8(a Addr) uint8 {
	if b := c.bytes(a, 1); b != nil {
		return b[0]
	}
	return 0
}

// Uint16 reads a 16-bit word at a.
func (c *Cursor) Uint16(a Addr) uint16 {
	if b := c.bytes(a, 2); b != nil {
		return c.image.order.Uint16(b)
	}
	return 0
}

// Uint32 reads a 32-bit word at a.
func (c *Cursor) Uint32(a Addr) uint32 {
	if b := c.bytes(a, 4); b != nil {
		return c.image.order.Uint32(b)
	}
	return 0
}

// Int32 reads a signed 32-bit word at a.
func (c *Cursor) Int32(a Addr) int32 { return int32(c.Uint32(a)) }

// Uint64 reads a 64-bit word at a.
func (c *Cursor) Uint64(a Addr) uint64 {
	if b := c.bytes(a, 8); b != nil {
		return c.image.order.Uint64(b)
	}
	return 0
}

// Int64 reads a signed 64-bit word at a.
func (c *Cursor) Int64(a Addr) int64 { return int64(c.Uint64(a)) }

// Addr reads a pointer at a.
func (c *Cursor) Addr(a Addr) Addr { return Addr(c.Uint64(a)) }

// bytes returns the n bytes at a, nil after an error.
func (c *Cursor) bytes(a Addr, n uint64) (b []byte) {
	if c.err != nil {
		return nil
	}
	data := c.recent.Data
	if off := uint64(a - c.recent.Start); off < uint64(len(data)) && n <= uint64(len(data))-off {
		return data[off : off+n]
	}
	if s, ok := c.image.SegmentAt(a); ok {
		c.recent = s
	}
	b, c.err = c.image.Bytes(a, n)
	return b
}
