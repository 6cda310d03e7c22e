package locks

import (
	"encoding/binary"
	"strings"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
)

// program is the code of the process, looked at once for each function. Addresses
// are the binary's own.
type program struct {
	binary *exe.Binary
	image  *image.Image
	funcs  *exe.FuncTable

	decode       func(code []byte, at image.Addr) []instruction
	arguments    []reg
	context      reg // that closures find their variables by
	stackPointer reg
	preserved    [maxRegs]bool

	callees map[image.Addr]*callee
	flows   map[image.Addr]*flow // nil while a function is looked at, and for those without locks
	touches map[image.Addr]int   // how near a function is to a lock, see nearness
}

func newProgram(b *exe.Binary) *program {
	p := &program{
		binary: b, image: b.Image(), funcs: b.Funcs(),
		callees: make(map[image.Addr]*callee), flows: make(map[image.Addr]*flow), touches: make(map[image.Addr]int),
	}
	p.decode, p.arguments, p.context, p.stackPointer = decodeAMD64, amd64Arguments, rdx, rsp
	for _, r := range []reg{rsp, rbp, r14} {
		p.preserved[r] = true
	}
	return p
}

// maxCode bounds the code of one function that is looked at.
const maxCode = 1 << 18

// codeOf returns a function's code.
func (p *program) codeOf(fn exe.Func) []byte {
	n := fn.End() - fn.Entry()
	if fn.End() <= fn.Entry() || n > maxCode {
		return nil
	}
	code, err := p.image.Bytes(fn.Entry(), uint64(n))
	if err != nil {
		return nil
	}
	return code
}

// Nearness of functions to locks.
const (
	far    = iota // no call of a lock's methods within reach
	caller        // it calls functions that take or give back locks
	locker        // it does so itself
)

// nearness says how near a function is to locks. It looks for calls byte by
// byte, which finds all of them and, now and then, what is none.
func (p *program) nearness(fn exe.Func, reach int) int {
	entry := fn.Entry()
	if n, ok := p.touches[entry]; ok && (n != far || reach == 0) {
		return n
	}
	if strings.HasPrefix(fn.Name(), "runtime.") || fn.IsAsm() {
		return far
	}
	p.touches[entry] = far
	code := p.codeOf(fn)
	found := far
	for i := 0; i+5 <= len(code) && found != locker; i++ {
		if code[i] != 0xe8 && code[i] != 0xe9 {
			continue
		}
		target := entry + image.Addr(i+5)
		target = target.Add(int64(int32(binary.LittleEndian.Uint32(code[i+1:]))))
		if !p.funcs.Range().Contains(target) {
			continue
		}
		switch c := p.callee(target); {
		case !c.ok:
		case c.action != nil && c.action.below == 0:
			found = locker
		case reach > 0 && found == far && c.action == nil && target != entry && p.nearness(c.fn, reach-1) != far:
			found = caller
		}
	}
	p.touches[entry] = found
	return found
}

// reach is how many calls below a function are looked into for what they do to locks.
const reach = 2

// flowOf returns what is known of a function, nil when it does nothing to locks.
func (p *program) flowOf(fn exe.Func, depth int) *flow {
	entry := fn.Entry()
	if f, ok := p.flows[entry]; ok {
		return f
	}
	p.flows[entry] = nil
	if p.nearness(fn, depth) == far {
		return nil
	}
	if name := fn.Name(); isLockCode(name) && !strings.HasSuffix(name, "-fm") {
		return nil
	}
	f := p.analysed(fn, depth)
	p.flows[entry] = f
	return f
}

// anyFlow is flowOf for a function whatever it does.
func (p *program) anyFlow(fn exe.Func) *flow {
	if f := p.flows[fn.Entry()]; f != nil {
		return f
	}
	f := p.analysed(fn, 0)
	p.flows[fn.Entry()] = f
	return f
}

// maxWrapper bounds the code of a function that is looked through for calls of
// code that only its arguments tell.
const maxWrapper = 1 << 10

// wrapperFlow is anyFlow for a short function, nil for others.
func (p *program) wrapperFlow(fn exe.Func) *flow {
	if fn.End()-fn.Entry() > maxWrapper || fn.IsAsm() || strings.HasPrefix(fn.Name(), "runtime.") {
		return nil
	}
	return p.anyFlow(fn)
}

func (p *program) analysed(fn exe.Func, depth int) *flow {
	f := &flow{
		program: p, fn: fn, entry: fn.Entry(), end: fn.End(), values: newValues(),
		fast: make(map[image.Addr]action),
	}
	f.code = p.decode(p.codeOf(fn), f.entry)
	if len(f.code) == 0 || len(f.code) > maxInstructions {
		return nil
	}
	f.frame = p.shapeOf(fn)
	f.analyse(depth)
	return f
}

// entryPointer returns where the stack pointer was as the function of a frame was
// called, from the frame's base.
func (p *program) entryPointer(base image.Addr) image.Addr { return base - 8 }

// foreign is what a called function does to a lock, in the terms of its own code.
type foreign struct {
	holding
	flow *flow
}

// effects returns what a function has done to locks when it returns.
func (p *program) effects(c *callee, depth int) []foreign {
	if depth < 0 || !c.ok || c.name == "" {
		return nil
	}
	f := p.flowOf(c.fn, depth)
	if f == nil || f.lost {
		return nil
	}
	out := make([]foreign, len(f.effects))
	for i, h := range f.effects {
		out[i] = foreign{h, f}
	}
	return out
}

// readOnly returns a word of memory that never changes and holds an address of code.
func (p *program) readOnly(at image.Addr) (image.Addr, bool) {
	for _, s := range p.binary.Segments() {
		if !s.Contains(at) || s.Writable() && !s.Relro.Contains(at) {
			continue
		}
		word, err := p.image.Addr(at)
		return word, err == nil && p.funcs.Range().Contains(word)
	}
	return 0, false
}

// duffBytes returns how much duffzero or duffcopy write when they are entered at the address.
func (p *program) duffBytes(from image.Addr, fn exe.Func) int64 {
	n := int64(0)
	code, err := p.image.Bytes(from, uint64(fn.End()-from))
	if err != nil || fn.End()-from > maxCode {
		return 1 << 40
	}
	for _, i := range p.decode(code, from) {
		if i.op == opReturn {
			break
		}
		n += int64(i.bytes)
	}
	return n
}

// frameShape is which words of a function's frame only its own code writes.
type frameShape struct {
	locals  int64 // how far below the locals' end words with pointers reach (bytes)
	exposed []exposed
}

// exposed is a variable whose address is taken, from where the stack pointer was on entry.
type exposed struct{ from, to int64 }

// localsEnd is where the local variables end, from the stack pointer on entry: the
// frame pointer is saved there.
const localsEnd = -8

// maxExposed bounds the variables of a function whose address is taken.
const maxExposed = 1 << 14

func (p *program) shapeOf(fn exe.Func) frameShape {
	var s frameShape
	c := p.image.Cursor()
	if at, ok := fn.FuncData(exe.FuncDataLocalsPointerMaps); ok {
		if n := c.Int32(at + 4); c.Err() == nil && n > 0 {
			s.locals = 8 * int64(n)
		}
	}
	at, ok := fn.FuncData(exe.FuncDataStackObjects)
	if !ok {
		return s
	}
	n := c.Uint64(at)
	if c.Err() != nil || n > maxExposed {
		return frameShape{}
	}
	for i := range n {
		off, size := int64(c.Int32(at+8+image.Addr(16*i))), int64(c.Int32(at+12+image.Addr(16*i)))
		if c.Err() != nil {
			return frameShape{}
		}
		if off < 0 {
			off += localsEnd
		} else {
			off += 8 // behind the return address
		}
		s.exposed = append(s.exposed, exposed{off, off + size})
	}
	return s
}

// private reports whether only the function's own code writes a word of its frame.
func (s *frameShape) private(off int64) bool {
	if off < 0 && (off < localsEnd-s.locals || off >= localsEnd) {
		return false
	}
	for _, e := range s.exposed {
		if off >= e.from-7 && off < e.to {
			return false
		}
	}
	return true
}

// noteTry enters a compare and swap as a TryLock that was inlined, if it is one.
func (f *flow) noteTry(pc image.Addr) {
	if _, known := f.fast[pc]; known {
		return
	}
	n := f.at(pc)
	for k := max(0, n-4); k <= n+4 && k < len(f.code); k++ {
		for _, frame := range f.fn.Frames(f.code[k].pc) {
			if a := lockAction(frame.Func); frame.Inlined && a != nil && a.try {
				try := *a
				if a.kind == reader {
					try.below = readerCount
				}
				f.fast[pc], f.news = try, true
				return
			}
		}
	}
}
