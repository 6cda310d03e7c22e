package input

import (
	"bytes"
	"unicode/utf8"
)

// headBytes is how much of a file's start is needed to tell what it is: a tar
// archive's mark stands furthest from the start.
const headBytes = 512

// magics are the first bytes of the kinds of file that people confuse with
// cores and binaries. Compressions that Open undoes have their name.
var magics = []struct {
	offset            int
	magic             string
	compression, what string
}{
	{0, "\x28\xb5\x2f\xfd", "zstd", "zstd-compressed data"},
	{0, "\x1f\x8b", "gzip", "gzip-compressed data"},
	{0, "\xfd7zXZ\x00", "xz", "xz-compressed data"},
	{0, "\x04\x22\x4d\x18", "lz4", "lz4-compressed data"},
	{0, "\x02\x21\x4c\x18", "lz4", "lz4-compressed data"}, // legacy frame
	{0, "BZh", "", "bzip2-compressed data"},
	{0, "\x1f\x9d", "", "compress (.Z) data"},
	{0, "LZIP", "", "lzip-compressed data"},
	{0, "\xff\x06\x00\x00sNaPpY", "", "snappy-compressed data"},
	{0, "7z\xbc\xaf\x27\x1c", "", "a 7z archive"},
	{0, "PK\x03\x04", "", "a zip archive"},
	{0, "!<arch>\n", "", "an ar archive"},
	{257, "ustar", "", "a tar archive"},
	{0, "\x7fELF", "", "an ELF file"},
	{0, "MZ", "", "a Windows executable"},
	{0, "MDMP", "", "a minidump"},
	{0, "\xcf\xfa\xed\xfe", "", "a Mach-O file"},
	{0, "\xfe\xed\xfa\xcf", "", "a Mach-O file"},
	{0, "\xca\xfe\xba\xbe", "", "a Mach-O file for several machines"},
	{0, "KDUMP   ", "", "a kernel crash dump"},
	{0, "go 1.", "", "a Go execution trace or heap dump"},
	{0, "#!", "", "a script"},
}

// sniff returns the compression that Open undoes, "" for none.
func sniff(head []byte) string {
	for _, m := range magics {
		if m.compression != "" && bytes.HasPrefix(head, []byte(m.magic)) {
			return m.compression
		}
	}
	return ""
}

// Kind says in a few words what a file with this start is, for messages about
// files that are something else than they should be.
func Kind(head []byte) string {
	if len(head) == 0 {
		return "nothing"
	}
	head = head[:min(len(head), headBytes)]
	for _, m := range magics {
		if len(head) >= m.offset && bytes.HasPrefix(head[m.offset:], []byte(m.magic)) {
			return m.what
		}
	}
	switch {
	case len(bytes.Trim(head, "\x00")) == 0:
		return "zero bytes"
	case isText(head):
		if s := bytes.TrimSpace(head); len(s) > 0 && (s[0] == '{' || s[0] == '[') {
			return "text, perhaps JSON"
		}
		return "text"
	}
	return "data of no known kind"
}

func isText(head []byte) bool {
	// The last character may be cut.
	for cut := 0; cut < utf8.UTFMax && len(head) > 0 && !utf8.Valid(head); cut++ {
		head = head[:len(head)-1]
	}
	return len(head) > 0 && utf8.Valid(head) && bytes.IndexFunc(head, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\x1b'
	}) < 0
}
