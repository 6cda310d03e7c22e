package typing

import (
	"strconv"

	"postmortem/coreread/gotypes"
)

// FieldPath returns how the source would name the byte at an offset of an object
// (bytes, from behind a malloc header): ".Friends[2]" in a struct, "[7].Name" in
// an array, "[key].ID" and "[value]" in buckets and groups of a map. It is "" for
// parts without a name, such as those by which a map's header finds its groups.
func (r *Result) FieldPath(k Key, offset uint64) string {
	if k == 0 || int(k) >= len(r.Table) {
		return ""
	}
	e := &r.Table[k]
	switch e.Form {
	case Single:
		return r.types.Path(e.Type, offset)
	case Array, ChanBuffer:
		if e.Size == 0 {
			return ""
		}
		return "[" + strconv.FormatUint(offset/e.Size, 10) + "]" + r.types.Path(e.Type, offset%e.Size)
	case MapBuckets, MapGroups:
		if e.Size == 0 {
			return ""
		}
		return r.entryPath(e, offset%e.Size)
	case Closure:
		if offset < 8 {
			return "" // the code
		}
		return r.types.Path(e.Type, offset)
	}
	return ""
}

// entryPath is FieldPath in a bucket or a group.
func (r *Result) entryPath(e *Entry, offset uint64) string {
	m := r.types.Map(e.Map)
	if m == nil {
		return ""
	}
	for _, part := range [...]struct {
		name       string
		at, stride uint64
		typ        gotypes.ID
		indirect   bool
	}{{"[key]", m.Keys, m.KeyStride, m.Key, m.IndirectKey}, {"[value]", m.Elems, m.ElemStride, m.Elem, m.IndirectElem}} {
		size := r.types.Type(part.typ).Size
		if part.indirect {
			size = 8
		}
		if part.stride == 0 || offset < part.at || (offset-part.at)/part.stride >= gotypes.MapSlots || (offset-part.at)%part.stride >= size {
			continue
		}
		if part.indirect {
			return part.name
		}
		return part.name + r.types.Path(part.typ, (offset-part.at)%part.stride)
	}
	return ""
}
