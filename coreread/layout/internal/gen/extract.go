package main

import (
	"debug/elf"
	"fmt"

	"postmortem/coreread/layout/internal/record"
	"postmortem/coreread/layout/internal/shape"
)

// readDWARF adds the wanted structs of a probe to rec.
func readDWARF(rec *record.Record, path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := f.DWARF()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	d, err := shape.NewDWARF(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	add := func(t *shape.Type, ok bool, err error) error {
		if err != nil || !ok {
			return err
		}
		if err := t.Check(); err != nil {
			return err
		}
		rec.Add(t)
		return nil
	}
	for _, name := range wantedTypes {
		if err := add(d.Type(name)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	for _, v := range wantedVars {
		if err := add(d.Variable(v.name, v.as)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}
