package values

import (
	"fmt"

	"github.com/go-delve/delve/pkg/dwarf/godwarf"
	"github.com/go-delve/delve/pkg/proc"
)

const (
	// maxNodes bounds what Delve builds for one value, in variables of some 300 bytes each: it caps neither nested
	// arrays as a whole (loadArrayValues in its pkg/proc/variables.go), nor a type that contains itself.
	maxNodes = 1 << 17
	// maxNesting is deeper than compilers' types are; DWARF that says otherwise is crafted.
	maxNesting = 64
	// chanElements is what Delve loads of a channel's buffer whatever it is told (LoadFullValue).
	chanElements = 64
)

// tooLarge says which of the scope's variables would make Delve build too much, "" when none.
func tooLarge(scope *proc.EvalScope, limits Limits) string {
	vars, err := scope.Locals(0, "")
	if err != nil {
		return reason(err)
	}
	w := weigher{limits: limits, known: map[godwarf.Type]bool{}}
	for _, v := range vars {
		if v.DwarfType != nil && !w.fits(v.DwarfType) {
			return fmt.Sprintf("variable %s has a type of more parts than can be loaded", printable(v.Name, maxType))
		}
	}
	return ""
}

type weigher struct {
	limits Limits
	known  map[godwarf.Type]bool
	todo   []godwarf.Type
}

// fits is true when neither t nor any type that it leads to is too large by value. Interfaces lead nowhere: what they
// hold is not known before it is loaded.
func (w *weigher) fits(t godwarf.Type) bool {
	w.todo = append(w.todo, t)
	for len(w.todo) > 0 {
		t := w.todo[len(w.todo)-1]
		w.todo = w.todo[:len(w.todo)-1]
		if t == nil || w.known[t] {
			continue
		}
		w.known[t] = true
		if w.nodes(t, 0, 0) > maxNodes {
			return false
		}
	}
	return true
}

// nodes counts the variables that loading a t by value builds, up to maxNodes+1. level is Delve's recursion level.
func (w *weigher) nodes(t godwarf.Type, level, nesting int) int {
	if nesting > maxNesting {
		return maxNodes + 1
	}
	switch t := godwarf.ResolveTypedef(t).(type) {
	case *godwarf.StructType:
		return w.fields(t, level, nesting)
	case *godwarf.ArrayType:
		return times(int(min(t.Count, int64(w.limits.Elements))), w.nodes(t.Type, level+1, nesting+1))
	case *godwarf.SliceType:
		w.todo = append(w.todo, t.ElemType)
	case *godwarf.PtrType:
		w.todo = append(w.todo, t.Type)
	case *godwarf.MapType:
		w.todo = append(w.todo, t.KeyType, t.ElemType)
	case *godwarf.ChanType:
		return times(chanElements, w.nodes(t.ElemType, 1, nesting+1))
	}
	return 1
}

func (w *weigher) fields(t *godwarf.StructType, level, nesting int) int {
	sum := 1
	if level > w.limits.Depth {
		return sum
	}
	for i, f := range t.Field {
		if i == w.limits.Fields || sum > maxNodes {
			break
		}
		sum += w.nodes(f.Type, level+1, nesting+1)
	}
	return min(sum, maxNodes+1)
}

func times(n, each int) int {
	if n > 0 && each > maxNodes/n {
		return maxNodes + 1
	}
	return max(n*each, 1)
}
