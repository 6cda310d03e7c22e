package exe

import (
	"debug/elf"

	"postmortem/coreread/image"
)

// EachVariable calls visit with the variables that the symbol table names, in its
// order, until visit returns false: what lies in the data and BSS of Go. The linker's own names for
// their limits, which have no size, are left out.
func (b *Binary) EachVariable(visit func(name string, s Symbol) bool) {
	m := b.module
	parts := [...]image.Range{
		{Start: m.NoPtrData, End: m.ENoPtrData}, {Start: m.Data, End: m.EData},
		{Start: m.BSS, End: m.EBSS}, {Start: m.NoPtrBSS, End: m.ENoPtrBSS},
	}
	b.eachSymbol("", func(kind elf.SymType, name []byte, s Symbol) bool {
		if kind != elf.STT_OBJECT && kind != elf.STT_NOTYPE || s.Size == 0 || len(name) == 0 {
			return true
		}
		for _, part := range parts {
			if part.Contains(s.Addr) {
				return visit(string(name), s)
			}
		}
		return true
	})
}
