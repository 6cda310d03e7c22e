package exe

import (
	"debug/dwarf"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// ErrNoDWARF says that the binary has no debug information.
var ErrNoDWARF = errors.New("the binary has no DWARF (it was built with -ldflags=-w, or stripped)")

// HasDWARF reports whether the binary has debug information.
func (b *Binary) HasDWARF() bool {
	s, ok := b.file.section(".debug_info", ".zdebug_info")
	return ok && s.Len() > 0
}

// lazyDWARF is debug information once it was asked for.
type lazyDWARF struct{ data *dwarf.Data }

// DWARF reads and unpacks the debug information, the first time it is called.
// Reading it panics where it is damaged: go through Guard. The error wraps ErrNoDWARF when there is none.
func (b *Binary) DWARF() (*dwarf.Data, error) {
	d, err := b.dwarf()
	if err != nil {
		return nil, err
	}
	return d.data, nil
}

func (b *Binary) readDWARF() (*lazyDWARF, error) {
	if !b.HasDWARF() {
		return nil, fmt.Errorf("%s: %w", b.name, ErrNoDWARF)
	}
	if err := b.checkDWARFSizes(); err != nil {
		return nil, err
	}
	var d lazyDWARF
	err := Guard(b.name, "DWARF", func() (err error) {
		d.data, err = b.file.elf.DWARF()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the DWARF of %s: %w", b.name, err)
	}
	return &d, nil
}

// Debug information unpacks to some four times its size; zlib could blow it up
// a thousandfold.
const (
	maxDWARFRatio = 32
	minDWARFLimit = 64 << 20 // bytes
)

// checkDWARFSizes refuses debug information that claims to unpack to much more
// than the file has: debug/elf believes the claim.
func (b *Binary) checkDWARFSizes() error {
	limit := uint64(max(maxDWARFRatio*len(b.file.data), minDWARFLimit))
	var total uint64
	for _, s := range b.file.elf.Sections {
		var size uint64
		switch {
		case strings.HasPrefix(s.Name, ".debug_"):
			size = s.Size // unpacked, if it is packed
		case strings.HasPrefix(s.Name, ".zdebug_"):
			// "ZLIB" and the unpacked size, big endian.
			if data := b.file.describe(s).data; len(data) >= 12 {
				size = binary.BigEndian.Uint64(data[4:])
			}
		}
		if size > limit || total+size > limit {
			return b.formatError(int64(s.Offset), fmt.Sprintf("debug information of at most %d bytes", limit), fmt.Sprintf("%s of %d bytes; the file is damaged", s.Name, size))
		}
		total += size
	}
	return nil
}

// dwarfStruct returns a struct by its DWARF name, which is package path and
// name. It walks the debug information, children and all, until it meets it:
// dwarf.Reader.SkipChildren recurses as deep as damaged data nests.
func (b *Binary) dwarfStruct(name string) (*StructType, error) {
	data, err := b.DWARF()
	if err != nil {
		return nil, err
	}
	var found *StructType
	err = Guard(b.name, "DWARF", func() error {
		for r := data.Reader(); ; {
			entry, err := r.Next()
			if err != nil || entry == nil {
				return err
			}
			if entry.Tag == dwarf.TagStructType && entry.Val(dwarf.AttrName) == name {
				found, err = structOf(data, entry)
				return err
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("struct %s in the DWARF of %s: %w", name, b.name, err)
	}
	if found == nil {
		return nil, fmt.Errorf("struct %s in the DWARF of %s: %w", name, b.name, ErrNoType)
	}
	return found, nil
}

func structOf(data *dwarf.Data, entry *dwarf.Entry) (*StructType, error) {
	typ, err := data.Type(entry.Offset)
	if err != nil {
		return nil, err
	}
	s, ok := typ.(*dwarf.StructType)
	if !ok {
		return nil, fmt.Errorf("%s is a %T", typ, typ)
	}
	out := &StructType{Name: s.StructName, Size: uint64(s.ByteSize)}
	for _, f := range s.Field {
		out.Fields = append(out.Fields, Field{
			Name: f.Name, TypeName: f.Type.String(), Kind: kindOf(f.Type),
			Offset: uint64(f.ByteOffset), Size: uint64(max(f.Type.Size(), 0)),
		})
	}
	return out, nil
}

// kindOf returns the kind of a field where DWARF alone tells it, else reflect.Invalid.
func kindOf(t dwarf.Type) reflect.Kind {
	switch t := t.(type) {
	case *dwarf.TypedefType:
		return kindOf(t.Type)
	case *dwarf.StructType:
		return reflect.Struct
	case *dwarf.ArrayType:
		return reflect.Array
	case *dwarf.PtrType:
		return reflect.Pointer
	}
	return reflect.Invalid
}
