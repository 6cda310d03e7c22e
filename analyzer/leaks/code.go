package leaks

import (
	"encoding/binary"
	"runtime/debug"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/graph"
	"postmortem/analyzer/heap"
	"postmortem/coreread/exe"
	"postmortem/coreread/image"
)

// programs tells the packages of the program and of its dependencies from those of
// the standard library.
type programs struct {
	paths []string // of modules
}

func newPrograms(b *exe.Binary) programs {
	p := programs{paths: []string{"main"}}
	info, err := b.BuildInfo()
	if err != nil || info == nil {
		return p
	}
	add := func(m *debug.Module) {
		if m != nil && m.Path != "" && m.Path != "std" {
			p.paths = append(p.paths, m.Path)
		}
	}
	add(&info.Main)
	for _, m := range info.Deps {
		add(m)
	}
	return p
}

// own reports whether a package is the program's or of one of its dependencies.
func (p programs) own(pkg string) bool {
	for _, path := range p.paths {
		if rest, ok := strings.CutPrefix(pkg, path); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	first, _, _ := strings.Cut(pkg, "/")
	return strings.Contains(first, ".")
}

// code is which functions name which variables of the program.
type code struct {
	heap *heap.Analysis
	// vars has the variables by the entry, in the binary, of the functions that name them.
	vars map[image.Addr][]image.Addr
	// namedBy has those functions by variable.
	namedBy map[image.Addr][]exe.Func
	closure map[string][]exe.Func // functions with variables, by the function around them
}

// readCode finds the variables that code names by the addresses in its
// instructions; nil where that cannot be told.
//
// On amd64 an instruction names a variable by its distance from the instruction's
// end, 4 bytes that may be followed by up to 4 of another operand. Every such
// distance counts, also where it is a part of something else by chance: then the
// variable passes for one that is used.
func readCode(h *heap.Analysis, own programs) *code {
	snap := h.Snapshot()
	p, m := snap.Runtime, snap.Exe.Module()
	if p.GOARCH() != "amd64" {
		return nil
	}
	start := m.Text.Add(snap.Bias)
	text, err := p.Image.Bytes(start, uint64(m.EText-m.Text))
	if err != nil {
		return nil
	}
	c := &code{heap: h, vars: make(map[image.Addr][]image.Addr), namedBy: make(map[image.Addr][]exe.Func), closure: make(map[string][]exe.Func)}
	low, high := m.NoPtrData.Add(snap.Bias), m.End.Add(snap.Bias)
	for i := 0; i+4 <= len(text); i++ {
		target := start.Add(int64(i) + 4 + int64(int32(binary.LittleEndian.Uint32(text[i:]))))
		if target < low || target >= high {
			continue
		}
		for _, tail := range []int64{0, 1, 2, 4} {
			if v, ok := h.VariableAt(target.Add(tail)); ok && own.own(graph.PackageOf(v.Name)) {
				c.add(start.Add(int64(i)), v.Range.Start)
			}
		}
	}
	return c
}

// add enters that the code at pc names a variable.
func (c *code) add(pc, variable image.Addr) {
	f, ok := c.find(pc)
	if !ok {
		return
	}
	list := c.vars[f.Entry()]
	if slices.Contains(list, variable) {
		return
	}
	if len(list) == 0 {
		// "main.f.func1" and "main.f.deferwrap2" belong to "main.f".
		for name := f.Name(); ; {
			i := strings.LastIndexByte(name, '.')
			if i < 0 || !synthetic(name[i+1:]) {
				break
			}
			name = name[:i]
			c.closure[name] = append(c.closure[name], f)
		}
	}
	c.vars[f.Entry()] = append(list, variable)
	c.namedBy[variable] = append(c.namedBy[variable], f)
}

// synthetic reports whether the last part of a function's name is one that the
// compiler made up for a function literal or a wrapper.
func synthetic(part string) bool {
	for _, prefix := range []string{"func", "deferwrap", "gowrap", ""} {
		if rest, ok := strings.CutPrefix(part, prefix); ok && rest != "" && strings.Trim(rest, "0123456789") == "" {
			return true
		}
	}
	return false
}

// usedBy adds the variables that the functions on a group's stacks name, the
// function literals in those, and the functions that those call directly.
func (c *code) usedBy(g *facts.Group, used map[image.Addr]bool) {
	if g == nil {
		return
	}
	if g.FramesElided > 0 {
		for v := range c.namedBy {
			used[v] = true
		}
		return
	}
	for _, f := range g.Frames {
		for name := f.Func; name != ""; {
			c.useLiterals(name, used)
			i := strings.LastIndexByte(name, '.')
			if i < 0 || !synthetic(name[i+1:]) {
				break
			}
			name = name[:i]
		}
		for _, fn := range c.functions(f) {
			c.use(fn, used)
			c.useCalled(fn, used)
		}
	}
	for _, d := range g.PendingDefers {
		c.useLiterals(d.Func, used)
		if fn, ok := c.heap.Snapshot().Exe.Funcs().ByName(d.Func); ok {
			c.use(fn, used)
		}
	}
}

// functions returns the functions that a frame may be in: its pc is behind a
// call, or that of an instruction.
func (c *code) functions(f *facts.Frame) (list []exe.Func) {
	for back := image.Addr(0); back <= 1 && f.PC.Known; back++ {
		if fn, ok := c.find(image.Addr(f.PC.V) - back); ok {
			list = append(list, fn)
		}
	}
	return list
}

// find returns the function whose code holds an address of the process.
func (c *code) find(pc image.Addr) (exe.Func, bool) {
	snap := c.heap.Snapshot()
	return snap.Exe.Funcs().Find(pc.Add(-snap.Bias))
}

// unnamed reports whether no code names a variable as far as can be told: then it
// is reached in some other way.
func (c *code) unnamed(variable image.Addr) bool { return len(c.namedBy[variable]) == 0 }

// namedElsewhere reports whether a function names a variable that is none of those
// given by their entries, and does not just initialize it.
func (c *code) namedElsewhere(variable image.Addr, known map[image.Addr]bool) bool {
	return slices.ContainsFunc(c.namedBy[variable], func(f exe.Func) bool {
		return !known[f.Entry()] && !initializes(f.Name())
	})
}

// initializes reports whether a function is one that initializes a package:
// "main.init" for its variables, "main.init.0" and so on by the program itself,
// and "main.map.init.0" (1.21).
func initializes(name string) bool {
	slash := strings.LastIndexByte(name, '/') + 1
	_, rest, _ := strings.Cut(name[slash:], ".")
	return rest == "init" || strings.HasPrefix(rest, "map.init.")
}

func (c *code) use(f exe.Func, used map[image.Addr]bool) {
	for _, v := range c.vars[f.Entry()] {
		used[v] = true
	}
}

func (c *code) useLiterals(name string, used map[image.Addr]bool) {
	for _, f := range c.closure[name] {
		c.use(f, used)
	}
}

// maxBody bounds the code of one function that is looked through for calls, bytes.
const maxBody = 1 << 20

// useCalled adds what the functions name that f calls directly: CALL and JMP with
// a distance of 32 bits.
func (c *code) useCalled(f exe.Func, used map[image.Addr]bool) {
	snap := c.heap.Snapshot()
	entry := f.Entry().Add(snap.Bias)
	body, err := snap.Runtime.Image.Bytes(entry, min(uint64(f.End()-f.Entry()), maxBody))
	if err != nil {
		return
	}
	for i := 0; i+5 <= len(body); i++ {
		if body[i] != 0xe8 && body[i] != 0xe9 {
			continue
		}
		target := entry.Add(int64(i) + 5 + int64(int32(binary.LittleEndian.Uint32(body[i+1:]))))
		if called, ok := c.find(target); ok && called.Entry().Add(snap.Bias) == target {
			c.use(called, used)
		}
	}
}
