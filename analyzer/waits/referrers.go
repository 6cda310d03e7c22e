package waits

import (
	"cmp"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/graph"
	"postmortem/analyzer/heap"
	"postmortem/analyzer/typing"
	"postmortem/coreread/goheap"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// referrers is what leads to some places on the heap by one step: channels, and
// locks that no type tells the place of.
type referrers struct {
	at map[image.Addr]*references
	of map[goheap.Object][]*references // several locks can share a block
}

// references is what leads to one place.
type references struct {
	at         image.Addr
	object     goheap.Object // that it is in
	goroutines []uint64      // ids, of those with a reference on their stacks; ascending
	variables  []uint32      // indices of holders in Roots.Holders
	slots      []uint32      // of variables, the first of each, in Roots.Slots
	locals     []uint32      // of stacks, some that functions of the program have
	objects    []goheap.Object
}

// objectsKept is how many objects that refer to another one are remembered, localsKept
// how many local variables.
const (
	objectsKept = 16
	localsKept  = 4
)

// findReferrers looks for what refers to the objects at the addresses: one pass
// over the roots, one over the edges of the heap.
func (n *namer) findReferrers(at []image.Addr) *referrers {
	r := &referrers{at: map[image.Addr]*references{}, of: map[goheap.Object][]*references{}}
	if n.heap == nil {
		return r
	}
	wanted := make([]uint64, (n.heap.Heap.Objects()+63)/64)
	for _, a := range at {
		if o, _, ok := n.heap.Heap.Find(a); ok && r.at[a] == nil {
			refs := &references{at: a, object: o}
			r.at[a], r.of[o] = refs, append(r.of[o], refs)
			wanted[o/64] |= 1 << (o % 64)
		}
	}
	if len(r.at) > 0 {
		r.searchRoots(n)
		r.searchHeap(n.heap, wanted)
	}
	return r
}

// searchRoots finds stacks and variables. What refers to a part of an object and
// not to its start does not use it.
func (r *referrers) searchRoots(n *namer) {
	g := n.heap.Graph
	slots := g.Roots.Slots
	for i := range slots {
		s := &slots[i]
		refs := r.at[s.Value]
		if refs == nil {
			continue
		}
		h := &g.Roots.Holders[s.Holder]
		switch h.Kind {
		case graph.Goroutine:
			if l := len(refs.goroutines); l == 0 || refs.goroutines[l-1] != h.ID {
				refs.goroutines = append(refs.goroutines, h.ID)
			}
			if len(refs.locals) < localsKept && n.ofProgram(s) {
				refs.locals = append(refs.locals, uint32(i))
			}
		case graph.Variable:
			if l := len(refs.variables); l > 0 && refs.variables[l-1] == s.Holder {
				continue
			}
			refs.variables = append(refs.variables, s.Holder)
			refs.slots = append(refs.slots, uint32(i))
		}
	}
}

// searchHeap finds objects, lowest addresses first: those of known types that are
// in use and not the runtime's own, like the records of who waits.
func (r *referrers) searchHeap(h *heap.Analysis, wanted []uint64) {
	offsets, targets := h.Graph.Edges.Offsets, h.Graph.Edges.Targets
	objects := uint32(h.Heap.Objects())
	own := make([]bool, len(h.Types.Table))
	for i := range h.Types.Table {
		own[i] = i == 0 || strings.HasPrefix(h.Types.Table[i].Name, "runtime.")
	}
	for v := range objects {
		for _, w := range targets[offsets[v]:offsets[v+1]] {
			if w >= objects || wanted[w/64]&(1<<(w%64)) == 0 || own[h.Types.Of[v]] || !h.Doms.Reached(v) {
				continue
			}
			for _, refs := range r.of[goheap.Object(w)] {
				if l := len(refs.objects); l < objectsKept && (l == 0 || refs.objects[l-1] != goheap.Object(v)) {
					refs.objects = append(refs.objects, goheap.Object(v))
				}
			}
		}
	}
}

// to returns what leads to a place; nil when nothing is known of it.
func (r *referrers) to(at image.Addr) *references { return r.at[at] }

// referrerFacts lists the goroutines and variables that lead to a channel, without the
// goroutines that wait for it.
func (d *describer) referrerFacts(refs *references, channel uint32) (list []facts.Referrer, total int) {
	list = []facts.Referrer{}
	for _, v := range refs.variables {
		list = append(list, facts.Referrer{Variable: facts.Some(d.names.heap.Graph.Roots.Holders[v].Name)})
	}
	slices.SortFunc(list, func(a, b facts.Referrer) int { return cmp.Compare(a.Variable.V, b.Variable.V) })
	ids := slices.Clone(refs.goroutines)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if !d.waits(id, channel) {
			list = append(list, facts.Referrer{Goroutine: facts.Some(int64(id))})
		}
	}
	total = len(list)
	return list[:min(total, facts.ReferrersCap)], total
}

// waits reports whether the goroutine of an id waits for a resource.
func (d *describer) waits(id uint64, resource uint32) bool {
	n, ok := d.number(id)
	return ok && d.waitsFor(n, resource)
}

// byReference names an object by what leads to it: a variable, a field of an object,
// a local variable.
func (n *namer) byReference(refs *references) (string, bool) {
	if refs == nil {
		return "", false
	}
	for _, i := range refs.slots {
		if name, ok := n.place(n.heap.Graph.Roots.Slots[i].At, ""); ok {
			return name, true
		}
	}
	if name, ok := n.byObject(refs); ok {
		return name, true
	}
	for _, i := range refs.locals {
		if name, ok := n.byLocal(&n.heap.Graph.Roots.Slots[i]); ok {
			return name, true
		}
	}
	return "", false
}

// byObject names an object by the field that leads to it: of a type of the program
// rather than a closure's.
func (n *namer) byObject(refs *references) (string, bool) {
	captured := ""
	for _, o := range refs.objects {
		off, ok := n.offsetTo(o, refs)
		if !ok {
			continue
		}
		name, ok := n.inObject(o, off, "")
		switch {
		case !ok:
		case n.heap.Types.Table[n.heap.Types.Of[o]].Form != typing.Closure:
			return name, true
		case captured == "":
			captured = name
		}
	}
	return captured, captured != ""
}

// offsetTo returns where an object first refers to a place. A pointer to another part
// of the object that the place is in will do, unless that is a block which small
// values share: what leads to one of them has nothing to do with its neighbours.
func (n *namer) offsetTo(o goheap.Object, refs *references) (off uint64, ok bool) {
	h := n.heap.Heap
	memory := h.Memory(o)
	span := h.SpanOf(refs.object)
	shared := span.NoScan && 2*int(span.Class)+1 == layout.TinySpanClass
	h.EachPointer(o, func(at uint64) bool {
		if at+8 > uint64(len(memory)) {
			return false
		}
		value := image.Addr(n.process.Image.ByteOrder().Uint64(memory[at:]))
		off, ok = at, value == refs.at || !shared && h.FindObject(value) == refs.object
		return !ok
	})
	return off, ok
}

// ofProgram reports whether a slot is in a frame whose variables may name an object.
func (n *namer) ofProgram(s *graph.Slot) bool {
	if s.Frame == graph.NoFrame || s.At == 0 {
		return false
	}
	f := &n.heap.Graph.Roots.Frames[s.Frame]
	carry, ok := n.carry[f.PC]
	if !ok {
		fn, found := n.process.FuncAt(returnPC(f.PC, f.Exact))
		carry = !found || carries(fn.Name())
		n.carry[f.PC] = carry
	}
	return !carry
}

// byLocal names an object by the local variable that leads to it.
func (n *namer) byLocal(s *graph.Slot) (string, bool) {
	f := &n.heap.Graph.Roots.Frames[s.Frame]
	pc := returnPC(f.PC, f.Exact)
	fn, ok := n.process.FuncAt(pc)
	if !ok {
		return "", false
	}
	v, ok := n.localAt(fn, pc, int64(s.At)-int64(f.CFA))
	if !ok {
		return "", false
	}
	return local(v.Name+n.fieldOf(v.Type, uint64(int64(s.At)-int64(f.CFA)-v.Offset)+v.From, ""), fn.Name()), true
}
