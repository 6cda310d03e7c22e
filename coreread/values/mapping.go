package values

import (
	"cmp"
	"go/constant"
	"go/token"
	"slices"

	"github.com/go-delve/delve/pkg/proc"
)

// entry is one entry of a map, the key also as text to sort by.
type entry struct {
	key, value *proc.Variable
	text       string
}

// mapping writes a map's loaded entries, sorted by key: numbers by value, everything else by its text. Which ones are
// loaded of a larger map follows their order in memory.
func (p *printer) mapping(v *proc.Variable) {
	if v.Base == 0 {
		p.write("nil")
		return
	}
	p.writef("len %d ", v.Len)
	if len(v.Children) == 0 && v.Len > 0 {
		p.write(notFollowed)
		return
	}
	entries := make([]entry, 0, len(v.Children)/2)
	for i := 0; i+1 < len(v.Children); i += 2 {
		key := &v.Children[i]
		// With its own set of seen pointers: what is shown must not depend on the order of sorting.
		own := &printer{limits: p.limits, mem: p.mem, seen: map[shown]bool{}, missing: p.missing, left: p.limits.ValueBytes}
		own.value(key)
		entries = append(entries, entry{key: key, value: &v.Children[i+1], text: own.text()})
	}
	slices.SortStableFunc(entries, byKey)
	p.write("{")
	for i, e := range entries {
		if i > 0 {
			p.write(", ")
		}
		p.write(e.text + ": ")
		p.value(e.value)
	}
	p.more(len(entries), v.Len)
	p.write("}")
}

func byKey(a, b entry) int {
	if numeric(a.key) && numeric(b.key) {
		switch {
		case constant.Compare(a.key.Value, token.LSS, b.key.Value):
			return -1
		case constant.Compare(a.key.Value, token.GTR, b.key.Value):
			return +1
		}
		return 0
	}
	return cmp.Compare(a.text, b.text)
}

func numeric(v *proc.Variable) bool {
	return v.Unreadable == nil && v.Value != nil && (v.Value.Kind() == constant.Int || v.Value.Kind() == constant.Float)
}
