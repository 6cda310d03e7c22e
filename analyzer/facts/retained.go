package facts

// TypeTotal is the reachable objects of one type.
type TypeTotal struct {
	// Name is the type as a Go programmer writes it, or what the runtime makes of
	// it: "[n]T" is the backing array of a slice, "string data" the bytes of a
	// string, "tiny block" several small values, "map.group[K]V" and the like the
	// inside of a map, "chan T buffer" a channel's, "func x.y.func1" a closure.
	// Unknown is the row of the objects without a type.
	Name  Maybe[string] `json:"name"`
	Count uint64        `json:"count"`
	Bytes uint64        `json:"bytes"`
	// RetainedBytes is what the objects of the type retain together.
	RetainedBytes Maybe[uint64] `json:"retained_bytes"`
}

// RootKind is what holds a root.
type RootKind string

const (
	RootGlobal    RootKind = "global"    // a variable of a package
	RootGoroutine RootKind = "goroutine" // stack and registers of a goroutine
	RootThread    RootKind = "thread"    // registers of a thread that runs no goroutine
	RootFinalizer RootKind = "finalizer" // what finalizers refer to
	RootCleanup   RootKind = "cleanup"   // what cleanups refer to
	RootSpecial   RootKind = "special"   // other records of the runtime about objects
	RootOther     RootKind = "other"
)

// Root is one place outside the heap, or one goroutine, that keeps objects alive.
type Root struct {
	Kind RootKind `json:"kind"`
	// Name is the variable ("main.cache") or the function that a goroutine began with.
	Name Maybe[string] `json:"name"`
	// Goroutine is its id; unknown, too, for roots that are no goroutine's.
	Goroutine     Maybe[int64]  `json:"goroutine"`
	RetainedBytes Maybe[uint64] `json:"retained_bytes"`
	// Address is where a variable is.
	Address Maybe[Word] `json:"address"`
}

// GroupRetained is what the goroutines of a group retain together: more than the
// sum of what each retains, since several may share an object.
type GroupRetained struct {
	// Group is a Group.ID.
	Group int    `json:"group"`
	Bytes uint64 `json:"bytes"`
	// StackBytes are their stacks, which are no objects and not part of Bytes.
	StackBytes Maybe[uint64] `json:"stack_bytes"`
}

// PackageRetained is what the global variables of a package retain together.
type PackageRetained struct {
	Name          string `json:"name"`
	RetainedBytes uint64 `json:"retained_bytes"`
}

// GoroutineRetained is what one goroutine retains.
type GoroutineRetained struct {
	ID            int64  `json:"id"`
	RetainedBytes uint64 `json:"retained_bytes"`
}

// Dominator is an object through which all else that it retains is reached.
type Dominator struct {
	Address       Word          `json:"address"`
	Type          Maybe[string] `json:"type"`
	Bytes         uint64        `json:"bytes"`
	RetainedBytes uint64        `json:"retained_bytes"`
	// Path is a shortest one from a root to the object: the root, then one step
	// for each pointer, with the field that holds it ("main.cache",
	// "map[string]*main.User", "main.User.Friends[2]"). Of more than PathCap steps
	// the first and the last half are here.
	Path      []string `json:"path"`
	PathTotal int      `json:"path_total"`
}

// SuspectKind is the shape of a suspect.
type SuspectKind string

const (
	SuspectDominator SuspectKind = "dominator" // one object that retains much
	SuspectGroup     SuspectKind = "group"     // many objects of one type below one object
)

// Suspect is what one would look at first for a leak.
type Suspect struct {
	Kind SuspectKind `json:"kind"`
	// Type is of the object, or of the many; "goroutine" where goroutines of one
	// group are the many.
	Type Maybe[string] `json:"type"`
	// Group is the Group.ID of these goroutines, unknown for objects.
	Group Maybe[int] `json:"group"`
	// Objects is how many there are of Type: 1 for a dominator.
	Objects       uint64 `json:"objects"`
	RetainedBytes uint64 `json:"retained_bytes"`
	// Share is RetainedBytes by the reachable bytes: 0 to 1, to four digits.
	Share float64 `json:"share"`
	// AccumulationPoint is the object below which what it retains spreads out; nil
	// when it is a root itself.
	AccumulationPoint *AccumulationPoint `json:"accumulation_point"`
	// Path is from a root to the accumulation point, as in Dominator.
	Path      []string `json:"path"`
	PathTotal int      `json:"path_total"`
}

// AccumulationPoint is an object.
type AccumulationPoint struct {
	Address Word          `json:"address"`
	Type    Maybe[string] `json:"type"`
}

// AllocationSite is the sampled objects that one stack allocated and one path keeps.
type AllocationSite struct {
	// Frames are innermost first, at most SiteFramesCap.
	Frames      []*Frame `json:"frames"`
	FramesTotal int      `json:"frames_total"`
	// Objects and Bytes are the sampled objects that are in use, not scaled up.
	Objects uint64 `json:"objects"`
	Bytes   uint64 `json:"bytes"`
	// RetainingPath is to the largest of them, as in Dominator; unknown for garbage.
	RetainingPath      []string `json:"retaining_path"`
	RetainingPathTotal int      `json:"retaining_path_total"`
}
