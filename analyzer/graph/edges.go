package graph

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"sync"

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
	// offsets[o+1] is how many references the objects up to o have.
	offsets []uint32
	targets []uint32
	turns   turns
}

// job is a run of spans, the last exclusive.
type job struct{ first, end int }

// jobBytes is about how much memory one job covers, and so how often a context is looked at.
const jobBytes = 4 << 20

// jobs divides the spans, and counts their pointers.
func jobs(h *goheap.Heap) (list []job, pointers uint64) {
	var bytes uint64
	first := 0
	for i := range h.Spans {
		for _, w := range h.PointerBits(i) {
			pointers += uint64(bits.OnesCount64(w))
		}
		if bytes += h.Spans[i].Bytes; bytes >= jobBytes || i == len(h.Spans)-1 {
			list = append(list, job{first, i + 1})
			first, bytes = i+1, 0
		}
	}
	return list, pointers
}

// turns hands out places in the array of references, to one job after the other.
type turns struct {
	mu   sync.Mutex
	done sync.Cond
	next int    // job whose turn it is
	end  uint64 // of the places taken
}

// take waits until it is a job's turn, and takes n places for it.
func (t *turns) take(job, n int) (at uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.next != job {
		t.done.Wait()
	}
	at = t.end
	t.end += uint64(n)
	t.next++
	t.done.Broadcast()
	return at
}

// readEdges fills the references of all objects; the graph has extra more nodes
// behind them, with room for so many more references.
func (r *edgeReader) readEdges(ctx context.Context, workers, extra int, extraEdges uint64) (dominator.Graph, error) {
	list, room := jobs(r.heap)
	if room+extraEdges > math.MaxUint32 {
		return dominator.Graph{}, ErrTooLarge
	}
	r.turns.done.L = &r.turns.mu
	r.offsets = bulk.Make[uint32](r.heap.Objects() + extra + 1)
	// Many pointers are nil; what they would take is never touched.
	r.targets = bulk.Make[uint32](int(room + extraEdges))
	writers := make([]edgeWriter, max(workers, 1))
	parallel.Each(workers, len(list), func(worker, i int) {
		w := &writers[worker]
		w.reader = r
		w.run(ctx, i, &list[i])
	})
	if err := ctx.Err(); err != nil {
		return dominator.Graph{}, err
	}
	return dominator.Graph{Offsets: r.offsets, Targets: r.targets[:r.turns.end]}, nil
}

// run reads the references of a job's objects. A job takes its turn whatever
// happens, or those behind it would wait for ever.
func (w *edgeWriter) run(ctx context.Context, number int, j *job) {
	w.out = w.out[:0]
	taken := false
	defer func() {
		if !taken {
			w.reader.turns.take(number, 0)
		}
	}()
	for i := j.first; i < j.end && ctx.Err() == nil; i++ {
		s := &w.reader.heap.Spans[i]
		switch {
		case s.Count == 0:
		case s.NoScan:
			for o := range uint64(s.Count) {
				w.reader.offsets[uint64(s.First)+o+1] = uint32(len(w.out))
			}
		default:
			w.span(i, s)
		}
	}
	at := w.reader.turns.take(number, len(w.out))
	taken = true
	copy(w.reader.targets[at:], w.out)
	last := &w.reader.heap.Spans[j.end-1]
	for o := uint64(w.reader.heap.Spans[j.first].First); o < uint64(last.First)+uint64(last.Count); o++ {
		w.reader.offsets[o+1] += uint32(at)
	}
}

// edgeWriter collects the pointers of many objects before it looks up where they
// lead, so that the look-ups overlap.
type edgeWriter struct {
	reader *edgeReader
	out    []uint32 // references of the job at hand

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
		w.reader.offsets[o] = uint32(len(w.out))
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
		w.out = append(w.out, target)
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
