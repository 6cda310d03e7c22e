package layout_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"postmortem/coreread/layout"
	"postmortem/coreread/layout/internal/record"
)

// records are the committed texts: what the toolchains said.
func records(t *testing.T) []*record.Record {
	t.Helper()
	files, err := filepath.Glob("testdata/go1.*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded texts: %v", err)
	}
	var out []*record.Record
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		r, err := record.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if r.FileName() != filepath.Base(f) {
			t.Errorf("%s holds the record of %s", f, r.FileName())
		}
		out = append(out, r)
	}
	return out
}

// A binary that says nothing of itself has its tables, and they are what was
// recorded; what is in no table is an error and not a guess.
func TestTablesAreTheRecords(t *testing.T) {
	for _, r := range records(t) {
		l, err := layout.ResolveSelf(r.Release.String(), r.Arch, &layout.Self{})
		if err != nil {
			t.Fatal(err)
		}
		tables := 0
		for _, want := range r.Structs {
			s := l.Struct(want.Name)
			if r.Descriptor[want.Name] == record.Always && s.Err() != nil {
				var unsupported *layout.UnsupportedError
				if !errors.As(s.Err(), &unsupported) || s.Size() != 0 || s.Source() != "" {
					t.Errorf("%s: %s: %v, size %d, source %q", r.FileName(), want.Name, s.Err(), s.Size(), s.Source())
				}
				continue
			}
			tables++
			if s.Size() != want.Size || (s.Source() != layout.FromTable) {
				t.Errorf("%s: %s has %d bytes from %q, recorded are %d: %v", r.FileName(), want.Name, s.Size(), s.Source(), want.Size, s.Err())
			}
			for _, f := range want.Fields {
				if got := s.Field(f.Name); got.Offset != f.Offset || got.Size != f.Type.Size {
					t.Errorf("%s: %s.%s is at %d with %d bytes, recorded at %d with %d", r.FileName(), want.Name, f.Name, got.Offset, got.Size, f.Offset, f.Type.Size)
				}
				if f.Type.Elem != nil {
					if got := s.Array(f.Name); got.Len != f.Type.Len || got.Stride != f.Type.Elem.Size {
						t.Errorf("%s: %s.%s is %+v, recorded [%d] of %d bytes", r.FileName(), want.Name, f.Name, got, f.Type.Len, f.Type.Elem.Size)
					}
				}
			}
			if err := s.Err(); err != nil {
				t.Errorf("%s: %v", r.FileName(), err)
			}
		}
		if tables < 50 {
			t.Errorf("%s: only %d structs are in the tables", r.FileName(), tables)
		}
		if w := l.Warnings(); len(w) > 0 {
			t.Errorf("%s: warnings on a recorded release: %v", r.FileName(), w[0])
		}
	}
}
