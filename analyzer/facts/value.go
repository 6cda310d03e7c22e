package facts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Word is a 64-bit machine word: an address, a pc, a register. In JSON it is a
// string like "0xc000012345", since a number loses bits above 2^53.
type Word uint64

// MarshalJSON writes the word as a quoted hexadecimal number.
func (w Word) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 20), `"0x`...)
	b = strconv.AppendUint(b, uint64(w), 16)
	return append(b, '"'), nil
}

// UnmarshalJSON reads what MarshalJSON writes, and nothing else.
func (w *Word) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("a machine word is a string like \"0xc000012345\", not %.20s", b)
	}
	if len(s) < 3 || s[:2] != "0x" {
		return fmt.Errorf("a machine word starts with 0x: %.20q", s)
	}
	n, err := strconv.ParseUint(s[2:], 16, 64)
	if err != nil {
		return fmt.Errorf("a machine word has 1 to 16 hexadecimal digits: %.20q", s)
	}
	*w = Word(n)
	return nil
}

// Maybe is a value that may be unknown. The zero Maybe is unknown, in JSON null.
type Maybe[T any] struct {
	V     T
	Known bool
}

// Some is a known value.
func Some[T any](v T) Maybe[T] { return Maybe[T]{V: v, Known: true} }

// MarshalJSON writes null or the value.
func (m Maybe[T]) MarshalJSON() ([]byte, error) {
	if !m.Known {
		return []byte("null"), nil
	}
	return json.Marshal(m.V)
}

// UnmarshalJSON reads null or a value.
func (m *Maybe[T]) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*m = Maybe[T]{}
		return nil
	}
	m.Known = true
	return json.Unmarshal(b, &m.V)
}
