package goprof_test

import (
	"testing"

	"postmortem/coreread"
	"postmortem/coreread/goheap"
	"postmortem/coreread/goprof"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
	"postmortem/internal/testcores"
)

// open opens a core and reads its profiles.
func open(t testing.TB, core, binary string) (*coreread.Snapshot, *goprof.Profiles) {
	t.Helper()
	s, err := coreread.Open(t.Context(), coreread.Config{Core: core, Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, goprof.Read(s.Runtime)
}

// Objects have a record as long as their sample was not counted as freed: what the
// spans say must agree with what the buckets say, for each stack.
func TestSampledObjectsAreThoseNotFreed(t *testing.T) {
	sampled := 0
	for _, c := range testcores.All(t) {
		if c.Cut != 0 || (c.Program != "small" && c.Program != "heap") {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			s, ps := open(t, c.CorePath(t), c.BinaryPath(t))
			sampled += countSampled(t, s, ps)
		})
	}
	if sampled == 0 {
		t.Error("no core has a sampled object")
	}
}

func countSampled(t *testing.T, s *coreread.Snapshot, ps *goprof.Profiles) (sampled int) {
	t.Helper()
	types, err := gotypes.New(s.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	h, err := goheap.Read(s.Runtime, types)
	if err != nil {
		t.Fatal(err)
	}
	live := make([]int64, len(ps.Memory.Buckets))
	for i := range h.Spans {
		span := &h.Spans[i]
		ps.Sampled(image.Range{Start: span.Start, End: span.End()}, span.Specials, func(a image.Addr, bucket int) {
			sampled++
			live[bucket]++
			o, off, ok := h.Find(a)
			if want := ps.Memory.Buckets[bucket].Size; !ok || off != 0 || h.Size(o) != want {
				t.Errorf("at %s an object of %d bytes was sampled: found %v, %d bytes in", a, want, ok, off)
			}
		})
	}
	for i, b := range ps.Memory.Buckets {
		if want := b.Served.Live() + b.Later.Live(); live[i] != want {
			t.Errorf("%d objects were sampled at the stack at %s, %d of them were not freed", live[i], b.Addr, want)
		}
		if len(ps.AllocationStack(i)) == 0 {
			t.Errorf("the stack at %s is empty", b.Addr)
		}
	}
	return sampled
}
