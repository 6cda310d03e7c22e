package exe

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zlib"
)

// DebugSection returns a section of the debug information, unpacked: name is
// "info" for .debug_info. It is nil when there is no such section. The bytes are
// the file's own or made anew by every call; the caller must not change them.
// The error wraps ErrNoDWARF when there is no debug information at all.
func (b *Binary) DebugSection(name string) ([]byte, error) {
	if !b.HasDWARF() {
		return nil, fmt.Errorf("%s: %w", b.name, ErrNoDWARF)
	}
	if err := b.checkDWARFSizes(); err != nil {
		return nil, err
	}
	for _, s := range b.file.elf.Sections {
		kind, short, ok := strings.Cut(s.Name, "debug_")
		if !ok || short != name || kind != "." && kind != ".z" {
			continue
		}
		raw := b.file.bytes(s.Offset, s.FileSize)
		var size uint64
		var packed []byte
		switch compressed := s.Flags&elf.SHF_COMPRESSED != 0; {
		case compressed && len(raw) >= chdrBytes && order.Uint32(raw) == chdrZlib:
			size, packed = s.Size, raw[chdrBytes:]
		case compressed:
			return nil, b.formatError(int64(s.Offset), "a section packed with zlib", s.Name+" packed otherwise")
		case kind == ".z" && len(raw) >= zdebugBytes:
			size, packed = binary.BigEndian.Uint64(raw[4:]), raw[zdebugBytes:]
		default:
			return raw, nil
		}
		data, err := unpack(packed, size)
		if err != nil {
			return nil, b.formatError(int64(s.Offset), fmt.Sprintf("%d bytes of %s", size, s.Name), err.Error()+"; the file is damaged")
		}
		return data, nil
	}
	return nil, nil
}

// Headers of packed sections: Elf64_Chdr, and "ZLIB" with the size as 8 bytes, big endian.
const (
	chdrBytes   = 24
	chdrZlib    = 1
	zdebugBytes = 12
)

// unpack unpacks size bytes, which checkDWARFSizes has bounded.
func unpack(packed []byte, size uint64) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, err
	}
	return data, nil
}
