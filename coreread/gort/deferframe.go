package gort

import (
	"cmp"
	"errors"
	"fmt"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// openDefers is where the frames of a function keep their open-coded deferred
// calls, as distances below the base of its variables: FUNCDATA_OpenCodedDeferInfo.
type openDefers struct {
	bits  uint32   // a byte, one bit for each call, set while it is pending
	first uint32   // slot of call 0, the others follow upwards (since 1.22)
	slots []uint32 // slot of each call (until 1.21)
	count int      // calls, 8 when the version does not record how many
}

func (o *openDefers) slot(i int) uint32 {
	if o.slots != nil {
		return o.slots[i]
	}
	return o.first - uint32(8*i)
}

// maxOpenDefers is how many calls of a function are open-coded at most
// (cmd/compile/internal/walk, maxOpenDefers).
const maxOpenDefers = 8

// openDefersOf returns nil for a function without open-coded defers.
func (p *Process) openDefersOf(info *pcInfo) *openDefers {
	if o, ok := p.death.openSlots[info.entry]; ok {
		return o
	}
	if p.death.openSlots == nil {
		p.death.openSlots = make(map[image.Addr]*openDefers)
	}
	var o *openDefers
	if at, ok := info.fn.FuncData(exe.FuncDataOpenCodedDeferInfo); ok {
		var err error
		if o, err = p.readOpenDefers(at); err != nil {
			p.addGap(fmt.Sprintf("deferred calls of %s: %v", info.fn.Name(), err), at.Add(p.Bias), 0,
				"pending deferred calls are missing from the report")
			o = nil
		}
	}
	p.death.openSlots[info.entry] = o
	return o
}

// readOpenDefers decodes the table at a, an address of the binary.
func (p *Process) readOpenDefers(a image.Addr) (*openDefers, error) {
	r := varintReader{c: p.Exe.Image().Cursor(), at: a}
	o := &openDefers{bits: r.next(), count: maxOpenDefers}
	if p.layout.Has(layout.DeferSlots) {
		if o.first = r.next(); o.first < 8*maxOpenDefers {
			// More slots than fit above the first one there cannot be.
			o.count = int(o.first / 8)
		}
		return o, r.error()
	}
	n := r.next()
	if n > maxOpenDefers {
		return nil, fmt.Errorf("open-coded calls at %v: %d of them", a, n)
	}
	o.count = int(n)
	o.slots = make([]uint32, n)
	for i := o.count - 1; i >= 0; i-- { // the highest comes first
		o.slots[i] = r.next()
	}
	return o, r.error()
}

// varintReader reads numbers of seven bits a byte, the low ones first, the last
// byte without its high bit (runtime.readvarintUnsafe).
type varintReader struct {
	c   *image.Cursor
	at  image.Addr
	bad bool
}

func (r *varintReader) next() (v uint32) {
	for shift := 0; ; shift += 7 {
		if shift > 28 {
			r.bad = true
			return 0
		}
		b := r.c.Uint8(r.at)
		r.at++
		v |= uint32(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
}

func (r *varintReader) error() error {
	if r.bad {
		return fmt.Errorf("a number before %v has too many bytes", r.at)
	}
	return r.c.Err()
}

// variablesBase returns the address below which a frame's variables lie
// (runtime.stkframe.varp): under the return address and the saved frame pointer.
// It is false for a frame that its function has not set up yet.
func (p *Process) variablesBase(f Frame) (image.Addr, bool) {
	base := f.FP
	if !p.arch.linkRegister {
		base -= 8
	}
	if base <= f.SP {
		return 0, false
	}
	return base - 8, true
}

// deferTarget is the function behind a deferred closure.
type deferTarget struct {
	name  string
	entry image.Addr // of the closure's own code
	file  string
	line  int
}

var errNoClosure = errors.New("not a closure")

// deferTarget describes the closure at the address: its first word is the entry of its code.
func (p *Process) deferTarget(closure image.Addr) (deferTarget, error) {
	if closure == 0 {
		return deferTarget{}, errNoClosure
	}
	code, err := p.Image.Addr(closure)
	if err != nil {
		return deferTarget{}, err
	}
	if t, ok := p.death.targets[code]; ok {
		return t, nil
	}
	fn, ok := p.Exe.Funcs().Find(p.static(code))
	if !ok || fn.Entry() != p.static(code) {
		return deferTarget{}, errNoClosure
	}
	t := deferTarget{name: fn.Name(), entry: code}
	own := fn.Frames(fn.Entry())
	t.file, t.line = own[len(own)-1].File, own[len(own)-1].Line
	if !isDeferWrapper(fn) {
		// Before 1.20 only the line of the first instruction is known.
		t.line = cmp.Or(fn.StartLine(), t.line)
	} else if within := p.calledBy(fn); within != "" {
		t.name = within
	}
	if p.death.targets == nil {
		p.death.targets = make(map[image.Addr]deferTarget)
	}
	p.death.targets[code] = t
	return t, nil
}
