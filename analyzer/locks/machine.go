package locks

import (
	"slices"

	"postmortem/coreread/image"
)

// machine executes instructions on a state.
type machine struct {
	f      *flow
	s      *state
	replay bool // what is found out is known already
}

// address returns the address of the memory operand.
func (m *machine) address(i *instruction) value {
	t := m.f.values
	if i.base == noReg {
		if i.index != noReg {
			return 0
		}
		return t.of(expression{kind: staticAt, n: i.disp})
	}
	v := m.s.regs[i.base]
	if i.index != noReg {
		v = t.scaled(v, m.s.regs[i.index], int64(i.scale))
	}
	return t.add(v, i.disp)
}

// inFrame returns where in the frame an address lies.
func (m *machine) inFrame(v value) (off int64, ok bool) {
	if e := m.f.values.list[v]; v != 0 && e.kind == frameAt {
		return e.n, true
	}
	return 0, false
}

// step executes an instruction that does not jump; false when control does not
// come to the next.
func (m *machine) step(i *instruction) bool {
	s, t := m.s, m.f.values
	var at value
	if i.memory {
		at = m.address(i)
	}
	if i.memory && i.bytes > 0 {
		m.write(i, at)
	}
	sp := m.f.program.stackPointer
	switch i.op {
	case opMove:
		s.regs[i.dst] = s.regs[i.src]
	case opConst:
		s.regs[i.dst] = t.constant(i.imm)
	case opAddress:
		s.regs[i.dst] = at
	case opAdd:
		s.regs[i.dst] = t.add(s.regs[i.dst], i.imm)
	case opLoad:
		m.load(i, at)
	case opPush:
		s.regs[sp] = t.add(s.regs[sp], -8)
		if off, ok := m.inFrame(s.regs[sp]); ok {
			v := value(0)
			if i.src != noReg {
				v = s.regs[i.src]
			}
			s.store(off, 8, v)
		}
	case opPop:
		if off, ok := m.inFrame(s.regs[sp]); ok && i.dst != noReg {
			s.regs[i.dst] = s.slot(off)
		}
		s.regs[sp] = t.add(s.regs[sp], 8)
	case opTest:
		s.test = s.regs[i.dst]
	case opCompare, opExchange:
		m.atomic(i, at)
	case opSetEqual:
		s.regs[i.dst] = 0
		if a, ok := m.f.fast[s.last.site]; ok && a.try {
			s.regs[i.dst] = t.of(expression{kind: tryResult, n: int64(s.last.site)})
		}
	case opCall:
		return m.call(i, i.target)
	case opCallAt:
		m.callAt(i)
	}
	for r := reg(0); i.overwrites>>r != 0; r++ {
		if i.overwrites&(1<<r) != 0 {
			s.regs[r] = m.define(expression{kind: result, n: int64(i.pc), b: value(r)})
		}
	}
	return true
}

// write forgets or notes what a store to memory changes of the frame.
func (m *machine) write(i *instruction, at value) {
	s, t := m.s, m.f.values
	if off, ok := m.inFrame(at); ok && !i.repeats {
		v := value(0)
		if i.op == opStore {
			v = s.regs[i.src]
		}
		s.store(off, int64(i.bytes), v)
		return
	}
	if i.base == noReg {
		return
	}
	if off, ok := m.inFrame(s.regs[i.base]); ok {
		// Somewhere behind: a table or a run of words.
		n := int64(1) << 40
		if e := t.list[s.regs[rcx]]; i.repeats && e.kind == constant && e.n >= 0 && e.n < 1<<20 {
			n = 8 * e.n
		}
		s.store(off+i.disp, n, 0)
	}
}

func (m *machine) load(i *instruction, at value) {
	s, t := m.s, m.f.values
	if off, ok := m.inFrame(at); ok {
		if v := s.slot(off); v != 0 {
			s.regs[i.dst] = v
			return
		}
	}
	if at == 0 {
		s.regs[i.dst] = m.define(expression{kind: result, n: int64(i.pc), b: value(i.dst)})
		return
	}
	if e := t.list[at]; e.kind == staticAt {
		if word, ok := m.f.program.readOnly(image.Addr(e.n)); ok {
			s.regs[i.dst] = t.of(expression{kind: staticAt, n: int64(word)})
			return
		}
	}
	v := m.define(expression{kind: loaded, a: at, n: int64(i.pc)})
	s.regs[i.dst] = v
	if off, ok := m.inFrame(at); ok {
		s.store(off, 8, v)
	}
}

// define returns the value of a definition that is made now.
func (m *machine) define(e expression) value {
	n := len(m.f.values.list)
	v := m.f.values.of(e)
	if int(v) < n {
		m.s.redefine(m.f.values, v)
		if e.kind == loaded && m.f.values.restsOn(e.a, v) {
			return 0
		}
	}
	return v
}

// atomic deals with what may be the fast path of a lock.
func (m *machine) atomic(i *instruction, at value) {
	s, t := m.s, m.f.values
	last := attempt{site: i.pc, addr: at, op: i.op}
	if i.op == opCompare {
		if t.isConstant(s.regs[i.dst], 0) && t.isConstant(s.regs[i.src], 1) {
			last.by = 1
		} else if !m.replay {
			m.f.noteTry(i.pc)
		}
	} else if e := t.list[s.regs[i.src]]; s.regs[i.src] != 0 && e.kind == constant {
		last.by = int32(e.n)
	}
	s.last = last
	if a, ok := m.f.fast[i.pc]; ok {
		m.apply(a, t.add(at, -a.below), i.pc)
	}
}

// apply does to the state what an action does to the lock at an address.
func (m *machine) apply(a action, at value, site image.Addr) {
	h := holding{addr: at, kind: a.kind, site: site, must: true}
	if a.give {
		m.s.give(m.f.values, h, func(taken image.Addr) { note(m.f.unlocks, taken, site) })
		return
	}
	h.tried = a.try
	h.must = !a.try
	m.s.take(m.f.values, h, func(taken image.Addr) { note(m.f.retakes, taken, site) })
}

// note enters a site that has to do with what was taken at a place.
func note(sites map[image.Addr][]image.Addr, taken, site image.Addr) {
	if !slices.Contains(sites[taken], site) {
		sites[taken] = append(sites[taken], site)
	}
}

// known uses that the last test found 0, or did not.
func (m *machine) known(s *state, zero bool) {
	e := m.f.values.list[s.test]
	if s.test == 0 || e.kind != tryResult {
		return
	}
	site := image.Addr(e.n)
	if zero {
		s.held = slices.DeleteFunc(s.held, func(h holding) bool { return h.tried && h.site == site })
		return
	}
	for i := range s.held {
		if h := &s.held[i]; h.tried && h.site == site {
			h.tried, h.must = false, true
		}
	}
}

// leave notes what the function has done when it returns.
func (m *machine) leave(block int) {
	f := m.f
	if m.replay {
		return
	}
	var out []holding
	for _, h := range m.s.held {
		if h.past || h.kind == method {
			continue
		}
		if h.addr = f.portable(h.addr); h.addr == 0 {
			h.must = false
		}
		out = append(out, h)
	}
	f.exits[block] = out
}

// sumUp joins what is held wherever the function returns.
func (f *flow) sumUp() {
	blocks := make([]int, 0, len(f.exits))
	for b := range f.exits {
		blocks = append(blocks, b)
	}
	slices.Sort(blocks)
	for n, b := range blocks {
		out := f.exits[b]
		for i := range f.effects {
			e := &f.effects[i]
			e.must = e.must && slices.ContainsFunc(out, func(h holding) bool { return h.same(e) && h.must })
		}
		for _, h := range out {
			if !slices.ContainsFunc(f.effects, func(e holding) bool { return h.same(&e) }) && len(f.effects) < maxHoldings {
				h.must = h.must && n == 0
				f.effects = append(f.effects, h)
			}
		}
	}
	f.returns = len(blocks) > 0
}

func (h holding) same(o *holding) bool {
	return h.addr == o.addr && h.kind == o.kind && h.given == o.given
}

// portable returns a value that means something to callers, 0 when it does not.
func (f *flow) portable(v value) value {
	if v == 0 {
		return 0
	}
	switch e := f.values.list[v]; e.kind {
	case onEntry, staticAt:
		return v
	case plus, loaded:
		if f.portable(e.a) != 0 {
			return v
		}
	case scaled:
		if f.portable(e.a) != 0 && f.portable(e.b) != 0 {
			return v
		}
	}
	return 0
}
