package graph

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"

	"postmortem/analyzer/dominator"
	"postmortem/coreread/goheap"
	"postmortem/internal/bulk"
	"postmortem/internal/parallel"
)

// ErrTooLarge is a heap whose references cannot be numbered with 32 bits.
var ErrTooLarge = errors.New("the heap has more than 2^32 references")

// edgeReader reads which object refers to which, many spans at a time.
type edgeReader struct {
	heap *goheap.Heap
	own  ownership
	// offsets[o+1] is how many references the objects up to o have, counted from
	// the start of the job; targets is where each job writes, from its own place on.
	offsets []uint32
	targets []uint32
}

// job is a run of spans; at and used are its part of targets.
type job struct {
	first, end int
	at, used   uint64
}

// jobBytes is about how much memory one job covers, and so how often a context is looked at.
const jobBytes = 4 << 20

// jobs divides the spans, and gives each job room for all its pointers.
func jobs(h *goheap.Heap) (list []job, room uint64) {
	var bytes, pointers uint64
	first := 0
	for i := range h.Spans {
		bytes += h.Spans[i].Bytes
		for _, w := range h.PointerBits(i) {
			pointers += uint64(bits.OnesCount64(w))
		}
		if bytes >= jobBytes || i == len(h.Spans)-1 {
			list = append(list, job{first: first, end: i + 1, at: room})
			room += pointers
			first, bytes, pointers = i+1, 0, 0
		}
	}
	return list, room
}

// readEdges fills the references of all objects; the graph has extra more nodes
// behind them, with room for so many more references.
func (r *edgeReader) readEdges(ctx context.Context, workers, extra int, extraEdges uint64) (dominator.Graph, error) {
	list, room := jobs(r.heap)
	if room+extraEdges > math.MaxUint32 {
		return dominator.Graph{}, ErrTooLarge
	}
	n := r.heap.Objects()
	r.offsets = bulk.Make[uint32](n + extra + 1)
	r.targets = bulk.Make[uint32](int(room + extraEdges))
	parallel.Each(workers, len(list), func(i int) {
		if ctx.Err() == nil {
			r.run(&list[i])
		}
	})
	if err := ctx.Err(); err != nil {
		return dominator.Graph{}, err
	}
	return dominator.Graph{Offsets: r.offsets, Targets: r.compact(list, workers, int(extraEdges))}, nil
}

// compact closes the gaps that jobs left behind their references, and makes the
// offsets count from the first job's start. Room for spare more references stays
// behind them.
func (r *edgeReader) compact(list []job, workers, spare int) []uint32 {
	var end uint64
	for i := range list {
		j := &list[i]
		copy(r.targets[end:], r.targets[j.at:j.at+j.used])
		j.at = end
		end += j.used
	}
	parallel.Each(workers, len(list), func(i int) {
		j := &list[i]
		first, last := r.objects(j)
		for o := first; o < last; o++ {
			r.offsets[o+1] += uint32(j.at)
		}
	})
	return bulk.Trim(r.targets, int(end)+spare)[:end]
}

// objects returns the numbers of a job's objects, the last exclusive.
func (r *edgeReader) objects(j *job) (first, last uint64) {
	s := &r.heap.Spans[j.end-1]
	return uint64(r.heap.Spans[j.first].First), uint64(s.First) + uint64(s.Count)
}

// run reads the references of a job's objects.
func (r *edgeReader) run(j *job) {
	w := edgeWriter{reader: r, out: r.targets[j.at:]}
	for i := j.first; i < j.end; i++ {
		s := &r.heap.Spans[i]
		switch {
		case s.Count == 0:
		case s.NoScan:
			for o := range uint64(s.Count) {
				r.offsets[uint64(s.First)+o+1] = uint32(w.n)
			}
		default:
			w.span(i, s)
		}
	}
	j.used = uint64(w.n)
}

// edgeWriter collects the pointers of many objects before it looks up where they
// lead, so that the look-ups overlap.
type edgeWriter struct {
	reader *edgeReader
	out    []uint32
	n      int // references written

	values  [1024]uint64 // pointers of the objects from first on
	pending int          // how many there are
	first   uint32       // the object whose pointers come first
	counts  []uint32     // of the pointers of the objects from first on that are complete
	partial uint32       // of the object that follows
	last    uint32       // what the object refers to last; to itself does not count
}

// span reads the references of one span's objects.
func (w *edgeWriter) span(index int, s *goheap.Span) {
	pointers := w.reader.heap.PointerBits(index)
	words := s.ElemBytes / 8
	w.first, w.counts, w.last = uint32(s.First), w.counts[:0], uint32(s.First)
	for k := range s.AllocatedWords() {
		allocated, _ := w.reader.heap.Allocated(s, k)
		for ; allocated != 0; allocated &= allocated - 1 {
			slot := uint64(64*k + bits.TrailingZeros64(allocated))
			w.object(s, pointers, slot*words, words)
		}
	}
	w.flush()
}

// object collects the pointers of one object, which covers n words from the word at on.
func (w *edgeWriter) object(s *goheap.Span, pointers []uint64, at, words uint64) {
	for from := at; from < at+words; {
		j, k := from/64, from%64
		if j >= uint64(len(pointers)) {
			break
		}
		b := pointers[j] >> k
		take := min(64-k, at+words-from)
		if take < 64 {
			b &= 1<<take - 1
		}
		if w.pending+64 > len(w.values) {
			w.flush()
		}
		for ; b != 0; b &= b - 1 {
			value := binary.LittleEndian.Uint64(s.Data[8*(from+uint64(bits.TrailingZeros64(b))):])
			if value != 0 {
				w.values[w.pending] = value
				w.pending++
				w.partial++
			}
		}
		from += take
	}
	w.counts = append(w.counts, w.partial)
	w.partial = 0
}

// flush writes the references that were collected. The object that is not
// complete yet goes on with the next ones.
func (w *edgeWriter) flush() {
	values := w.values[:w.pending]
	w.reader.heap.FindObjects(values)
	o := w.first
	for _, n := range w.counts {
		w.write(o, values[:n])
		values = values[n:]
		o++
		w.reader.offsets[o] = uint32(w.n)
		w.last = o
	}
	w.write(o, values)
	w.first, w.counts, w.pending, w.partial = o, w.counts[:0], 0, 0
}

// write writes references of the object o. Those to itself, repeated ones and
// those to what a holder owns are left out.
func (w *edgeWriter) write(o uint32, targets []uint64) {
	own := &w.reader.own
	for _, t := range targets {
		target := uint32(t)
		if target == uint32(goheap.NoObject) || target == w.last || target == o || own.has(target) {
			continue
		}
		w.last = target
		w.out[w.n] = target
		w.n++
	}
}

// ownership is which objects belong to a holder, so that no other reference to
// them counts.
type ownership struct {
	blocks, objects dominator.Set // by 1024 objects, a filter that stays in the cache, and exactly
}

func newOwnership(h *goheap.Heap, holders []Holder) ownership {
	w := ownership{blocks: dominator.NewSet(h.Objects()/1024 + 1), objects: dominator.NewSet(h.Objects())}
	for _, holder := range holders {
		if holder.Own != goheap.NoObject {
			w.blocks.Add(uint32(holder.Own) / 1024)
			w.objects.Add(uint32(holder.Own))
		}
	}
	return w
}

func (w *ownership) has(o uint32) bool { return w.blocks.Has(o/1024) && w.objects.Has(o) }
