package elfcore_test

import (
	"context"
	"debug/elf"
	"testing"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/input"
	"postmortem/internal/testcores"
)

// TestAccessibleIsWhatTheHeadersGive adds up the program headers as debug/elf
// reads them, of cores by each writer.
func TestAccessibleIsWhatTheHeadersGive(t *testing.T) {
	for _, tc := range testcores.All(t) {
		if tc.Cut != 0 || tc.Program != "cgo" && tc.Producer == "kernel" {
			continue
		}
		t.Run(tc.Name, func(t *testing.T) {
			t.Parallel()
			f, err := elf.Open(tc.CorePath(t))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			file, err := input.Open(context.Background(), tc.CorePath(t), input.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			core, err := elfcore.Read(file)
			if err != nil {
				t.Fatal(err)
			}
			var want uint64
			for _, p := range f.Progs {
				if p.Type != elf.PT_LOAD || p.Flags == 0 {
					continue
				}
				if tc.Producer == "gcore" && p.Flags == elf.PF_R {
					mapped := false
					for _, m := range core.Files {
						mapped = mapped || uint64(m.Start) < p.Vaddr+p.Memsz && p.Vaddr < uint64(m.End)
					}
					if !mapped {
						continue // a reservation
					}
				}
				want += p.Memsz
			}
			var got uint64
			ranges := core.Accessible()
			for i, r := range ranges {
				got += r.Len()
				if r.Len() == 0 || i > 0 && r.Start <= ranges[i-1].End {
					t.Errorf("%v and %v are not apart or not in order", ranges[max(i-1, 0)], r)
				}
			}
			if got != want {
				t.Errorf("%d bytes are accessible, the headers give %d", got, want)
			}
		})
	}
}
