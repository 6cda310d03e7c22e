// Gen records how the runtime's structs lie in memory in every supported Go
// release, and writes the tables of package layout from these records.
//
// It builds a small program with each toolchain (fetched by the go command
// when it is missing), reads the layouts from its DWARF and its type
// descriptors, which must agree, and writes one text file per release and
// architecture to testdata. Only the text files make the tables, so that
// they can be remade without any toolchain (-tables).
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"postmortem/coreread/layout/internal/record"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen: ")
	keep := flag.String("keep", "", "keep the built probes in this `directory` and reuse those that are there")
	only := flag.String("only", "", "record only these `releases`, separated by commas")
	exps := flag.Bool("experiments", false, "measure also what GOEXPERIMENT settings change")
	tables := flag.Bool("tables", false, "remake the tables from the recorded texts and record nothing")
	flag.Parse()
	if err := run(*keep, *only, *exps, *tables); err != nil {
		log.Fatal(err)
	}
}

func run(keep, only string, exps, tables bool) error {
	dir, err := layoutDir()
	if err != nil {
		return err
	}
	testdata := filepath.Join(dir, "testdata")
	if !tables {
		if keep == "" {
			if keep, err = os.MkdirTemp("", "layout-probe"); err != nil {
				return err
			}
			defer os.RemoveAll(keep)
		}
		probeDir := filepath.Join(dir, "internal", "gen", "probe")
		for _, t := range targets(only) {
			if err := recordTarget(probeDir, keep, testdata, t); err != nil {
				return err
			}
		}
		if exps {
			if err := measureExperiments(probeDir, keep, testdata); err != nil {
				return err
			}
		}
	}
	return writeTables(testdata, filepath.Join(dir, "tables_gen.go"))
}

// layoutDir finds the folder of package layout: the working directory under
// "go generate", else below the module's root.
func layoutDir() (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := at; ; dir = filepath.Dir(dir) {
		for _, try := range []string{dir, filepath.Join(dir, "coreread", "layout")} {
			if _, err := os.Stat(filepath.Join(try, "internal", "gen", "probe", "go.mod")); err == nil {
				return try, nil
			}
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no coreread/layout in or above %s: run inside the module", at)
		}
	}
}

// recordTarget writes the text of one release and architecture.
func recordTarget(probeDir, bin, testdata string, t target) error {
	probe, tiny, err := build(probeDir, bin, t)
	if err != nil {
		return err
	}
	rec, err := recordOf(probe, tiny, t)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := rec.Write(&text); err != nil {
		return err
	}
	if _, err := record.Parse(text.Bytes()); err != nil {
		return fmt.Errorf("%v: reading back: %w", t, err)
	}
	log.Printf("%v: %d structs", t, len(rec.Structs))
	return os.WriteFile(filepath.Join(testdata, rec.FileName()), text.Bytes(), 0o644)
}

// recordOf reads the layouts out of the two built programs.
func recordOf(probe, tiny string, t target) (*record.Record, error) {
	rec := &record.Record{Release: t.release, Arch: t.arch, Descriptor: make(map[string]record.Presence)}
	if err := readDWARF(rec, probe); err != nil {
		return nil, err
	}
	if err := checkDescriptors(rec, probe, tiny); err != nil {
		return nil, fmt.Errorf("%v: %w", t, err)
	}
	return rec, nil
}

// targets are what to record: every release, for the architectures.
func targets(only string) []target {
	var out []target
	for _, r := range releases {
		if only != "" && !strings.Contains(","+only+",", ","+r.String()+",") {
			continue
		}
		for _, arch := range []string{"amd64", "arm64"} {
			out = append(out, target{release: r, arch: arch})
		}
	}
	return out
}
