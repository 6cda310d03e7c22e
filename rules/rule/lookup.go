package rule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
)

// Goroutine finds a goroutine by its id, and its place in the list; nil when there
// is none.
func Goroutine(doc *facts.Document, id int64) (*facts.Goroutine, int) {
	if doc.Goroutines == nil {
		return nil, -1
	}
	list := doc.Goroutines.List
	i, ok := slices.BinarySearchFunc(list, id, func(g facts.Goroutine, id int64) int { return cmp.Compare(g.ID, id) })
	if !ok {
		return nil, -1
	}
	return &list[i], i
}

// Group finds a group by its id; nil when there is none.
func Group(doc *facts.Document, id int) *facts.Group {
	if doc.Goroutines == nil || id < 1 || id > len(doc.Goroutines.Groups) {
		return nil
	}
	return &doc.Goroutines.Groups[id-1]
}

// GroupOf is the group of a goroutine; nil when it has none.
func GroupOf(doc *facts.Document, goroutine int64) *facts.Group {
	g, _ := Goroutine(doc, goroutine)
	if g == nil {
		return nil
	}
	return Group(doc, g.Group)
}

// GroupRef is the JSON Pointer of a group.
func GroupRef(g *facts.Group) string { return fmt.Sprintf("/goroutines/groups/%d", g.ID-1) }

// One is a single goroutine that a finding is about.
func One(id int64) facts.FindingGoroutines {
	return facts.FindingGoroutines{Count: 1, GoidRanges: [][2]int64{{id, id}}}
}

// All are the goroutines of groups, which are disjoint.
func All(groups ...*facts.Group) facts.FindingGoroutines {
	var out facts.FindingGoroutines
	for _, g := range groups {
		out.Count += g.Count
		out.GoidRanges = append(out.GoidRanges, g.GoidRanges...)
	}
	slices.SortFunc(out.GoidRanges, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	return out
}

// IDs lists the ids of groups.
func IDs(groups ...*facts.Group) []int {
	var ids []int
	for _, g := range groups {
		ids = append(ids, g.ID)
	}
	slices.Sort(ids)
	return ids
}

// Blame is the frame that the program's author looks at: the innermost one that is
// the program's own, or else the innermost outside of the runtime, or else the
// innermost; with its index, nil and -1 for no frames.
func Blame(frames []*facts.Frame) (*facts.Frame, int) {
	other := -1
	for i, f := range frames {
		switch {
		case f == nil:
		case f.InApp && !strings.Contains(f.Func, "._Cfunc_"):
			return f, i
		case other < 0 && !IsRuntime(f.Func):
			other = i
		}
	}
	if other >= 0 {
		return frames[other], other
	}
	if len(frames) > 0 && frames[0] != nil {
		return frames[0], 0
	}
	return nil, -1
}

// IsRuntime reports whether a function is the Go runtime's own.
func IsRuntime(fn string) bool {
	return strings.HasPrefix(fn, "runtime.") || strings.HasPrefix(fn, "internal/runtime/") || strings.HasPrefix(fn, "runtime/internal/")
}

// Has reports whether a stack has one of the functions, and where: the index of the
// innermost, -1 for none.
func Has(frames []*facts.Frame, functions ...string) (int, bool) {
	i := slices.IndexFunc(frames, func(f *facts.Frame) bool { return f != nil && slices.Contains(functions, f.Func) })
	return i, i >= 0
}

// Where is where a group stands, in words, "" when its stack is not known.
func Where(g *facts.Group) string {
	f, _ := Blame(g.Frames)
	if f == nil {
		return ""
	}
	return At(f)
}

// State is what a group does, in the runtime's words: "chan receive", "running".
func State(g *facts.Group) string {
	if g.WaitReason.Known && g.WaitReason.V != "" {
		return g.WaitReason.V
	}
	return string(g.Status)
}
