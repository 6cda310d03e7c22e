// Package typing finds the type of every object on the heap of a dead process,
// by evidence: what the allocator recorded, what interfaces, maps, channels and
// closures say of what they hold, and typed pointers from variables, frames and
// objects that are typed already.
//
// It guesses nothing: a type must have the very size class of the object and the
// pointers where the collector has them, or the object stays unknown. It finds
// no edges, no reachability and no sizes.
package typing

import (
	"context"

	"postmortem/analyzer/graph"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// Key is the index of an object's type in Result.Table; 0 is unknown.
type Key uint32

// Form is how an object is made up of its type.
type Form uint8

// The forms of objects.
const (
	// Single is one value of the type.
	Single Form = iota
	// TinyBlock is a block that several small values without pointers share. It has no type.
	TinyBlock
	// StringData is the bytes of strings. It has no type.
	StringData
	// Array is the array behind slices; the type is that of an element.
	Array
	// MapHeader is what a map value points to.
	MapHeader
	// MapBuckets is buckets of a map until Go 1.23, the type is a bucket's.
	MapBuckets
	// MapGroups is groups of a map since Go 1.24, the type is a group's.
	MapGroups
	// MapTable is a table of a map since Go 1.24.
	MapTable
	// MapDirectory is the array of pointers to a map's tables.
	MapDirectory
	// Chan is a channel, with its buffer unless its elements have pointers. The type is an element's.
	Chan
	// ChanBuffer is the buffer of a channel; the type is an element's.
	ChanBuffer
	// Closure is a function value with what it captured. The type is a struct of
	// both, 0 when it is not known.
	Closure
)

// Entry is a type that objects have.
type Entry struct {
	// Name is as a histogram shows it: "main.User", "[n]main.User", "map.group[string]int", "func main.f.func1".
	Name string
	Type gotypes.ID // as the form says
	Form Form
	Map  gotypes.ID // of the forms of maps: the map's type
	Code image.Addr // of a closure: entry of its function
	Size uint64     // bytes of one value of Type
}

// Class is how strong the evidence for a type is.
type Class uint8

// The classes of evidence, weakest first.
const (
	// None is for objects of unknown type.
	None Class = iota
	// Shared is a value smaller than the tiny block it lies in.
	Shared
	// Shape is the object's own content: closures by their code, arrays of elements pointed to.
	Shape
	// Part is a typed pointer that need not be one, a slice or string that covers the object's end or part.
	Part
	// Pointer is a typed pointer to the object's start.
	Pointer
	// Owner is an interface that holds the value, or the map, channel or function whose the object is.
	Owner
	// Recorded is a type descriptor that the allocator stored.
	Recorded
	// Confirmed is Recorded, and a pointer of that very type besides.
	Confirmed
	classes
)

// Count is objects and bytes of their slots.
type Count struct{ Objects, Bytes uint64 }

// Result is the types of all objects.
type Result struct {
	Of      []Key    // by goheap.Object
	Extents []Extent // of strings, by goheap.Object
	Table   []Entry
	ByClass [classes]Count // None: objects of unknown type
	// Conflicts is how many claims did not fit the object that they were made for.
	Conflicts uint64
	// Incomplete says why evidence was left out, "" if none was.
	Incomplete string

	types *gotypes.Universe
}

// Typed returns the objects whose type is known, tiny blocks included.
func (r *Result) Typed() Count {
	var c Count
	for class := None + 1; class < classes; class++ {
		c.Objects += r.ByClass[class].Objects
		c.Bytes += r.ByClass[class].Bytes
	}
	return c
}

// Unknown returns the objects whose type is not known.
func (r *Result) Unknown() Count { return r.ByClass[None] }

// Name returns the name of a type; "" of 0.
func (r *Result) Name(k Key) string {
	if int(k) >= len(r.Table) {
		return ""
	}
	return r.Table[k].Name
}

// Infer finds the types of all objects. When ctx ends it returns what it has so
// far, with Incomplete set.
func Infer(ctx context.Context, h *goheap.Heap, u *gotypes.Universe, roots *graph.Roots) *Result {
	f := newInference(ctx, h, u, roots)
	f.recorded()
	f.runtimeKnown()
	f.globals()
	f.frames()
	f.goroutines()
	f.specials()
	f.run()
	f.settle()
	return f.result()
}
