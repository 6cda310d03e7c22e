package gosync

import (
	"context"
	"fmt"
	"runtime"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/internal/parallel"
)

// kept are the waits of goroutines, found out once.
type kept struct {
	waits   []Wait // without their Targets
	targets []Target
	ends    []int // of each wait's in targets

	doubtful int
	first    error // why the first doubtful one is
	at       image.Addr
}

// add copies a wait.
func (k *kept) add(w *Wait) {
	k.targets = append(k.targets, w.Targets...)
	k.ends = append(k.ends, len(k.targets))
	k.waits = append(k.waits, *w)
	k.waits[len(k.waits)-1].Targets = nil
}

func (k *kept) each(visit func(*Wait)) {
	from := 0
	var w Wait
	for i, end := range k.ends {
		w = k.waits[i]
		w.Targets = k.targets[from:end:end]
		from = end
		visit(&w)
	}
}

// Read finds out what all goroutines wait for, once. The error is the context's.
func (r *Reader) Read(ctx context.Context) (err error) {
	if r.kept == nil {
		r.kept, err = r.readWaits(ctx, partGoroutines)
	}
	return err
}

// Waits visits every goroutine that waits for another one, in the order of the
// runtime's list of goroutines; the Wait and its Targets are only lent, and not to be
// changed. What could not be found out is in each Wait's Doubt and, in sum, in the
// gaps. The error is Read's; after that, it is safe for concurrent use.
func (r *Reader) Waits(ctx context.Context, visit func(*Wait)) error {
	if err := r.Read(ctx); err != nil {
		return err
	}
	for i := range r.kept {
		r.kept[i].each(visit)
	}
	return nil
}

// partGoroutines is how many goroutines are looked at by one reader.
const partGoroutines = 8192

// readWaits finds out what all goroutines wait for, in parts of so many.
func (r *Reader) readWaits(ctx context.Context, size int) ([]kept, error) {
	var list []*gort.Goroutine
	r.p.Goroutines(func(g *gort.Goroutine) { list = append(list, g) })
	parts := make([]kept, len(list)/size+1)
	parallel.Each(runtime.GOMAXPROCS(0), len(parts), func(_, i int) {
		if ctx.Err() == nil {
			part := r.part(len(parts))
			part.readPart(list[i*size:min((i+1)*size, len(list))], &parts[i])
		}
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var all kept
	for i := range parts {
		if k := &parts[i]; k.doubtful > 0 {
			if all.doubtful == 0 {
				all.first, all.at = k.first, k.at
			}
			all.doubtful += k.doubtful
		}
	}
	if all.doubtful > 0 {
		r.gap(fmt.Sprintf("what %d goroutines wait for; the first, %v", all.doubtful, all.first), all.at, 0)
	}
	return parts, nil
}

// part returns a reader for one of so many parts of the goroutines, that can be
// used beside the others.
func (r *Reader) part(parts int) *Reader {
	p := &Reader{
		p: r.p, offsets: r.offsets, memory: newMemory(r.p.Image), linkRegister: r.linkRegister, waitingHasSemaphores: r.waitingHasSemaphores,
		decoding: r.decoding, semaphores: r.semaphores, runtimeSemaphores: r.runtimeSemaphores, budget: r.budget, room: r.budget / uint64(parts),
	}
	p.makeMaps()
	return p
}

func (r *Reader) readPart(list []*gort.Goroutine, k *kept) {
	*k = kept{waits: make([]Wait, 0, len(list)), targets: make([]Target, 0, len(list)), ends: make([]int, 0, len(list))}
	var w Wait
	for _, g := range list {
		if !r.Of(g, &w) {
			continue
		}
		if w.Doubt != nil {
			if k.doubtful++; k.doubtful == 1 {
				k.first, k.at = fmt.Errorf("goroutine %d: %w", g.ID, w.Doubt), g.Addr
			}
		}
		k.add(&w)
	}
}
