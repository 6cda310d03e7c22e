package waits

import (
	"reflect"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/typing"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gopoll"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// context describes the context whose Done channel is at an address; nil when it
// is none's.
func (d *describer) context(at image.Addr, refs *references) *facts.ContextState {
	types := d.in.Heap.Types
	for _, o := range refs.objects {
		e := &types.Table[types.Of[o]]
		if e.Form != typing.Single || !strings.HasPrefix(e.Name, "context.") {
			continue
		}
		c := contextReader{d, d.names.types}
		start := d.in.Heap.Heap.Address(o)
		if done, ok := c.offset(e.Type, "done", 0); ok && c.word(start+image.Addr(done)+8) == at {
			return c.describe(start, e.Type)
		}
	}
	return nil
}

// contextReader reads contexts of package context and of others that embed one.
type contextReader struct {
	*describer
	types *gotypes.Universe
}

// maxParents bounds the chain of a context's parents.
const maxParents = 200

func (c *contextReader) describe(at image.Addr, id gotypes.ID) *facts.ContextState {
	out := &facts.ContextState{}
	if off, ok := c.offset(id, "err", 0); ok {
		if word, err := c.process.Image.Addr(at + image.Addr(off)); err == nil {
			out.Canceled = facts.Some(word != 0)
		}
	}
	if outer, ok := c.timers()[at]; ok {
		at, id = outer.at, outer.id
	}
	reaches := true // the deadlines of those that follow
	for len(out.Chain) < maxParents {
		name := c.types.Type(id).Name
		out.Chain = append(out.Chain, name)
		switch name {
		case "context.withoutCancelCtx":
			reaches = false
		case "context.timerCtx":
			if in := c.deadline(at, id); reaches && in.Known && (!out.DeadlineInNS.Known || in.V < out.DeadlineInNS.V) {
				out.DeadlineInNS = in
			}
		}
		parent, ok := c.parent(at, id, 0)
		if !ok {
			break
		}
		if at, id, ok = c.value(parent); !ok {
			break
		}
	}
	return out
}

// maxEmbedded bounds how deep structs are looked into.
const maxEmbedded = 8

// offset returns where a struct, or one embedded in it, has the field of a name.
func (c *contextReader) offset(id gotypes.ID, name string, depth int) (uint64, bool) {
	for _, f := range c.types.Type(id).Fields {
		if f.Name == name {
			return f.Offset, true
		}
		if f.Embedded && depth < maxEmbedded && c.types.Type(f.Type).Kind == reflect.Struct {
			if off, ok := c.offset(f.Type, name, depth+1); ok {
				return f.Offset + off, true
			}
		}
	}
	return 0, false
}

// parent returns the address of the interface with the context that the one at an
// address was made from.
func (c *contextReader) parent(at image.Addr, id gotypes.ID, depth int) (image.Addr, bool) {
	if at == 0 || depth > maxEmbedded {
		return 0, false
	}
	for _, f := range c.types.Type(id).Fields {
		t, field := c.types.Type(f.Type), at+image.Addr(f.Offset)
		switch {
		case t.Kind == reflect.Interface && t.Name == "context.Context":
			return field, true
		case f.Embedded && t.Kind == reflect.Struct:
			if found, ok := c.parent(field, f.Type, depth+1); ok {
				return found, true
			}
		case f.Embedded && t.Kind == reflect.Pointer:
			if found, ok := c.parent(c.word(field), t.Elem, depth+1); ok {
				return found, true
			}
		}
	}
	return 0, false
}

// typed is an object of a known type.
type typed struct {
	at image.Addr
	id gotypes.ID
}

// timers returns the context.timerCtx objects by the context.cancelCtx that they
// point to. In Go 1.20 that is an object of its own; in other versions it is a part
// of the timerCtx, and there are none.
func (c *contextReader) timers() map[image.Addr]typed {
	if c.timerContexts != nil {
		return c.timerContexts
	}
	c.timerContexts = map[image.Addr]typed{}
	types := c.in.Heap.Types
	for k, e := range types.Table {
		if e.Form != typing.Single || e.Name != "context.timerCtx" {
			continue
		}
		fields := c.types.Type(e.Type).Fields
		if len(fields) == 0 || fields[0].Name != "cancelCtx" || c.types.Type(fields[0].Type).Kind != reflect.Pointer {
			continue
		}
		for o, of := range types.Of {
			if int(of) == k {
				at := c.in.Heap.Heap.Address(goheap.Object(o))
				c.timerContexts[c.word(at+image.Addr(fields[0].Offset))] = typed{at, e.Type}
			}
		}
	}
	return c.timerContexts
}

// itabType is where an itab has the type of the value (internal/abi.ITab, in all versions).
const itabType = 8

// value returns the value in the interface at an address, behind a pointer if it is one.
func (c *contextReader) value(at image.Addr) (image.Addr, gotypes.ID, bool) {
	tab := c.word(at)
	if tab == 0 {
		return 0, 0, false
	}
	id, ok := c.types.At(c.word(tab + itabType))
	if !ok {
		return 0, 0, false
	}
	data := c.word(at + 8)
	t := c.types.Type(id)
	switch {
	case t.Kind == reflect.Pointer:
		return data, t.Elem, data != 0
	case t.Kind == reflect.Struct && (t.Size != 8 || t.PtrBytes != 8):
		return data, id, data != 0
	}
	return 0, id, true // no struct, or one that is a pointer itself: nothing more is read of it
}

// word reads an address, 0 where there is none.
func (c *contextReader) word(at image.Addr) image.Addr {
	a, err := c.process.Image.Addr(at)
	if err != nil {
		return 0
	}
	return a
}

// Parts of time.Time (time/time.go, in all versions).
const (
	hasMonotonic   = 1 << 63
	nanoseconds    = 1<<30 - 1
	secondsTo1970  = 62135596800 // since the year 1
	nanosPerSecond = 1_000_000_000
)

// deadline returns when a context.timerCtx expires, relative to the moment of death.
func (c *contextReader) deadline(at image.Addr, id gotypes.ID) facts.Maybe[int64] {
	off, ok := c.offset(id, "deadline", 0)
	if !ok {
		return facts.Maybe[int64]{}
	}
	wall, err := c.process.Image.Uint64(at + image.Addr(off))
	ext, err2 := c.process.Image.Uint64(at + image.Addr(off) + 8)
	if err != nil || err2 != nil || c.in.Clocks == nil {
		return facts.Maybe[int64]{}
	}
	if wall&hasMonotonic != 0 {
		if start, ok := c.startOfTime(); ok {
			return c.fromNow(start + int64(ext))
		}
		return c.timerOf(at, id)
	}
	if c.in.Clocks.WallAt == 0 {
		return c.timerOf(at, id)
	}
	unix := (int64(ext)-secondsTo1970)*nanosPerSecond + int64(wall&nanoseconds)
	return c.fromNow(unix - c.in.Clocks.Wall + c.in.Clocks.WallAt)
}

// startOfTime returns what the runtime's clock showed when package time began to
// count its monotonic times (time.startNano).
func (c *contextReader) startOfTime() (int64, bool) {
	a, _, err := c.in.Snapshot.Exe.Global("time.startNano")
	if err != nil {
		return 0, false
	}
	v, err := c.process.Image.Uint64(a.Add(c.in.Snapshot.Bias))
	return int64(v), err == nil && v != 0
}

// timerOf returns when the timer of a context.timerCtx fires.
func (c *contextReader) timerOf(at image.Addr, id gotypes.ID) facts.Maybe[int64] {
	off, ok := c.offset(id, "timer", 0)
	if !ok || c.poll == nil {
		return facts.Maybe[int64]{}
	}
	p := c.word(at + image.Addr(off))
	for _, inside := range []image.Addr{8, 16} { // time.Timer.r; since Go 1.23 runtime.timeTimer.timer
		t, err := c.poll.Timer(p + inside)
		if p != 0 && err == nil && t.State == gopoll.Pending && t.Kind == gopoll.FuncTimer {
			return c.fromNow(t.When)
		}
	}
	return facts.Maybe[int64]{}
}
