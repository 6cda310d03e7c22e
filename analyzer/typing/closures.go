package typing

import (
	"postmortem/coreread/image"
)

// maxClosures bounds how many code addresses are remembered.
const maxClosures = 1 << 20

// function claims a function value: its first word is its code's address.
func (f *inference) function(at image.Addr) {
	code, err := f.image.Addr(at)
	if err != nil {
		return
	}
	i := f.closure(code)
	f.claim(at, f.entries[i].size, i, Owner)
}

// closure returns the entry of function values with code at an address; 0 when
// no function begins there.
func (f *inference) closure(code image.Addr) index {
	if i, ok := f.closures[code]; ok {
		return i
	}
	i := unknownIndex
	if fn, ok := f.funcAt(code); ok && fn.Entry().Add(f.process.Bias) == code {
		typ, _ := f.types.Closure(code)
		if i = f.entryOf(identity{typ: typ, code: code, form: Closure}); i == unknownIndex {
			i = f.entryOf(identity{code: code, form: Closure})
		}
	}
	if len(f.closures) < maxClosures {
		f.closures[code] = i
	}
	return i
}
