package typing_test

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"postmortem/coreread"
	"postmortem/coreread/goheap"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
	"postmortem/internal/testcores"
)

// TestDamagedMemory sees that whatever stands in the memory of a process, the
// inference ends, does not panic, and says nothing that cannot be.
func TestDamagedMemory(t *testing.T) {
	for _, name := range []string{"heap-plain-1.18.10-plain", "heap-plain-1.22.12-plain", "heap-plain-1.27.3-plain"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testcores.Get(t, name)
			whole, err := os.ReadFile(c.CorePath(t))
			if err != nil {
				t.Fatal(err)
			}
			bin, err := os.ReadFile(c.BinaryPath(t))
			if err != nil {
				t.Fatal(err)
			}
			d := damager{rng: rand.New(rand.NewPCG(5, uint64(c.Minor())))}
			intact := open(t, c)
			d.learn(intact)
			felt := false
			rounds := 8
			if testing.Short() {
				rounds = 2
			}
			for round := range rounds {
				data := append([]byte(nil), whole...)
				snap, err := coreread.Load(input.Memory("core", data), input.Memory(c.Program, bin), false)
				if err != nil {
					t.Fatal(err)
				}
				// The snapshot reads the very bytes that are damaged.
				d.damage(data, snap, 1<<(2*round))
				begun := time.Now()
				if x, err := read(t, snap.Runtime); err == nil {
					x.plausible(t)
					felt = felt || !slices.Equal(x.Of, intact.Of)
				}
				if took := time.Since(begun); took > 30*time.Second {
					t.Errorf("round %d took %v", round, took)
				}
				snap.Close()
			}
			if !felt {
				t.Error("no damage changed anything")
			}
		})
	}
}

// damager writes words that lead somewhere over words that lead somewhere.
type damager struct {
	rng    *rand.Rand
	places []image.Range
	values []uint64
}

// learn gathers the memory of objects, and addresses of objects and of types.
func (d *damager) learn(x *inferred) {
	d.values = []uint64{0, 1, 8, 1 << 20, 1 << 40, 1 << 63, ^uint64(0)}
	for i := range x.heap.Spans {
		s := &x.heap.Spans[i]
		d.places = append(d.places, image.Range{Start: s.Start, End: s.End()}, image.Range{Start: s.Addr, End: s.Addr + 160})
		if s.InUse() {
			d.values = append(d.values, uint64(s.Start), uint64(s.Start)+s.ElemBytes, uint64(s.Start)+8, uint64(s.Addr))
		}
	}
	for i := range x.Table {
		if t := x.types.Type(x.Table[i].Type); t.Descriptor != 0 {
			d.places = append(d.places, image.Range{Start: t.Descriptor, End: t.Descriptor + 72})
			d.values = append(d.values, uint64(t.Descriptor))
		}
	}
	for _, g := range x.types.Globals() {
		d.places = append(d.places, image.Range{Start: g.Addr &^ 7, End: g.Addr&^7 + 64})
	}
}

func (d *damager) damage(data []byte, snap *coreread.Snapshot, n int) {
	for range n {
		r := d.places[d.rng.IntN(len(d.places))]
		at := r.Start + image.Addr(d.rng.IntN(int(r.Len()/8))*8)
		v := d.values[d.rng.IntN(len(d.values))]
		if d.rng.IntN(4) == 0 {
			v = d.rng.Uint64() >> d.rng.IntN(64)
		}
		for _, s := range snap.Core.Segments {
			if s.Contains(at) && uint64(at-s.Start)+8 <= s.FileBytes {
				binary.LittleEndian.PutUint64(data[s.Offset+uint64(at-s.Start):], v)
			}
		}
	}
}

// plausible checks what must hold of any memory.
func (x *inferred) plausible(t *testing.T) {
	t.Helper()
	if len(x.Of) != x.heap.Objects() {
		t.Errorf("%d types for %d objects", len(x.Of), x.heap.Objects())
	}
	for o, k := range x.Of {
		if int(k) >= len(x.Table) {
			t.Fatalf("object %d has type %d of %d", o, k, len(x.Table))
		}
		if e := &x.Table[k]; e.Size > x.heap.Size(goheap.Object(o)) {
			t.Errorf("object of %d bytes is %s, of %d", x.heap.Size(goheap.Object(o)), e.Name, e.Size)
		}
		x.FieldPath(k, uint64(o)%64)
	}
}
