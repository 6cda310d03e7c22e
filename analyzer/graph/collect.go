package graph

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"postmortem/analyzer/dominator"
	"postmortem/coreread/goheap"
	"postmortem/coreread/goroots"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Global is a global variable of the process.
type Global struct {
	Name  string // with its package: "main.cache"
	Range image.Range
}

// Sources are what roots are named after.
type Sources struct {
	// Globals are the variables by address; they do not overlap.
	Globals []Global
	// Group returns the number of the group that a goroutine is in.
	Group func(goid uint64) (group uint64, ok bool)
}

// collector gathers roots.
type collector struct {
	roots     *Roots
	heap      *goheap.Heap
	src       Sources
	packages  map[string]uint32
	variables map[int]uint32    // by index in src.Globals; -1 is what no variable covers
	groups    map[uint64]uint32 // by number
	other     map[Kind]uint32
	last      int           // index of the variable that was found last
	frames    []uint32      // of the goroutine at hand, by depth
	repeated  dominator.Set // objects of the goroutine at hand, see seen
}

// Collect finds all roots of the heap. What cannot be read is a gap of the process.
func Collect(ctx context.Context, h *goheap.Heap, r *goroots.Reader, src Sources) (*Roots, error) {
	c := &collector{
		roots: &Roots{Holders: []Holder{{Kind: Root, Own: goheap.NoObject}}}, heap: h, src: src,
		packages: make(map[string]uint32), variables: make(map[int]uint32), groups: make(map[uint64]uint32), other: make(map[Kind]uint32),
	}
	r.Globals(func(s goroots.Slot) {
		if h.FindObject(s.Value) != goheap.NoObject {
			c.enter(s, c.variable(s.At), NoFrame)
		}
	})
	c.goroutines(ctx, r)
	c.runtime(r)
	return c.roots, ctx.Err()
}

// runtime enters what the runtime's own records refer to.
func (c *collector) runtime(r *goroots.Reader) {
	enter := func(kind Kind) func(goroots.Slot) {
		return func(s goroots.Slot) {
			if c.heap.FindObject(s.Value) != goheap.NoObject {
				c.enter(s, c.gathered(kind), NoFrame)
			}
		}
	}
	r.Specials(c.heap, func(s *goroots.Special) {
		switch s.Kind {
		case layout.SpecialFinalizer:
			// The object itself is not marked, but a finalizer that is found to be due
			// keeps it until it has run.
			enter(Finalizers)(goroots.Slot{At: s.At, Value: s.Object, Kind: goroots.Finalizable})
			r.Referents(c.heap, s, enter(Finalizers))
			s.Roots(enter(Finalizers))
		case layout.SpecialCleanup:
			s.Roots(enter(Finalizers))
		default:
			s.Roots(enter(RuntimeInternal))
		}
	})
	r.Queues(func(q *goroots.QueuedCall) { q.Roots(enter(Finalizers)) })
	r.TinyBlocks(enter(RuntimeInternal))
}

// enter adds a word that refers to an object; others keep nothing alive.
func (c *collector) enter(s goroots.Slot, holder, frame uint32) {
	c.roots.Slots = append(c.roots.Slots, Slot{At: s.At, Value: s.Value, Holder: holder, Frame: frame, Kind: s.Kind, Conservative: s.Conservative})
}

func (c *collector) add(h Holder) uint32 {
	c.roots.Holders = append(c.roots.Holders, h)
	return uint32(len(c.roots.Holders) - 1)
}

// gathered returns the one holder of its kind.
func (c *collector) gathered(kind Kind) uint32 {
	i, ok := c.other[kind]
	if !ok {
		i = c.add(Holder{Kind: kind, Own: goheap.NoObject})
		c.other[kind] = i
	}
	return i
}

// noVariable is the index of what lies in the data segment and belongs to none.
const noVariable = -1

// variable returns the holder of the variable that an address lies in.
func (c *collector) variable(at image.Addr) uint32 {
	i := c.variableAt(at)
	holder, ok := c.variables[i]
	if ok {
		return holder
	}
	v := Global{Name: "data without a name"}
	if i != noVariable {
		v = c.src.Globals[i]
	}
	name := PackageOf(v.Name)
	if i == noVariable {
		name = ""
	}
	pkg, ok := c.packages[name]
	if !ok {
		pkg = c.add(Holder{Kind: Package, Name: name, Own: goheap.NoObject})
		c.packages[name] = pkg
	}
	holder = c.add(Holder{Kind: Variable, Name: v.Name, Parent: pkg, At: v.Range.Start, Own: goheap.NoObject})
	c.variables[i] = holder
	return holder
}

// variableAt returns the index of the variable at an address. Addresses come in order.
func (c *collector) variableAt(at image.Addr) int {
	vs := c.src.Globals
	if c.last < len(vs) && vs[c.last].Range.Contains(at) {
		return c.last
	}
	i := sort.Search(len(vs), func(i int) bool { return vs[i].Range.End > at })
	if i == len(vs) || !vs[i].Range.Contains(at) {
		return noVariable
	}
	c.last = i
	return i
}

// PackageOf returns the import path in a variable's name: up to the first dot
// behind the last slash outside of brackets. A version at the end of a path, as in
// gopkg.in/yaml.v3, is part of it.
func PackageOf(name string) string {
	path := name
	if i := strings.IndexByte(path, '['); i >= 0 {
		path = path[:i]
	}
	slash := strings.LastIndexByte(path, '/') + 1
	last, rest, found := strings.Cut(path[slash:], ".")
	if !found {
		return ""
	}
	if version, _, more := strings.Cut(rest, "."); more && slash > 0 && isVersion(version) {
		last += "." + version
	}
	return path[:slash] + last
}

// isVersion reports whether a name is like v3.
func isVersion(name string) bool {
	return len(name) > 1 && name[0] == 'v' && strings.Trim(name[1:], "0123456789") == ""
}

func (c *collector) goroutines(ctx context.Context, r *goroots.Reader) {
	var skipped int
	p := c.heap.Process()
	p.Goroutines(func(g *gort.Goroutine) {
		if ctx.Err() != nil {
			skipped++
			return
		}
		c.goroutine(r, g)
	})
	if skipped > 0 {
		p.AddGap(gort.Gap{What: fmt.Sprintf("what the stacks of %d goroutines refer to: the time was up", skipped), Effect: effect, HidesReferences: true})
	}
}

const effect = "objects that only this kept alive are taken for garbage"

func (c *collector) goroutine(r *goroots.Reader, g *gort.Goroutine) {
	parent := uint32(0)
	if n, ok := c.src.Group(g.ID); ok {
		if parent, ok = c.groups[n]; !ok {
			parent = c.add(Holder{Kind: Group, ID: n, Own: goheap.NoObject})
			c.groups[n] = parent
		}
	}
	holder := c.add(Holder{Kind: Goroutine, ID: g.ID, Parent: parent, Own: c.heap.FindObject(g.Addr)})
	c.frames = c.frames[:0]
	first := len(c.roots.Slots)
	// What could not be read is in the ledger already.
	_ = r.Goroutine(g, func(f *gort.LiveFrame, s goroots.Slot) {
		o := c.heap.FindObject(s.Value)
		if o == goheap.NoObject || len(c.roots.Slots)-first >= manySlots && c.seen(uint32(o)) {
			return
		}
		c.enter(s, holder, c.frame(f))
	})
	c.forget(first)
}

// manySlots is how many slots of one goroutine are kept before those are left
// out that repeat: the stack of a runaway recursion has millions.
const manySlots = 1 << 16

// seen reports whether the goroutine at hand has a slot for the object, among
// those behind the first many.
func (c *collector) seen(o uint32) bool {
	if c.repeated == nil {
		c.repeated = dominator.NewSet(c.heap.Objects())
	}
	if c.repeated.Has(o) {
		return true
	}
	c.repeated.Add(o)
	return false
}

// forget ends a goroutine, whose slots begin at first.
func (c *collector) forget(first int) {
	slots := c.roots.Slots[first:]
	if len(slots) <= manySlots {
		return
	}
	for _, s := range slots[manySlots:] {
		c.repeated[c.heap.FindObject(s.Value)/64] = 0
	}
}

// maxFrames bounds the frames of one goroutine that slots are told apart by.
const maxFrames = 1 << 16

// frame returns the index of a frame of the goroutine at hand.
func (c *collector) frame(f *gort.LiveFrame) uint32 {
	if f == nil || f.Depth >= maxFrames {
		return NoFrame
	}
	for len(c.frames) <= f.Depth {
		c.frames = append(c.frames, NoFrame)
	}
	if c.frames[f.Depth] == NoFrame {
		c.frames[f.Depth] = uint32(len(c.roots.Frames))
		c.roots.Frames = append(c.roots.Frames, Frame{PC: f.PC, CFA: f.FP, SP: f.SP, Exact: f.Exact})
	}
	return c.frames[f.Depth]
}
