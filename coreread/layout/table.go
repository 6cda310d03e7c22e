package layout

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"postmortem/coreread/layout/internal/shape"
)

// release is a Go release in the tables, minor*100+patch: 2304 is Go 1.23.4.
type release uint16

func (r release) version() Version {
	if r == open {
		return Version{}
	}
	return Version{Minor: int(r / 100), Patch: int(r % 100)}
}

// table is the layout of one struct in every release that has it. The generator
// writes these from the recorded texts (tables_gen.go).
type table struct {
	name      string
	described bool // some binaries have its type descriptor
	epochs    []epoch
	fields    []row
}

// epoch is a run of releases in which the struct lies the same: since
// inclusive, until exclusive and zero when no later release is known to differ.
// A release between two epochs has one of the two layouts, it is not known which.
type epoch struct {
	since, until release
	arch         string // GOARCH, "" for both
	size         uint32 // bytes
}

// row is a field. typ names a struct by value, or "[N]" and one; it is empty
// for a scalar, whose size is in bytes (0: the struct's own). offsets has the
// field's place in each epoch, -1 where there is none.
type row struct {
	name, typ string
	size      uint32
	offsets   []int32
}

// newest is the latest recorded patch release of a minor series; ok is false
// for a series that no table knows.
func newest(minor int) (v Version, ok bool) {
	for _, r := range recorded {
		if int(r/100) == minor {
			v, ok = r.version(), true
		}
	}
	return v, ok
}

// tableOf returns the table of a struct, nil when there is none.
func tableOf(name string) *table {
	i, ok := slices.BinarySearchFunc(tables, name, func(t table, n string) int { return cmp.Compare(t.name, n) })
	if !ok {
		return nil
	}
	return &tables[i]
}

// fromTable describes a struct as the tables have it. ok is false when the
// release has no such struct, or its series is not recorded.
func fromTable(name string, v Version, arch string) (t *shape.Type, ok bool) {
	if _, known := newest(v.Minor); !known {
		return nil, false
	}
	return tableType(name, v, arch, 0)
}

// fromNeighbours returns what the tables have for the nearest recorded patch
// releases on both sides of v, for a struct that changed somewhere between
// them; nothing when the tables cover v itself.
func fromNeighbours(name string, v Version, arch string) []*shape.Type {
	var out []*shape.Type
	var below, above release
	for _, r := range recorded {
		switch w := r.version(); {
		case w.Minor != v.Minor:
		case w.Compare(v) < 0:
			below = max(below, r)
		case above == 0:
			above = r
		}
	}
	if below == 0 || above == 0 {
		return nil
	}
	for _, r := range []release{below, above} {
		if t, ok := tableType(name, r.version(), arch, 0); ok {
			out = append(out, t)
		}
	}
	return out
}

func tableType(name string, v Version, arch string, depth int) (*shape.Type, bool) {
	tab := tableOf(name)
	if tab == nil || depth > shape.MaxDepth {
		return nil, false
	}
	column := slices.IndexFunc(tab.epochs, func(e epoch) bool {
		return (e.arch == "" || e.arch == arch) && v.within(e.since.version(), e.until.version())
	})
	if column < 0 {
		return nil, false
	}
	t := &shape.Type{Name: name, Size: uint64(tab.epochs[column].size), Fields: []shape.Field{}}
	for _, r := range tab.fields {
		if r.offsets[column] < 0 {
			continue
		}
		ft, ok := rowType(r.typ, uint64(r.size), v, arch, depth)
		if !ok {
			return nil, false
		}
		t.Fields = append(t.Fields, shape.Field{Name: r.name, Offset: uint64(r.offsets[column]), Type: ft})
	}
	slices.SortStableFunc(t.Fields, func(a, b shape.Field) int { return cmp.Compare(a.Offset, b.Offset) })
	return t, true
}

// rowType is the type of a field from the columns of its row.
func rowType(typ string, size uint64, v Version, arch string, depth int) (*shape.Type, bool) {
	rest, isArray := strings.CutPrefix(typ, "[")
	if !isArray {
		if typ == "" {
			return &shape.Type{Name: fmt.Sprintf("scalar of %d bytes", size), Size: size}, true
		}
		return tableType(typ, v, arch, depth+1)
	}
	count, elem, ok := strings.Cut(rest, "]")
	n, err := strconv.ParseUint(count, 10, 32)
	if !ok || err != nil || n == 0 {
		return nil, false
	}
	et, ok := rowType(elem, size/n, v, arch, depth)
	if !ok {
		return nil, false
	}
	return &shape.Type{Name: typ, Size: n * et.Size, Elem: et, Len: n}, true
}
