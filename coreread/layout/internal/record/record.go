// Package record holds what one toolchain says about the layout of the
// runtime's structs, and its form as text (coreread/layout/testdata). It does
// not know how a record is made from a binary, nor what it is used for.
package record

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"postmortem/coreread/layout/internal/shape"
)

// Release is a Go release: 1.Minor.Patch.
type Release struct{ Minor, Patch int }

// Compare orders releases by age.
func (r Release) Compare(o Release) int {
	return cmp.Or(cmp.Compare(r.Minor, o.Minor), cmp.Compare(r.Patch, o.Patch))
}

// String is the release as its toolchain is named: the first of a minor series
// has a ".0" since 1.21.
func (r Release) String() string {
	if r.Patch == 0 && r.Minor < 21 {
		return fmt.Sprintf("go1.%d", r.Minor)
	}
	return fmt.Sprintf("go1.%d.%d", r.Minor, r.Patch)
}

// ParseRelease reads "go1.22.5"; "go1.18" is the first of its series.
func ParseRelease(s string) (Release, error) {
	rest, ok := strings.CutPrefix(s, "go1.")
	minor, patch, hasPatch := strings.Cut(rest, ".")
	m, err1 := strconv.Atoi(minor)
	p, err2 := 0, error(nil)
	if hasPatch {
		p, err2 = strconv.Atoi(patch)
	}
	if !ok || err1 != nil || err2 != nil {
		return Release{}, fmt.Errorf("%q is not a Go release", s)
	}
	return Release{m, p}, nil
}

// Presence says in which binaries a struct's type descriptor is found.
type Presence uint8

const (
	Absent Presence = iota // in none that was looked at
	Some                   // in a program that uses much of the library
	Always                 // even in a program that does nothing
)

func (p Presence) String() string { return [...]string{"absent", "some", "always"}[p] }

// Record is the layout of structs in one release on one architecture. Fields
// that are structs by value point to the record's own.
type Record struct {
	Release    Release
	Arch       string // GOARCH
	Structs    []*shape.Type
	Descriptor map[string]Presence
}

// Struct returns the struct of that name, nil when the release has none.
func (r *Record) Struct(name string) *shape.Type {
	i, ok := slices.BinarySearchFunc(r.Structs, name, func(t *shape.Type, n string) int { return cmp.Compare(t.Name, n) })
	if !ok {
		return nil
	}
	return r.Structs[i]
}

// Add adds t and every struct in it by value.
func (r *Record) Add(t *shape.Type) {
	if t.Elem != nil {
		r.Add(t.Elem)
		return
	}
	if !t.IsStruct() {
		return
	}
	i, have := slices.BinarySearchFunc(r.Structs, t.Name, func(t *shape.Type, n string) int { return cmp.Compare(t.Name, n) })
	if have {
		return
	}
	r.Structs = slices.Insert(r.Structs, i, t)
	for _, f := range t.Fields {
		r.Add(f.Type)
	}
}

// FileName is the name of the record's text file.
func (r *Record) FileName() string {
	return r.Release.String() + "-" + r.Arch + ".txt"
}

// Write writes r as text: a header line, then for each struct a line with its
// name, size and the presence of its descriptor, and a line with name, offset,
// size and type for each field.
func (r *Record) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%v %s\n", r.Release, r.Arch)
	for _, t := range r.Structs {
		fmt.Fprintf(b, "%s %d %v\n", t.Name, t.Size, r.Descriptor[t.Name])
		for _, f := range t.Fields {
			fmt.Fprintf(b, "\t%s %d %d %s\n", f.Name, f.Offset, f.Type.Size, typeText(f.Type))
		}
	}
	return b.Flush()
}

// typeText is the name of a type, alike for every version where only the
// runtime's packages moved or unnamed types are printed differently.
func typeText(t *shape.Type) string {
	name := t.Name
	if t.Elem != nil {
		return fmt.Sprintf("[%d]%s", t.Len, typeText(t.Elem))
	}
	if t.IsStruct() {
		return name
	}
	for _, p := range []string{"internal/runtime/atomic.", "runtime/internal/atomic."} {
		name = strings.ReplaceAll(name, p, "atomic.")
	}
	return name
}

// Parse reads the text of a record.
func Parse(text []byte) (*Record, error) {
	r := &Record{Descriptor: make(map[string]Presence)}
	s := bufio.NewScanner(bytes.NewReader(text))
	s.Buffer(nil, 1<<20)
	if !s.Scan() {
		return nil, fmt.Errorf("empty record")
	}
	head := strings.Fields(s.Text())
	if len(head) != 2 {
		return nil, fmt.Errorf("line 1: want release and architecture, got %q", s.Text())
	}
	var err error
	if r.Release, err = ParseRelease(head[0]); err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	r.Arch = head[1]
	for line := 2; s.Scan(); line++ {
		if err := r.parseLine(s.Text()); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	return r, r.link()
}

func (r *Record) parseLine(line string) error {
	if field, ok := strings.CutPrefix(line, "\t"); ok {
		w := strings.SplitN(field, " ", 4)
		if len(w) != 4 || len(r.Structs) == 0 {
			return fmt.Errorf("want a field, got %q", line)
		}
		offset, err1 := strconv.ParseUint(w[1], 10, 63)
		size, err2 := strconv.ParseUint(w[2], 10, 63)
		if err := cmp.Or(err1, err2); err != nil {
			return err
		}
		t := r.Structs[len(r.Structs)-1]
		t.Fields = append(t.Fields, shape.Field{Name: w[0], Offset: offset, Type: &shape.Type{Name: w[3], Size: size}})
		return nil
	}
	w := strings.Split(line, " ")
	if len(w) != 3 {
		return fmt.Errorf("want a struct, got %q", line)
	}
	size, err := strconv.ParseUint(w[1], 10, 63)
	if err != nil {
		return err
	}
	i := slices.Index([]string{"absent", "some", "always"}, w[2])
	if i < 0 {
		return fmt.Errorf("unknown presence %q", w[2])
	}
	r.Structs = append(r.Structs, &shape.Type{Name: w[0], Size: size, Fields: []shape.Field{}})
	r.Descriptor[w[0]] = Presence(i)
	return nil
}

// link replaces the named types of fields by the structs of those names.
func (r *Record) link() error {
	for _, t := range r.Structs {
		for i, f := range t.Fields {
			ft, err := r.typeOf(f.Type.Name, f.Type.Size)
			if err != nil {
				return fmt.Errorf("%s.%s: %w", t.Name, f.Name, err)
			}
			t.Fields[i].Type = ft
		}
	}
	return nil
}

func (r *Record) typeOf(text string, size uint64) (*shape.Type, error) {
	if n, elem, ok := cutArray(text); ok {
		if n == 0 || size%n != 0 {
			return nil, fmt.Errorf("array %s cannot have %d bytes", text, size)
		}
		et, err := r.typeOf(elem, size/n)
		if err != nil {
			return nil, err
		}
		return &shape.Type{Name: text, Size: size, Elem: et, Len: n}, nil
	}
	if t := r.Struct(text); t != nil {
		if t.Size != size {
			return nil, fmt.Errorf("%s has %d bytes here and %d of its own", text, size, t.Size)
		}
		return t, nil
	}
	return &shape.Type{Name: text, Size: size}, nil
}

// cutArray splits "[4]runtime.x" into 4 and "runtime.x".
func cutArray(text string) (n uint64, elem string, ok bool) {
	rest, ok := strings.CutPrefix(text, "[")
	count, elem, ok2 := strings.Cut(rest, "]")
	n, err := strconv.ParseUint(count, 10, 63)
	return n, elem, ok && ok2 && err == nil
}
