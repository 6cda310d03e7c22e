package waits

import (
	"slices"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/frames"
	"postmortem/analyzer/heap"
	"postmortem/analyzer/typing"
	"postmortem/coreread"
	"postmortem/coreread/exe"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gort"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// namer says in whose variable an address lies.
type namer struct {
	snapshot *coreread.Snapshot
	process  *gort.Process
	heap     *heap.Analysis    // nil without
	types    *gotypes.Universe // nil when they cannot be read
	globals  []gotypes.Variable
	tabled   []gotypes.Variable  // see symbols; nil before it was asked for
	stacks   []stack             // by address
	skip     map[string]string   // path of the first byte of a type, by its name
	carry    map[image.Addr]bool // by pc of a frame: whether its function carries
}

type stack struct {
	image.Range
	goroutine image.Addr
}

func newNamer(in Input) *namer {
	n := &namer{snapshot: in.Snapshot, process: in.Snapshot.Runtime, heap: in.Heap, skip: map[string]string{}, carry: map[image.Addr]bool{}}
	if in.Heap != nil {
		n.types = in.Heap.Universe()
		n.globals = n.types.Globals()
		return n
	}
	n.types, _ = gotypes.New(n.process) // without it no element of a channel has a name
	return n
}

func compare(a, b image.Addr) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// symbols returns the variables of the symbol table by address, where the types
// of variables were not read.
func (n *namer) symbols() []gotypes.Variable {
	if n.tabled == nil && n.heap == nil {
		n.tabled = []gotypes.Variable{}
		n.snapshot.Exe.EachVariable(func(name string, s exe.Symbol) bool {
			n.tabled = append(n.tabled, gotypes.Variable{Name: name, Addr: s.Addr.Add(n.snapshot.Bias), Bytes: s.Size})
			return true
		})
		slices.SortStableFunc(n.tabled, func(a, b gotypes.Variable) int { return compare(a.Addr, b.Addr) })
	}
	return n.tabled
}

// typeName returns the name of the type whose descriptor is at an address.
func (n *namer) typeName(descriptor image.Addr) (string, bool) {
	if n.types == nil || descriptor == 0 {
		return "", false
	}
	id, ok := n.types.At(descriptor)
	if !ok {
		return "", false
	}
	name := n.types.Type(id).Name
	return name, name != ""
}

// place names the variable, or type and field, that an object of the type lies
// in at an address: "main.mu", "main.Store.mu". It is not ok where there is none,
// and for an object of its own on the heap.
func (n *namer) place(at image.Addr, typ string) (string, bool) {
	if v, ok := variableAt(n.globals, at); ok {
		return v.Name + n.fieldOf(v.Type, uint64(at-v.Addr), typ), true
	}
	if v, ok := variableAt(n.symbols(), at); ok {
		return v.Name, true
	}
	if name, ok := n.onHeap(at, typ); ok {
		return name, true
	}
	return n.onStack(at, typ)
}

// variableAt returns the variable that an address lies in; the list is by address.
func variableAt(list []gotypes.Variable, at image.Addr) (gotypes.Variable, bool) {
	i, ok := slices.BinarySearchFunc(list, at, func(v gotypes.Variable, at image.Addr) int { return compare(v.Addr, at) })
	if !ok {
		i--
	}
	if i < 0 || uint64(at-list[i].Addr) >= list[i].Bytes {
		return gotypes.Variable{}, false
	}
	return list[i], true
}

// fieldOf returns the path to an object of the type inside of a value.
func (n *namer) fieldOf(id gotypes.ID, off uint64, typ string) string {
	if id == 0 || n.types == nil {
		return ""
	}
	return n.trim(n.types.Path(id, off), typ)
}

// trim takes the path of an object's own first field off a path that leads to it.
func (n *namer) trim(path, typ string) string {
	own, ok := n.skip[typ]
	if !ok && n.types != nil {
		if id, found := n.types.ByName(typ); found {
			own = n.types.Path(id, 0)
		}
		n.skip[typ] = own
	}
	return strings.TrimSuffix(path, own)
}

// onHeap names an object by the heap object that it is a part of.
func (n *namer) onHeap(at image.Addr, typ string) (string, bool) {
	if n.heap == nil {
		return "", false
	}
	o, off, ok := n.heap.Heap.Find(at)
	if !ok || off < 0 {
		return "", false
	}
	return n.inObject(o, uint64(off), typ)
}

// inObject names what lies at an offset of an object; not ok where it is all of it.
func (n *namer) inObject(o goheap.Object, off uint64, typ string) (string, bool) {
	types := n.heap.Types
	k := types.Of[o]
	if k == 0 {
		return "", false
	}
	e := &types.Table[k]
	path := n.trim(types.FieldPath(k, off), typ)
	switch e.Form {
	case typing.Array, typing.ChanBuffer:
		_, path, _ = strings.Cut(path, "]")
		if path == "" {
			return "", false
		}
		return n.types.Type(e.Type).Name + path, true
	case typing.Closure:
		// What is captured by value and not in the debug information has a number for a name.
		if fn, ok := n.process.FuncAt(e.Code); ok && path != "" && !strings.HasPrefix(path, ".X") {
			return local(strings.TrimPrefix(path, "."), fn.Name()), true
		}
		return "", false
	case typing.MapBuckets, typing.MapGroups:
		return n.types.Type(e.Map).Name + path, path != ""
	}
	if path == "" {
		return "", false
	}
	return e.Name + path, true
}

// local names a variable of a function.
func local(variable, function string) string {
	return strings.TrimLeft(variable, "&*") + " in " + exe.PrintName(function)
}

// onStack names an object by the local variable that it is a part of.
func (n *namer) onStack(at image.Addr, typ string) (string, bool) {
	if n.heap != nil {
		if i, ok := n.heap.Heap.SpanIndex(at); ok && n.heap.Heap.Spans[i].InUse() {
			return "", false // stacks have spans of their own
		}
	}
	n.findStacks()
	i, ok := slices.BinarySearchFunc(n.stacks, at, func(s stack, at image.Addr) int { return compare(s.Start, at) })
	if !ok {
		i--
	}
	if i < 0 || !n.stacks[i].Contains(at) {
		return "", false
	}
	g, err := n.process.GoroutineAt(n.stacks[i].goroutine)
	if err != nil {
		return "", false
	}
	name := ""
	_, _ = n.process.EachFrame(&g, func(f *gort.LiveFrame) {
		if name == "" && f.SP <= at && at < f.FP {
			name = n.inFrame(f, at, typ)
		}
	})
	return name, name != ""
}

// inFrame names an object in a frame: its variable, or at least the function.
func (n *namer) inFrame(f *gort.LiveFrame, at image.Addr, typ string) string {
	if v, ok := n.localAt(f.Func, returnPC(f.PC, f.Exact), int64(at)-int64(f.FP)); ok {
		path := n.fieldOf(v.Type, uint64(int64(at)-int64(f.FP)-v.Offset)+v.From, typ)
		return local(v.Name+path, f.Func.Name())
	}
	return "a variable in " + exe.PrintName(f.Func.Name())
}

// returnPC returns a program counter inside of the instruction of a frame.
func returnPC(pc image.Addr, exact bool) image.Addr {
	if exact {
		return pc
	}
	return pc - 1
}

// localAt returns the local variable at an offset from a frame's base.
func (n *namer) localAt(fn exe.Func, pc image.Addr, offset int64) (gotypes.Variable, bool) {
	if n.heap == nil {
		return gotypes.Variable{}, false
	}
	for _, v := range n.types.Locals(fn, pc) {
		if v.Offset <= offset && uint64(offset-v.Offset) < v.Bytes {
			return v, true
		}
	}
	return gotypes.Variable{}, false
}

func (n *namer) findStacks() {
	if n.stacks != nil {
		return
	}
	n.stacks = []stack{}
	n.process.Goroutines(func(g *gort.Goroutine) { n.stacks = append(n.stacks, stack{g.Stack, g.Addr}) })
	slices.SortFunc(n.stacks, func(a, b stack) int { return compare(a.Start, b.Start) })
}

// objectTypes are the types of what is no channel.
var objectTypes = map[facts.ResourceKind]string{
	facts.ResourceMutex:     "sync.Mutex",
	facts.ResourceRWMutex:   "sync.RWMutex",
	facts.ResourceWaitGroup: "sync.WaitGroup",
	facts.ResourceCond:      "sync.Cond",
	facts.ResourceOnce:      "sync.Once",
	facts.ResourceFDLock:    "internal/poll.FD",
}

// carriers are packages whose functions take part in a wait and whose variables
// say nothing of whose it is.
var carriers = map[string]bool{"runtime": true, "sync": true, "internal/sync": true}

// carries reports whether a function is of such a package.
func carries(name string) bool { return carriers[frames.PackageOf(name)] }
