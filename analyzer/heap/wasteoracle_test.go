package heap

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"postmortem/analyzer/dominator"
	"postmortem/analyzer/facts"
	"postmortem/analyzer/graph"
	"postmortem/analyzer/typing"
	"postmortem/coreread"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
	"postmortem/internal/testcores"
)

// TestWasteIsThatOfAPlainSearch holds all parts against slow searches by the
// definition, on the committed cores.
func TestWasteIsThatOfAPlainSearch(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Cut > 0 || c.Program == "dies" || c.Program == "small" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			snap, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
			if err != nil {
				t.Fatal(err)
			}
			defer snap.Close()
			a, err := Analyze(context.Background(), snap, Options{Workers: 2, ShowValues: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Run("extents", func(t *testing.T) { checkExtents(t, a, !strings.HasSuffix(c.Variant, "w")) })
			t.Run("strings", func(t *testing.T) { checkStrings(t, a) })
			t.Run("slices", func(t *testing.T) { checkSlices(t, a) })
			t.Run("finalizers", func(t *testing.T) { checkFinalizers(t, a) })
		})
	}
}

// eachTyped visits the slots of all that has a type, one by one.
func eachTyped(a *Analysis, visit func(s gotypes.Slot, at image.Addr)) {
	values := func(typ gotypes.ID, at image.Addr, n uint64) {
		for i := range n {
			base := at + image.Addr(i*a.universe.Type(typ).Size)
			a.universe.EachSlot(typ, 0, ^uint64(0), func(s gotypes.Slot) bool {
				visit(s, base+image.Addr(s.Offset))
				return true
			})
		}
	}
	for o := range goheap.Object(a.Heap.Objects()) {
		e := a.Types.Table[a.Types.Of[o]]
		if !a.Doms.Reached(uint32(o)) || e.Type == 0 || a.universe.Type(e.Type).Size == 0 {
			continue
		}
		switch e.Form {
		case typing.Single, typing.Closure:
			values(e.Type, a.Heap.Address(o), 1)
		case typing.Array, typing.ChanBuffer, typing.MapBuckets, typing.MapGroups:
			values(e.Type, a.Heap.Address(o), uint64(len(a.Heap.Memory(o)))/a.universe.Type(e.Type).Size)
		}
	}
	for _, r := range newRegions(a).list {
		values(r.typ, r.addr, r.bytes/a.universe.Type(r.typ).Size)
	}
}

// header is what a string header says.
type header struct {
	at    image.Addr
	bytes uint64
}

// onHeap finds the object without pointers that a string would lie in, and where.
func (s header) onHeap(a *Analysis) (o goheap.Object, off uint64, tiny, ok bool) {
	o, at, ok := a.Heap.Find(s.at)
	if !ok || at < 0 || s.bytes == 0 {
		return 0, 0, false, false
	}
	span := a.Heap.SpanOf(o)
	return o, uint64(at), spanClass(span) == layout.TinySpanClass, span.NoScan && s.bytes <= span.ElemBytes-uint64(at)
}

// allHeaders are all words of the process that could be a header and the place and
// the number of bytes of a string on the heap.
func allHeaders(a *Analysis) map[header]bool {
	im := a.Heap.Process().Image
	found := map[header]bool{}
	for _, s := range im.Segments() {
		mem := im.Present(image.Range{Start: s.Start, End: s.End})
		for ; len(mem) >= stringBytes; mem = mem[8:] {
			h := header{image.Addr(word64(mem)), word64(mem[8:])}
			if _, _, _, ok := h.onHeap(a); ok {
				found[h] = true
			}
		}
	}
	return found
}

// stringsOf returns the strings in an object: those that the extents tell.
func stringsOf(a *Analysis, o goheap.Object) (all []header) {
	e, at := a.Types.Extents[o], a.Heap.Address(o)
	span := a.Heap.SpanOf(o)
	if spanClass(span) != layout.TinySpanClass {
		return []header{{at, uint64(e)}}
	}
	for i := 0; i < 16; i++ {
		if e>>i&1 == 0 {
			continue
		}
		n := 1
		for ; e>>(16+i)&1 != 0; i++ {
			n++
		}
		all = append(all, header{at + image.Addr(i-n+1), uint64(n)})
	}
	return all
}

// checkExtents holds the extents of strings against all headers in memory, and
// against those whose type says that they are headers. With debug information
// there are some.
func checkExtents(t *testing.T, a *Analysis, some bool) {
	im := a.Heap.Process().Image
	headers := allHeaders(a)
	begins, ends := map[image.Addr]bool{}, map[image.Addr]bool{}
	for h := range headers {
		begins[h.at], ends[h.at+image.Addr(h.bytes)] = true, true
	}
	found := 0
	for o, e := range a.Types.Extents {
		if e == 0 {
			continue
		}
		for _, s := range stringsOf(a, goheap.Object(o)) {
			_, _, tiny, _ := s.onHeap(a)
			if !headers[s] && !(tiny && begins[s.at] && ends[s.at+image.Addr(s.bytes)]) {
				t.Errorf("nothing refers to a string of %d bytes at %v", s.bytes, s.at)
			}
			found++
		}
	}
	typed := 0
	eachTyped(a, func(slot gotypes.Slot, at image.Addr) {
		p, err1 := im.Addr(at)
		n, err2 := im.Uint64(at + 8)
		if slot.Kind != gotypes.StringData || err1 != nil || err2 != nil {
			return
		}
		h := header{p, n}
		o, off, tiny, ok := h.onHeap(a)
		if !ok || !tiny && off != 0 {
			return
		}
		typed++
		for _, s := range stringsOf(a, o) {
			if s.at <= h.at && s.at+image.Addr(s.bytes) >= h.at+image.Addr(h.bytes) {
				return
			}
		}
		t.Errorf("%v refers to %d bytes at %v, which are not known of", at, n, p)
	})
	if some && (found == 0 || typed == 0) {
		t.Errorf("%d strings and %d headers", found, typed)
	}
}

// checkStrings holds the strings against what a map of contents counts.
func checkStrings(t *testing.T, a *Analysis) {
	im := a.Heap.Process().Image
	type copies struct{ count, bytes, most uint64 }
	contents := map[string]*copies{}
	for o := range goheap.Object(a.Heap.Objects()) {
		span := a.Heap.SpanOf(o)
		tiny := spanClass(span) == layout.TinySpanClass
		if a.Types.Extents[o] == 0 || !a.Doms.Reached(uint32(o)) || !tiny && a.Types.Table[a.Types.Of[o]].Form != typing.StringData {
			continue
		}
		for _, s := range stringsOf(a, o) {
			b, err := im.Bytes(s.at, s.bytes)
			if err != nil {
				t.Fatal(err)
			}
			c := contents[string(b)]
			if c == nil {
				c = &copies{}
				contents[string(b)] = c
			}
			slot := a.Heap.Size(o)
			if s.bytes <= smallerSlot(span) {
				slot = s.bytes
			}
			c.count++
			c.bytes += slot
			c.most = max(c.most, slot)
		}
	}
	var want facts.DuplicateStrings
	for _, c := range contents {
		if c.count > 1 {
			want.Count += c.count - 1
			want.Bytes += c.bytes - c.most
			want.Distinct++
		}
	}
	got := a.duplicateStrings(context.Background())
	if got.Count != want.Count || got.Bytes != want.Bytes || got.Distinct != want.Distinct || uint64(got.TopTotal) != want.Distinct {
		t.Errorf("%d copies of %d bytes, %d contents; a plain search finds %d, %d, %d",
			got.Count, got.Bytes, got.Distinct, want.Count, want.Bytes, want.Distinct)
	}
	for _, s := range got.Top {
		c := contents[s.Value.V]
		if s.Length <= shownBytes && utf8.ValidString(s.Value.V) && (c == nil || s.Count != c.count || s.Bytes != c.bytes-c.most) {
			t.Errorf("%+v, a plain search finds %+v", s, c)
		}
	}
	if !slices.IsSortedFunc(got.Top, func(a, b facts.DuplicateString) int { return int(b.Bytes) - int(a.Bytes) }) {
		t.Error("not most bytes first")
	}
}

// checkSlices holds each array that counts as spare against all that refers
// to it.
func checkSlices(t *testing.T, a *Analysis) {
	im := a.Heap.Process().Image
	used, room := map[goheap.Object]uint64{}, map[goheap.Object]uint64{}
	unsure := map[goheap.Object]bool{}
	told := map[image.Addr]bool{} // places of pointers with a type
	eachTyped(a, func(s gotypes.Slot, at image.Addr) {
		told[at], told[at+8] = true, told[at+8] || s.Kind == gotypes.Eface || s.Kind == gotypes.Iface
		p, err := im.Addr(at)
		if s.Kind == gotypes.Eface || s.Kind == gotypes.Iface {
			p, err = im.Addr(at + 8)
		}
		o, off, ok := a.Heap.Find(p)
		if err != nil || !ok || a.Types.Table[a.Types.Of[o]].Form != typing.Array {
			return
		}
		size := a.universe.Type(s.Elem).Size
		switch s.Kind {
		case gotypes.SliceData:
			n, _ := im.Uint64(at + 8)
			c, _ := im.Uint64(at + 16)
			used[o] = max(used[o], uint64(off)+n*size)
			room[o] = max(room[o], uint64(off)+c*size)
		case gotypes.StringData, gotypes.ArrayData:
			n, _ := im.Uint64(at + 8)
			used[o] = max(used[o], uint64(off)+n*size)
		case gotypes.Pointer:
			used[o] = max(used[o], uint64(off)+size)
		default:
			unsure[o] = true
		}
		unsure[o] = unsure[o] || size == 0
	})
	for o := range goheap.Object(a.Heap.Objects()) {
		if !a.Doms.Reached(uint32(o)) {
			continue
		}
		mem := a.Heap.Memory(o)
		a.Heap.EachPointer(o, func(off uint64) bool {
			if to := a.Heap.FindObject(image.Addr(word64(mem[off:]))); to != goheap.NoObject && !told[a.Heap.Address(o)+image.Addr(off)] {
				unsure[to] = true
			}
			return true
		})
	}
	for _, s := range a.Graph.Roots.Slots {
		if o := a.Heap.FindObject(s.Value); o != goheap.NoObject && (s.Frame != graph.NoFrame || !told[s.At]) {
			unsure[o] = true
		}
	}
	var want facts.SpareSlices
	for o := range room {
		if spare := room[o] - min(used[o], room[o]); !unsure[o] && spare > 0 {
			want.Count++
			want.Bytes += spare
		}
	}
	got := allSpare(a)
	t.Logf("%d arrays, %d of them spare", len(room), want.Count)
	if got.Count != want.Count || got.Bytes != want.Bytes || len(got.Top) != int(min(want.Count, facts.WasteTopCap)) {
		t.Errorf("%d arrays with %d bytes, a plain search finds %d, %d: %+v", got.Count, got.Bytes, want.Count, want.Bytes, got.Top)
	}
}

// allSpare finds the arrays that are not used to the end, of which the cores have
// many more than of large ones that are hardly used.
func allSpare(a *Analysis) *facts.SpareSlices {
	h := newHeaders(a)
	h.spare = spareLimit{bytes: 1, percent: 100}
	h.read(context.Background())
	r := newReferrers(h)
	spare := h.spareArrays(r)
	r.find(context.Background())
	return spare.facts()
}

// checkFinalizers marks again without the finalizers.
func checkFinalizers(t *testing.T, a *Analysis) {
	seen := dominator.NewSet(a.Graph.Edges.Nodes())
	for i, h := range a.Graph.Roots.Holders {
		if h.Kind == graph.Finalizers {
			seen.Add(a.Graph.Node(uint32(i)))
		}
	}
	stack := []uint32{a.Graph.Root()}
	seen.Add(a.Graph.Root())
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, w := range a.Graph.Edges.Targets[a.Graph.Edges.Offsets[v]:a.Graph.Edges.Offsets[v+1]] {
			if !seen.Has(w) {
				seen.Add(w)
				stack = append(stack, w)
			}
		}
	}
	var want facts.Tally
	for o := range goheap.Object(a.Heap.Objects()) {
		if a.Doms.Reached(uint32(o)) && !seen.Has(uint32(o)) {
			want.Objects++
			want.Bytes += a.Heap.Size(o)
		}
	}
	_, finalizable := a.histogram()
	if got := a.finalizerOnly(finalizable); *got != want {
		t.Errorf("%+v, without finalizers %+v cannot be reached", *got, want)
	}
}

// TestWasteStopsInTime leaves out what there was no time for.
func TestWasteStopsInTime(t *testing.T) {
	a := openHeap(t, "heap-plain-1.22.12-plain")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if w := a.waste(ctx); w.DuplicateStrings != nil || w.SpareSlices != nil || w.SparseMaps != nil {
		t.Errorf("%+v", w)
	}
}

// TestRegionsLeadToLiterals follows variables of the standard library to what the
// compiler laid out for them.
func TestRegionsLeadToLiterals(t *testing.T) {
	for _, name := range []string{"heap-plain-1.18.10-plain", "heap-plain-1.22.12-plain", "heap-plain-1.27.3-plain"} {
		a := openHeap(t, name)
		r := newRegions(a)
		found := map[string]string{}
		for i, e := range r.list {
			mem := r.memory(i)
			for off := uint64(0); e.from >= 0 && off+stringBytes <= e.bytes; off += stringBytes {
				text, _ := a.Heap.Process().Image.Bytes(image.Addr(word64(mem[off:])), word64(mem[off+8:])&0xff)
				found[r.name(i, off)] = string(text)
				if !r.covers(e.addr + image.Addr(off)) {
					t.Errorf("%s is not covered", r.name(i, off))
				}
			}
		}
		want := map[string]string{"time.longDayNames[0]": "Sunday", "time.longDayNames[6]": "Saturday"}
		if testcores.Get(t, name).Minor() >= 22 {
			want["io.EOF.s"] = "EOF" // laid out by the compiler since Go 1.21
		}
		for place, text := range want {
			if found[place] != text {
				t.Errorf("%s: %s is %q, want %q", name, place, found[place], text)
			}
		}
	}
}

// openHeap analyzes a committed core.
func openHeap(t *testing.T, name string) *Analysis {
	t.Helper()
	c := testcores.Get(t, name)
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	a, err := Analyze(context.Background(), snap, Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestSpareUnlessSomethingMayUseIt refers to an array that counts as spare in other
// ways: from a stack, and from an object of unknown type.
func TestSpareUnlessSomethingMayUseIt(t *testing.T) {
	a := openHeap(t, "heap-plain-1.27.3-plain")
	before := allSpare(a)
	o, _, _ := a.Heap.Find(image.Addr(before.Top[0].Address))
	a.Graph.Roots.Slots = append(a.Graph.Roots.Slots, graph.Slot{At: 1, Value: a.Heap.Address(o), Frame: 0})
	if after := allSpare(a); after.Count != before.Count-1 || after.Bytes != before.Bytes-before.Top[0].Bytes {
		t.Errorf("%d arrays with %d bytes, and %d with %d when a stack refers to one of %d", before.Count, before.Bytes, after.Count, after.Bytes, before.Top[0].Bytes)
	}
	a.Graph.Roots.Slots = a.Graph.Roots.Slots[:len(a.Graph.Roots.Slots)-1]

	edges := &a.Graph.Edges
	for from := range uint32(a.Heap.Objects()) {
		to := edges.Targets[edges.Offsets[from]:edges.Offsets[from+1]]
		if len(to) != 1 || !a.Doms.Reached(from) || to[0] >= uint32(a.Heap.Objects()) || a.Types.Table[a.Types.Of[to[0]]].Form == typing.Array {
			continue
		}
		to[0] = uint32(o)
		if after := allSpare(a); after.Count != before.Count {
			t.Errorf("%d arrays, and %d when an object without a slice refers to one", before.Count, after.Count)
		}
		a.Types.Of[from] = 0
		if after := allSpare(a); after.Count != before.Count-1 {
			t.Errorf("%d arrays, and %d when something of unknown type refers to one", before.Count, after.Count)
		}
		return
	}
	t.Error("no object refers to one other")
}

// TestReferencesUse enters references into an array one by one.
func TestReferencesUse(t *testing.T) {
	a := openHeap(t, "heap-plain-1.22.12-plain")
	spare := allSpare(a)
	i := slices.IndexFunc(spare.Top, func(s facts.SpareSlice) bool { return s.Type.V == "[n]main.spareElem" })
	if i < 0 {
		t.Fatalf("no array of main.spareElem in %+v", spare.Top)
	}
	array := uint64(spare.Top[i].Address)
	o, _, _ := a.Heap.Find(image.Addr(array))
	elem := a.Types.Table[a.Types.Of[o]].Type // one word
	bytes, _ := a.universe.ByName("uint8")
	for _, test := range []struct {
		name   string
		slot   gotypes.Slot
		words  []uint64
		used   uint64
		room   uint64
		unsure bool
	}{
		{"slice", gotypes.Slot{Kind: gotypes.SliceData, Elem: elem}, []uint64{array, 3, 900}, 24, 7200, false},
		{"slice of the middle", gotypes.Slot{Kind: gotypes.SliceData, Elem: elem}, []uint64{array + 80, 3, 100}, 104, 880, false},
		{"slice of other elements", gotypes.Slot{Kind: gotypes.SliceData, Elem: bytes}, []uint64{array + 80, 3, 100}, 83, 180, false},
		{"slice that does not fit", gotypes.Slot{Kind: gotypes.SliceData, Elem: elem}, []uint64{array, 3, 1 << 20}, 0, 0, true},
		{"slice that overflows", gotypes.Slot{Kind: gotypes.SliceData, Elem: elem}, []uint64{array + 8, 1 << 61, 1 << 61}, 0, 0, true},
		{"slice of nobody knows what", gotypes.Slot{Kind: gotypes.SliceData}, []uint64{array, 3, 100}, 0, 0, true},
		{"pointer", gotypes.Slot{Kind: gotypes.Pointer, Elem: elem}, []uint64{array + 8*899}, 7200, 0, false},
		{"unsafe pointer", gotypes.Slot{Kind: gotypes.UnsafePointer}, []uint64{array}, 0, 0, true},
		{"string", gotypes.Slot{Kind: gotypes.StringData, Elem: bytes}, []uint64{array + 1, 9}, 10, 0, false},
		{"interface", gotypes.Slot{Kind: gotypes.Eface}, []uint64{0, array}, 0, 0, true},
		{"cut short", gotypes.Slot{Kind: gotypes.SliceData, Elem: elem}, []uint64{array, 3}, 0, 0, false},
		{"elsewhere", gotypes.Slot{Kind: gotypes.Pointer, Elem: elem}, []uint64{8}, 0, 0, false},
	} {
		r := newReferrers(newHeaders(a))
		r.choose(o)
		var value []byte
		for _, w := range test.words {
			value = binary.LittleEndian.AppendUint64(value, w)
		}
		r.slot(&test.slot, value, holder{})
		if e := r.list[0]; e.used != test.used || e.room != test.room || e.unsure != test.unsure {
			t.Errorf("%s: uses %d of %d, unsure %v; want %d of %d, %v", test.name, e.used, e.room, e.unsure, test.used, test.room, test.unsure)
		}
	}
}

func TestShownIsShortText(t *testing.T) {
	for content, want := range map[string]string{
		"":                             "",
		"short":                        "short",
		strings.Repeat("x", 64):        strings.Repeat("x", 64),
		strings.Repeat("x", 65):        strings.Repeat("x", 64),
		strings.Repeat("x", 63) + "€":  strings.Repeat("x", 63),
		strings.Repeat("x", 61) + "€€": strings.Repeat("x", 61) + "€",
		"a\xff\xfeb":                   "a\ufffdb",
		strings.Repeat("\xffx", 40):    strings.Repeat("\ufffdx", 16),
		strings.Repeat("\x80", 100):    "\ufffd",
		strings.Repeat("x", 62) + "\xf0\x9f\x98\x80": strings.Repeat("x", 62),
	} {
		if got := shown([]byte(content)); got != want || len(got) > shownBytes || !utf8.ValidString(got) {
			t.Errorf("%q is shown as %q, want %q", content, got, want)
		}
	}
}
