package gotypes

import (
	"cmp"
	"slices"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
)

// Variable is a variable of the program, or a piece of one.
type Variable struct {
	// Name is as the source has it, of a global with the package's path: "main.cache".
	// A local that lives on the heap is a pointer to it called "&name".
	Name string
	Type ID         // of the whole variable; 0 when unknown
	Addr image.Addr // of a global, in the process

	// Offset is where a local's piece begins, from the frame's base (Frame.FP, the
	// caller's stack pointer). The piece is the bytes From to From+Bytes, exclusive,
	// of the variable: for most all of it.
	Offset      int64
	From, Bytes uint64
	Result      bool // a result of the function
	Parameter   bool // a parameter or a result
	Inlined     bool // of a function that was inlined at the place
}

// Globals returns the program's variables by address: as DWARF has them, and
// without DWARF (see DebugInfo) those that the symbol table names, of unknown type.
func (u *Universe) Globals() []Variable {
	d := u.debug()
	if len(d.globals) == 0 {
		return u.symbols()
	}
	out := make([]Variable, 0, len(d.globals))
	for i := range d.globals {
		g := &d.globals[i]
		v := Variable{Name: plainName(string(g.name)), Type: u.debugType(g.typ), Addr: g.addr.Add(u.bias)}
		v.Bytes = u.Type(v.Type).Size
		out = append(out, v)
	}
	return out
}

// maxSymbols bounds the variables that the symbol table names; the largest
// binaries have some 50,000.
const maxSymbols = 1 << 20

func (u *Universe) symbols() (out []Variable) {
	u.bin.EachVariable(func(name string, s exe.Symbol) bool {
		out = append(out, Variable{Name: plainName(name), Addr: s.Addr.Add(u.bias), Bytes: s.Size})
		return len(out) < maxSymbols
	})
	slices.SortStableFunc(out, func(a, b Variable) int { return cmp.Compare(a.Addr, b.Addr) })
	return out
}
