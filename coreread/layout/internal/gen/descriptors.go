package main

import (
	"context"
	"errors"
	"fmt"

	"postmortem/coreread/exe"
	"postmortem/coreread/input"
	"postmortem/coreread/layout/internal/describe"
	"postmortem/coreread/layout/internal/record"
	"postmortem/coreread/layout/internal/shape"
)

// checkDescriptors records which structs the binaries describe, and compares
// what they say with the DWARF, from which rec was made.
func checkDescriptors(rec *record.Record, probe, tiny string) error {
	for path, presence := range map[string]record.Presence{probe: record.Some, tiny: record.Always} {
		if err := compareDescriptors(rec, path, presence); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func compareDescriptors(rec *record.Record, path string, presence record.Presence) error {
	f, err := input.Open(context.Background(), path, input.Options{})
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := exe.Open(f)
	if err != nil {
		return err
	}
	defer b.Close()
	for _, t := range rec.Structs {
		d, err := describe.Struct(b.Types(), t.Name)
		if errors.Is(err, exe.ErrNoType) {
			continue
		}
		if err != nil {
			return err
		}
		if err := sameShape(t, d); err != nil {
			return fmt.Errorf("DWARF and descriptor of %s differ: %w", t.Name, err)
		}
		rec.Descriptor[t.Name] = max(rec.Descriptor[t.Name], presence)
	}
	return nil
}

// sameShape returns how two descriptions of a struct differ, nil when they do not.
func sameShape(a, b *shape.Type) error {
	if a.Size != b.Size || a.Len != b.Len || len(a.Fields) != len(b.Fields) || a.IsStruct() != b.IsStruct() {
		return fmt.Errorf("%s has %d bytes, %d fields, %d elements; %s has %d, %d, %d",
			a.Name, a.Size, len(a.Fields), a.Len, b.Name, b.Size, len(b.Fields), b.Len)
	}
	for i, f := range a.Fields {
		g := b.Fields[i]
		if f.Name != g.Name || f.Offset != g.Offset {
			return fmt.Errorf("%s at %d, %s at %d", f.Name, f.Offset, g.Name, g.Offset)
		}
		if err := sameShape(f.Type, g.Type); err != nil {
			return err
		}
	}
	if a.Elem != nil {
		return sameShape(a.Elem, b.Elem)
	}
	return nil
}
