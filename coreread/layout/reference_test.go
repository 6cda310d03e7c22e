package layout_test

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"

	"postmortem/coreread/layout"
	"postmortem/coreread/layout/internal/record"
	"postmortem/coreread/layout/internal/shape"
)

// late is the patch release of each minor series that reference.txt describes.
var late = map[int]int{18: 10, 19: 13, 20: 14, 21: 13, 22: 12, 23: 12, 24: 9, 25: 4, 26: 8, 27: 3}

// Offsets in testdata/reference.txt were worked out by hand from the runtime's
// sources and from the toolchains' own binaries, by other people with other
// means than the generator (linux/amd64). A line that begins with a name has
// the struct and the minor versions of the columns; then come its fields.
func TestReference(t *testing.T) {
	layouts := make(map[int]*layout.Layout)
	for _, r := range records(t) {
		if r.Arch == "amd64" && r.Release.Patch == late[r.Release.Minor] {
			layouts[r.Release.Minor] = resolveRecord(t, r)
		}
	}
	f, err := os.Open("testdata/reference.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var name string
	var columns [][2]int // minor versions, inclusive
	checked := 0
	sc := bufio.NewScanner(f)
	for line := 1; sc.Scan(); line++ {
		words := strings.Fields(sc.Text())
		if !strings.HasPrefix(sc.Text(), "\t") {
			name, columns = words[0], nil
			for _, w := range words[1:] {
				columns = append(columns, minors(t, w))
			}
			continue
		}
		if len(words) != len(columns)+1 {
			t.Fatalf("line %d: %d values for %d columns", line, len(words)-1, len(columns))
		}
		for i, c := range columns {
			for minor := c[0]; minor <= c[1]; minor++ {
				if layouts[minor] == nil {
					t.Fatalf("no record of go1.%d.%d", minor, late[minor])
				}
				checked++
				checkReference(t, layouts[minor], name, words[0], words[i+1])
			}
		}
	}
	if checked < 5000 {
		t.Errorf("only %d values were compared", checked)
	}
}

func minors(t *testing.T, s string) [2]int {
	from, to, isRange := strings.Cut(s, "-")
	if !isRange {
		to = from
	}
	a, err1 := strconv.Atoi(from)
	b, err2 := strconv.Atoi(to)
	if err1 != nil || err2 != nil {
		t.Fatalf("%q is no range of versions", s)
	}
	return [2]int{a, b}
}

// checkReference holds one value against a layout.
func checkReference(t *testing.T, l *layout.Layout, name, field, want string) {
	t.Helper()
	s := l.Struct(name)
	got := "-"
	if field == "sizeof" {
		got = strconv.FormatUint(s.Size(), 10)
	} else if off, ok := s.Optional(field); ok {
		got = strconv.FormatUint(off, 10)
	}
	if got != want || s.Err() != nil {
		t.Errorf("%v %s: %s.%s is at %s, the reference says %s (%v)", l.Version(), l.Arch(), name, field, got, want, s.Err())
	}
}

// resolveRecord is the layout of a binary with the descriptors that every
// binary of the recorded release has.
func resolveRecord(t *testing.T, rec *record.Record) *layout.Layout {
	t.Helper()
	self := &layout.Self{Descriptors: make(map[string]*shape.Type)}
	for _, s := range rec.Structs {
		if rec.Descriptor[s.Name] == record.Always {
			self.Descriptors[s.Name] = s
		}
	}
	l, err := layout.ResolveSelf(rec.Release.String(), rec.Arch, self)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// On arm64 structs with cache-line padding differ since 1.20: until then it was
// 64 bytes there too (src/internal/cpu/cpu_arm64.go). The values are worked out
// like those of reference.txt.
func TestReferenceARM64(t *testing.T) {
	layouts := make(map[int]*layout.Layout)
	for _, r := range records(t) {
		if r.Arch == "arm64" && r.Release.Patch == late[r.Release.Minor] {
			layouts[r.Release.Minor] = resolveRecord(t, r)
		}
	}
	for _, row := range []struct {
		name, field string
		values      map[int]int // by minor version
	}{
		{"runtime.mheap", "spanalloc", map[int]int{20: 100888, 21: 100936, 22: 101064, 23: 101064, 24: 101064, 25: 101088, 26: 101088, 27: 101088}},
		{"runtime.mheap", "speciallock", map[int]int{20: 101248, 21: 101368, 22: 101496, 23: 101568, 24: 101640, 25: 101880, 26: 102024, 27: 102024}},
		{"runtime.mheap", "sizeof", map[int]int{20: 101376, 21: 101496, 22: 101624, 23: 101696, 24: 101776, 25: 102152, 26: 102296, 27: 102296}},
		{"runtime.mheap", "arenas", map[int]int{22: 66072, 23: 66072, 24: 66072, 25: 66072, 26: 66072, 27: 66072}},
		{"runtime.workType", "cycles", map[int]int{20: 400, 21: 528, 22: 528, 23: 552, 24: 552, 25: 704, 26: 904, 27: 904}},
		{"runtime.workType", "empty", map[int]int{21: 136, 22: 136, 23: 136, 24: 136, 25: 136, 26: 136, 27: 136}},
		{"runtime.workType", "sizeof", map[int]int{20: 576, 21: 704, 22: 696, 23: 720, 24: 720, 25: 872, 26: 1072, 27: 1072}},
		{"runtime.workType", "spanqMask", map[int]int{26: 440, 27: 440}},
		{"runtime.gcControllerState", "sizeof", map[int]int{21: 456, 22: 456, 25: 456, 27: 456}},
		{"runtime.trace", "stringTab", map[int]int{23: 704, 24: 704, 25: 704, 26: 704, 27: 704}},
		{"runtime.trace", "typeTab", map[int]int{23: 1344, 24: 1344, 25: 1344, 26: 1344, 27: 1344}},
		{"runtime.trace", "sizeof", map[int]int{22: 262864, 23: 2456, 24: 2472, 25: 2472, 26: 2472, 27: 2472}},
		{"runtime.p", "sizeof", map[int]int{25: 9512, 26: 14320, 27: 14320}},
		{"runtime.p", "xRegs", map[int]int{26: 13800, 27: 13800}},
		{"runtime.semtable[]", "sizeof", map[int]int{18: 64, 19: 64, 20: 128, 24: 128, 27: 128}},
		{"runtime.schedt", "sizeof", map[int]int{18: 6080, 21: 1632, 24: 6824, 27: 6872}},
		{"runtime.g", "sizeof", map[int]int{18: 392, 23: 432, 27: 456}},
	} {
		for minor, want := range row.values {
			checkReference(t, layouts[minor], row.name, row.field, strconv.Itoa(want))
		}
	}
}
