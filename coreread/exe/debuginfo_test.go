package exe_test

import (
	"bytes"
	"compress/zlib"
	"debug/dwarf"
	"io"
	"sort"
	"strings"
	"testing"

	"github.com/go-delve/delve/pkg/dwarf/frame"
)

// inlining is which functions are inlined where, as DWARF says it.
type inlining struct{ spans []span }

// span is a run of addresses of a function or of one inlined into it.
type span struct {
	start, end uint64
	depth      int
	name       string
}

// readInlining reads every function of the debug information.
func readInlining(t *testing.T, data *dwarf.Data) *inlining {
	t.Helper()
	x := &inlining{}
	names := map[dwarf.Offset]string{}
	visit(t, data, func(e *dwarf.Entry, _ int) {
		if name, ok := e.Val(dwarf.AttrName).(string); ok && e.Tag == dwarf.TagSubprogram {
			names[e.Offset] = name
		}
	})
	visit(t, data, func(e *dwarf.Entry, depth int) {
		if e.Tag != dwarf.TagSubprogram && e.Tag != dwarf.TagInlinedSubroutine {
			return
		}
		name := names[e.Offset]
		if origin, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset); ok {
			name = names[origin]
		}
		ranges, err := data.Ranges(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range ranges {
			x.spans = append(x.spans, span{r[0], r[1], depth, shorten(name)})
		}
	})
	sort.Slice(x.spans, func(i, j int) bool { return x.spans[i].start < x.spans[j].start })
	return x
}

func visit(t *testing.T, data *dwarf.Data, f func(e *dwarf.Entry, depth int)) {
	t.Helper()
	depth := 0
	isGo := false
	for r := data.Reader(); ; {
		e, err := r.Next()
		switch {
		case err != nil:
			t.Fatal(err)
		case e == nil:
			return
		case e.Tag == 0:
			depth--
			continue
		case e.Tag == dwarf.TagCompileUnit:
			producer, _ := e.Val(dwarf.AttrProducer).(string)
			isGo = strings.HasPrefix(producer, "Go ")
		}
		if isGo {
			f(e, depth)
		}
		if e.Children {
			depth++
		}
	}
}

// at returns the functions at pc, innermost first.
func (x *inlining) at(pc uint64) (names []string, ok bool) {
	var found []span
	for _, s := range x.spans {
		if s.start <= pc && pc < s.end {
			found = append(found, s)
		}
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].depth > found[j].depth })
	for _, s := range found {
		names = append(names, s.name)
	}
	return names, len(found) > 0
}

// readFrames reads .debug_frame, which Go 1.18 packs in its own way.
func (b *built) readFrames(t *testing.T) frame.FrameDescriptionEntries {
	t.Helper()
	var data []byte
	var err error
	if s := b.plain.Section(".debug_frame"); s != nil {
		data, err = s.Data()
	} else if s := b.plain.Section(".zdebug_frame"); s != nil {
		if data, err = s.Data(); err == nil && bytes.HasPrefix(data, []byte("ZLIB")) {
			var r io.Reader
			if r, err = zlib.NewReader(bytes.NewReader(data[12:])); err == nil {
				data, err = io.ReadAll(r)
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	entries, err := frame.Parse(data, b.plain.ByteOrder, 0, 8, 0)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}
