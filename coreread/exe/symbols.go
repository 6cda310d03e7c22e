package exe

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"

	"postmortem/coreread/image"
)

// ErrStripped says that the binary has no symbol table, so that the runtime's
// variables cannot be found by name.
var ErrStripped = errors.New("not yet: the binary is stripped (no symbol table), and the runtime's variables are found by symbols only; give the unstripped binary of the same build (without -ldflags=-s)")

// ErrNoSymbol says that a symbol table is there and the name is not in it.
var ErrNoSymbol = errors.New("no such symbol")

// How says by which means an address was found.
type How string

// FromSymtab is an address that the symbol table gives.
const FromSymtab How = "symtab"

// Symbol is an entry of the symbol table.
type Symbol struct {
	Addr image.Addr // offset in the thread's block for thread-local variables
	Size uint64     // bytes, 0 when the table does not say
}

// Elf64_Sym.
const (
	symBytes = 24
	symInfo  = 4  // u8: type in the low 4 bits
	symShndx = 6  // u16
	symValue = 8  // u64
	symSize  = 16 // u64
)

// HasSymtab reports whether the binary has a symbol table (not just the one for
// dynamic linking, which never names the runtime's variables).
func (b *Binary) HasSymtab() bool {
	_, _, ok := b.symtab()
	return ok
}

// symtab returns the symbol table's entries and names as the file holds them.
func (b *Binary) symtab() (symbols, names []byte, ok bool) {
	for _, s := range b.file.elf.Sections {
		if s.Type != elf.SHT_SYMTAB || s.Link >= uint32(len(b.file.elf.Sections)) {
			continue
		}
		symbols = b.file.describe(s).data
		names = b.file.describe(b.file.elf.Sections[s.Link]).data
		if len(symbols) >= symBytes && len(names) > 0 {
			return symbols, names, true
		}
	}
	return nil, nil, false
}

// eachSymbol calls visit for every defined symbol whose name begins with prefix, until it returns false.
func (b *Binary) eachSymbol(prefix string, visit func(kind elf.SymType, name []byte, s Symbol) bool) {
	symbols, names, ok := b.symtab()
	if !ok {
		return
	}
	for ; len(symbols) >= symBytes; symbols = symbols[symBytes:] {
		at := order.Uint32(symbols)
		if uint64(at) >= uint64(len(names)) || elf.SectionIndex(order.Uint16(symbols[symShndx:])) == elf.SHN_UNDEF {
			continue
		}
		if tail := names[at:]; len(tail) < len(prefix) || string(tail[:len(prefix)]) != prefix {
			continue
		}
		name, ok := cString(names[at:])
		if !ok {
			continue
		}
		s := Symbol{Addr: image.Addr(order.Uint64(symbols[symValue:])), Size: order.Uint64(symbols[symSize:])}
		if !visit(elf.ST_TYPE(symbols[symInfo]), name, s) {
			return
		}
	}
}

// Bounds of the index of runtime variables; binaries have some two thousand.
const (
	maxRuntimeSymbols = 1 << 15
	maxRuntimeName    = 256 // bytes
)

// readRuntimeSymbols indexes the runtime's variables: they are a small part of
// the table, and the part that is asked for again and again.
func (b *Binary) readRuntimeSymbols() (map[string]Symbol, error) {
	if !b.HasSymtab() {
		return nil, ErrStripped
	}
	index := make(map[string]Symbol)
	b.eachSymbol("runtime.", func(kind elf.SymType, name []byte, s Symbol) bool {
		switch kind {
		case elf.STT_OBJECT, elf.STT_NOTYPE, elf.STT_TLS:
			if len(name) > maxRuntimeName {
				break
			}
			// A C object may have a local symbol of the same name behind the
			// linker's own; the first one stays.
			if _, twice := index[string(name)]; !twice {
				index[string(name)] = s
			}
		}
		return len(index) < maxRuntimeSymbols
	})
	return index, nil
}

// Symbol looks name up in the symbol table. The runtime's variables are
// indexed; any other name costs a pass over the table.
func (b *Binary) Symbol(name string) (Symbol, bool) {
	index, err := b.symbols()
	if err != nil {
		return Symbol{}, false
	}
	if s, ok := index[name]; ok {
		return s, true
	}
	var found Symbol
	ok := false
	b.eachSymbol(name, func(_ elf.SymType, full []byte, s Symbol) bool {
		if ok = bytes.Equal(full, []byte(name)); ok {
			found = s
		}
		return !ok
	})
	return found, ok
}

// Global returns the address of a variable, like "runtime.allgs", and how it was
// found. The error wraps ErrStripped or ErrNoSymbol.
func (b *Binary) Global(name string) (image.Addr, How, error) {
	if !b.HasSymtab() {
		return 0, "", fmt.Errorf("variable %s in %s: %w", name, b.name, ErrStripped)
	}
	s, ok := b.Symbol(name)
	if !ok {
		return 0, "", fmt.Errorf("variable %s in %s: %w", name, b.name, ErrNoSymbol)
	}
	return s.Addr, FromSymtab, nil
}
