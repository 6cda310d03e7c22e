package layout

import (
	"errors"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
	"postmortem/coreread/layout/internal/describe"
	"postmortem/coreread/layout/internal/shape"
)

// binary is what an executable says of itself.
type binary struct{ exe *exe.Binary }

func (b *binary) descriptor(name string) (*shape.Type, error) {
	return describe.Struct(b.exe.Types(), name)
}

func (b *binary) dwarf() (*shape.DWARF, error) {
	data, err := b.exe.DWARF()
	if errors.Is(err, exe.ErrNoDWARF) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return shape.NewDWARF(data)
}

func (b *binary) variableSize(name string) (uint64, bool) {
	if name == "" {
		return 0, false
	}
	s, ok := b.exe.Symbol(name)
	return s.Size, ok && s.Size != 0
}

// stringBytes is the size of a string: address, then length.
const stringBytes = 16

func (b *binary) strings(name string) ([]string, bool) {
	s, ok := b.exe.Symbol(name)
	n := s.Size / stringBytes
	if !ok || s.Size%stringBytes != 0 || n == 0 || n > 256 {
		return nil, false
	}
	c := b.exe.Image().Cursor()
	out := make([]string, 0, n)
	for i := range n {
		at := s.Addr + image.Addr(i*stringBytes)
		text, length := c.Addr(at), c.Uint64(at+8)
		if c.Err() != nil || length > 256 {
			return nil, false
		}
		data, err := b.exe.Image().Bytes(text, length)
		if err != nil || !printable(string(data)) {
			return nil, false
		}
		out = append(out, string(data))
	}
	return out, true
}
