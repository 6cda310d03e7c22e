package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"postmortem/coreread/layout/internal/record"
)

// experiments are the GOEXPERIMENT settings whose effect on the structs is
// measured, each with a release that has it at the other setting.
var experiments = []target{
	{record.Release{Minor: 18, Patch: 10}, "amd64", "nopacerredesign"},
	{record.Release{Minor: 20, Patch: 14}, "amd64", "arenas"},
	{record.Release{Minor: 20, Patch: 14}, "amd64", "boringcrypto"},
	{record.Release{Minor: 22, Patch: 12}, "amd64", "noallocheaders"},
	{record.Release{Minor: 22, Patch: 12}, "amd64", "noexectracer2"},
	{record.Release{Minor: 22, Patch: 12}, "amd64", "pagetrace"},
	{record.Release{Minor: 22, Patch: 12}, "amd64", "cgocheck2"},
	{record.Release{Minor: 22, Patch: 12}, "amd64", "staticlockranking"},
	{record.Release{Minor: 24, Patch: 9}, "amd64", "nospinbitmutex"},
	{record.Release{Minor: 24, Patch: 9}, "amd64", "noswissmap"},
	{record.Release{Minor: 24, Patch: 9}, "amd64", "nosynchashtriemap"},
	{record.Release{Minor: 25, Patch: 4}, "amd64", "greenteagc"},
	{record.Release{Minor: 25, Patch: 4}, "amd64", "synctest"},
	{record.Release{Minor: 26, Patch: 8}, "amd64", "nogreenteagc"},
	{record.Release{Minor: 26, Patch: 8}, "amd64", "goroutineleakprofile"},
	{record.Release{Minor: 26, Patch: 8}, "amd64", "runtimefreegc"},
	{record.Release{Minor: 26, Patch: 8}, "amd64", "runtimesecret"},
	{record.Release{Minor: 26, Patch: 8}, "amd64", "simd"},
	{record.Release{Minor: 27, Patch: 3}, "amd64", "nogreenteagc"},
	{record.Release{Minor: 27, Patch: 3}, "amd64", "mapsplitgroup"},
	{record.Release{Minor: 27, Patch: 3}, "amd64", "nosizespecializedmalloc"},
	{record.Release{Minor: 27, Patch: 3}, "amd64", "norandomizedheapbase64"},
}

// measureExperiments writes, for every experiment, the structs that are not as
// in the same release without it.
func measureExperiments(probeDir, bin, testdata string) error {
	var b bytes.Buffer
	for _, t := range experiments {
		probe, tiny, err := build(probeDir, bin, t)
		if err != nil {
			return err
		}
		changed, err := recordOf(probe, tiny, t)
		if err != nil {
			return err
		}
		base := target{release: t.release, arch: t.arch}
		text, err := os.ReadFile(filepath.Join(testdata, base.String()+".txt"))
		if err != nil {
			return err
		}
		plain, err := record.Parse(text)
		if err != nil {
			return err
		}
		// What is compared has gone through its text, like the plain record.
		var again bytes.Buffer
		if err := changed.Write(&again); err != nil {
			return err
		}
		if changed, err = record.Parse(again.Bytes()); err != nil {
			return err
		}
		var names []string
		for _, s := range slices.Concat(plain.Structs, changed.Structs) {
			if !alike(plain.Struct(s.Name), changed.Struct(s.Name)) && !slices.Contains(names, s.Name) {
				names = append(names, s.Name)
			}
		}
		slices.Sort(names)
		log.Printf("%v: changes %d structs", t, len(names))
		fmt.Fprintf(&b, "%v %s %s\n", t.release, t.experiment, strings.Join(names, " "))
	}
	return os.WriteFile(filepath.Join(testdata, "experiments.txt"), b.Bytes(), 0o644)
}
