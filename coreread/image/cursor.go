package image

// Cursor reads many words and keeps the first error, so that a decoder can
// read a whole structure and check once. After an error every read returns 0.
type Cursor struct {
	image *Image
	err   error
}

// Cursor returns a reader of m without an error yet.
func (m *Image) Cursor() *Cursor { return &Cursor{image: m} }

// Err returns the first error, nil when every read so far has succeeded.
func (c *Cursor) Err() error { return c.err }

// Uint8 reads the byte at a.
func (c *Cursor) Uint8(a Addr) uint8 { return read(c, a, c.image.Uint8) }

// Uint16 reads a 16-bit word at a.
func (c *Cursor) Uint16(a Addr) uint16 { return read(c, a, c.image.Uint16) }

// Uint32 reads a 32-bit word at a.
func (c *Cursor) Uint32(a Addr) uint32 { return read(c, a, c.image.Uint32) }

// Int32 reads a signed 32-bit word at a.
func (c *Cursor) Int32(a Addr) int32 { return int32(c.Uint32(a)) }

// Uint64 reads a 64-bit word at a.
func (c *Cursor) Uint64(a Addr) uint64 { return read(c, a, c.image.Uint64) }

// Int64 reads a signed 64-bit word at a.
func (c *Cursor) Int64(a Addr) int64 { return int64(c.Uint64(a)) }

// Addr reads a pointer at a.
func (c *Cursor) Addr(a Addr) Addr { return read(c, a, c.image.Addr) }

func read[T any](c *Cursor, a Addr, get func(Addr) (T, error)) (v T) {
	if c.err != nil {
		return v
	}
	v, c.err = get(a)
	return v
}
