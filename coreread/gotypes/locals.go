package gotypes

import (
	"sort"
	"strings"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
)

// Locals returns the parameters, results and locals that are in memory of the
// frame at a process address in fn's code, as far as DWARF says where: those of
// functions inlined there too. What is in a register only is left out, and so is
// a value of zero bytes. For a return address the caller passes one less.
//
// DWARF says where a variable is and not whether it still lives or was set yet:
// the stack maps tell which of its words are pointers.
func (u *Universe) Locals(fn exe.Func, pc image.Addr) []Variable {
	d := u.debug()
	i := sort.Search(len(d.funcs), func(i int) bool { return d.funcs[i].pc >= fn.Entry() })
	if i == len(d.funcs) || d.funcs[i].pc != fn.Entry() {
		return nil
	}
	x, unit, c, ok := d.at(d.funcs[i].offset)
	if !ok || !x.children {
		return nil
	}
	w := localWalk{universe: u, debug: d, lists: u.lists(), unit: unit, pc: uint64(pc.Add(-u.bias))}
	w.children(&c, false)
	return w.found
}

// localWalk goes over the DIE of a function.
type localWalk struct {
	universe *Universe
	debug    *debugInfo
	lists    *lists
	unit     *unit
	pc       uint64
	found    []Variable
}

// maxLocals bounds the variables of one function.
const maxLocals = 1 << 14

// children reads the children of a DIE whose code covers the pc. It does not
// recurse: damaged data may nest as deep as it likes.
func (w *localWalk) children(c *cursor, inlined bool) {
	covered := []bool{true} // by depth: the pc lies in the block
	inside := []bool{inlined}
	for len(covered) > 0 && len(w.found) < maxLocals {
		at := c.at
		a := w.unit.head(c)
		if a == nil {
			if c.bad {
				return
			}
			covered, inside = covered[:len(covered)-1], inside[:len(inside)-1]
			continue
		}
		x := w.unit.die(c, a, at)
		in, here := covered[len(covered)-1], inside[len(inside)-1]
		switch a.tag {
		case tagVariable, tagParameter:
			if in {
				w.variable(&x, here)
			}
		case tagInlined:
			in, here = in && w.covers(&x), true
		case tagBlock:
			in = in && w.covers(&x)
		default:
			in = false
		}
		if a.children {
			covered, inside = append(covered, in), append(inside, here)
		}
	}
}

// covers reports whether the pc lies in the code of a block.
func (w *localWalk) covers(x *die) bool {
	if x.ranges.form != 0 {
		return w.lists.inRanges(w.debug, w.unit, x.ranges.n, w.pc)
	}
	low, ok := w.debug.address(w.unit, x.low)
	if !ok || w.pc < low {
		return false
	}
	if high, ok := w.debug.address(w.unit, x.high); ok {
		return w.pc < high
	}
	return w.pc-low < x.high.n
}

// variable enters the pieces of a variable that are in memory.
func (w *localWalk) variable(x *die, inlined bool) {
	location := x.location.bytes
	if x.location.form == formSecOffset || x.location.form == formData4 {
		location = w.lists.location(w.debug, w.unit, x.location.n, w.pc)
	}
	if len(location) == 0 {
		return
	}
	v := Variable{Name: string(x.name), Parameter: x.tag == tagParameter, Result: x.result, Inlined: inlined}
	typ := x.typ
	if x.origin != 0 {
		o, _, _, ok := w.debug.at(x.origin)
		if !ok {
			return
		}
		v.Name, typ, v.Result = string(o.name), o.typ, o.result
	}
	if strings.Contains(v.Name, ".") {
		return // made by the compiler: a dictionary, or a word of a variable, whose type says little
	}
	v.Type = w.universe.debugType(typ)
	size := w.universe.Type(v.Type).Size
	for _, p := range pieces(location, size) {
		v.Offset, v.From, v.Bytes = p.offset, p.from, p.bytes
		w.found = append(w.found, v)
	}
}

// piece is a part of a variable in memory: bytes of it, from the byte from on, at
// offset from the frame's base.
type piece struct {
	offset      int64
	from, bytes uint64
}

// join appends a piece, or makes the last one longer by it.
func join(found []piece, p piece) []piece {
	if n := len(found); n > 0 {
		last := &found[n-1]
		if last.from+last.bytes == p.from && last.offset+int64(last.bytes) == p.offset {
			last.bytes += p.bytes
			return found
		}
	}
	return append(found, p)
}

// Operations of location expressions that Go's compiler uses for memory.
const (
	opConsts = 0x11
	opPlus   = 0x22
	opPlusU  = 0x23
	opReg0   = 0x50
	opReg31  = 0x6f
	opRegx   = 0x90
	opFbreg  = 0x91
	opPiece  = 0x93
	opCFA    = 0x9c
)

// pieces reads a location expression. It returns what is in memory of the frame;
// nothing when it holds operations that Go does not use.
func pieces(expr []byte, size uint64) []piece {
	var found []piece
	var offset, constant int64
	inMemory, cut := false, false
	from := uint64(0)
	c := cursor{data: expr}
	for c.at < uint64(len(expr)) && !c.bad {
		switch op := c.u8(); {
		case op == opCFA:
			offset, inMemory = 0, true
		case op == opFbreg:
			offset, inMemory = c.sleb(), true
		case op == opConsts:
			constant = c.sleb()
		case op == opPlus:
			offset += constant
		case op == opPlusU:
			offset += int64(c.uleb())
		case opReg0 <= op && op <= opReg31:
			inMemory = false
		case op == opRegx:
			c.uleb()
			inMemory = false
		case op == opPiece:
			n := c.uleb()
			if inMemory && n > 0 && from+n <= max(size, from) {
				found = join(found, piece{offset, from, n})
			}
			from, inMemory, cut = from+n, false, true
		default:
			return nil
		}
	}
	if c.bad {
		return nil
	}
	if inMemory && !cut && size > 0 {
		found = append(found, piece{offset, 0, size})
	}
	return found
}
