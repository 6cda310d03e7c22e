package locks

import (
	"slices"
	"strings"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
)

// callee is what is known of a function that is called.
type callee struct {
	name string
	fn   exe.Func
	ok   bool

	noReturn bool // control does not come back
	recovers bool // it runs deferred calls: runtime.deferreturn
	keeps    bool // it leaves the registers alone
	zeroes   bool // it writes to memory at RDI: duffzero and duffcopy
	moves    bool // memmove and its like: the first argument is where it writes
	action   *action
}

// actions are what the methods of locks do, by the name without its package.
var actions = map[string]action{
	"(*Mutex).Lock":          {kind: Mutex},
	"(*Mutex).TryLock":       {kind: Mutex, try: true},
	"(*Mutex).Unlock":        {kind: Mutex, give: true},
	"(*Mutex).lockSlow":      {kind: Mutex, slow: true},
	"(*Mutex).unlockSlow":    {kind: Mutex, give: true, slow: true},
	"(*RWMutex).Lock":        {kind: RWMutex},
	"(*RWMutex).TryLock":     {kind: RWMutex, try: true},
	"(*RWMutex).Unlock":      {kind: RWMutex, give: true},
	"(*RWMutex).RLock":       {kind: reader},
	"(*RWMutex).TryRLock":    {kind: reader, try: true},
	"(*RWMutex).RUnlock":     {kind: reader, give: true},
	"(*RWMutex).rUnlockSlow": {kind: reader, give: true, slow: true},
	"(*rlocker).Lock":        {kind: reader},
	"(*rlocker).Unlock":      {kind: reader, give: true},
	// The slow path of RLock waits on the semaphore 12 bytes into the lock: until
	// Go 1.19 by the first, since by the second.
	"runtime_SemacquireMutex":    {kind: reader, slow: true, below: 12},
	"runtime_SemacquireRWMutexR": {kind: reader, slow: true, below: 12},
}

// readerCount is where in a sync.RWMutex the readers are counted, in all
// versions: behind its Mutex and two semaphores.
const readerCount = 16

func lockAction(name string) *action {
	method, ok := strings.CutPrefix(name, "internal/sync.")
	if !ok {
		if method, ok = strings.CutPrefix(name, "sync."); !ok {
			return nil
		}
	}
	method = strings.TrimSuffix(method, "-fm")
	if a, ok := actions[method]; ok {
		return &a
	}
	return nil
}

// callee returns what is known of the function that begins at the address.
func (p *program) callee(entry image.Addr) *callee {
	if c, ok := p.callees[entry]; ok {
		return c
	}
	c := &callee{}
	p.callees[entry] = c
	fn, ok := p.funcs.Find(entry)
	if !ok {
		return c
	}
	c.fn, c.name = fn, fn.Name()
	c.ok = fn.Entry() == entry
	switch name := c.name; {
	case name == "runtime.duffzero", name == "runtime.duffcopy":
		c.zeroes = true
	case !strings.HasPrefix(name, "runtime."):
		if c.ok && !strings.HasSuffix(name, "-fm") {
			c.action = lockAction(name)
		}
	case strings.HasPrefix(name, "runtime.gcWriteBarrier"):
		c.keeps = true
	case name == "runtime.deferreturn":
		c.recovers = true
	case name == "runtime.memmove", strings.HasPrefix(name, "runtime.memclr"):
		c.moves = true
	case strings.HasPrefix(name, "runtime.panic"), strings.HasPrefix(name, "runtime.goPanic"), strings.HasPrefix(name, "runtime.morestack"):
		c.noReturn = true
	default:
		switch name {
		case "runtime.gopanic", "runtime.throw", "runtime.fatal", "runtime.fatalthrow", "runtime.block", "runtime.Goexit", "runtime.sigpanic":
			c.noReturn = true
		}
	}
	return c
}

// call executes a call of known code; false when it does not return.
func (m *machine) call(i *instruction, target image.Addr) bool {
	c := m.f.program.callee(target)
	s, t := m.s, m.f.values
	switch {
	case c.noReturn:
		return false
	case c.keeps:
		s.regs[11] = 0
		return true
	case c.zeroes:
		m.zero(target, c)
		return true
	case c.recovers:
		// What it had to give back, its deferred calls have given back.
		s.held = slices.DeleteFunc(s.held, func(h holding) bool { return !h.given && !h.past })
	case c.moves:
		if off, ok := m.inFrame(s.regs[m.f.program.arguments[0]]); ok {
			s.store(off, 1<<40, 0)
		}
	}
	got := value(0)
	switch a := c.action; {
	case a != nil && a.slow:
		m.slow(i, a)
	case a != nil:
		m.apply(*a, s.regs[m.f.program.arguments[0]], i.pc)
		if a.try {
			got = t.of(expression{kind: tryResult, n: int64(i.pc)})
		}
	case c.ok:
		m.effects(i, c)
	}
	if !strings.HasPrefix(c.name, "runtime.") && c.action == nil {
		m.passed()
	}
	m.clobber(i, got)
	return true
}

// passed notes that code has run which may have given back what is held.
func (m *machine) passed() {
	for k := range m.s.held {
		m.s.held[k].calls = true
	}
}

// clobber forgets the registers over a call: none is preserved but the stack
// pointer, the frame pointer and g.
func (m *machine) clobber(i *instruction, got value) {
	s, p := m.s, m.f.program
	for r := range s.regs {
		if !p.preserved[r] {
			s.regs[r] = 0
		}
	}
	s.test = 0
	s.last = attempt{}
	for _, r := range p.arguments {
		s.regs[r] = m.define(expression{kind: result, n: int64(i.pc), b: value(r)})
	}
	if got != 0 {
		s.regs[p.arguments[0]] = got
	}
}

// zero forgets what duffzero or duffcopy overwrite: they are entered somewhere
// in the middle and run to their end.
func (m *machine) zero(target image.Addr, c *callee) {
	if off, ok := m.inFrame(m.s.regs[rdi]); ok {
		m.s.store(off, m.f.program.duffBytes(target, c.fn), 0)
	}
	m.s.regs[rdi], m.s.regs[rsi] = 0, 0
}

// slow learns from the call of a slow path that the atomic instruction before
// was the fast one.
func (m *machine) slow(i *instruction, a *action) {
	s, t := m.s, m.f.values
	lock := t.add(s.regs[m.f.program.arguments[0]], -a.below)
	last := s.last
	if lock == 0 || last.site == 0 {
		return
	}
	fast := *a
	fast.slow, fast.below = false, 0
	if a.kind == reader {
		fast.below = readerCount
	}
	right := last.op == opExchange && last.by == -1
	if !a.give {
		right = a.kind == Mutex && last.op == opCompare && last.by == 1 || a.kind == reader && last.op == opExchange && last.by == 1
	}
	if !right || t.add(last.addr, -fast.below) != lock {
		return
	}
	if _, known := m.f.fast[last.site]; !known && !m.replay {
		m.f.fast[last.site], m.f.news = fast, true
	}
}

// during turns the state before a call into that while the call is under way:
// who is on the slow path of a lock does not have it yet.
func (m *machine) during(i *instruction) {
	c := m.f.program.callee(i.target)
	if c.action == nil || !c.action.slow || c.action.give {
		return
	}
	site := m.s.last.site
	m.s.held = slices.DeleteFunc(m.s.held, func(h holding) bool { return h.site == site && !h.given && !h.past })
}

// effects does what a function of the program does to locks by the time it returns.
func (m *machine) effects(i *instruction, c *callee) {
	for _, e := range m.f.program.effects(c, m.f.depth-1) {
		m.effect(i, e)
	}
}

func (m *machine) effect(i *instruction, e foreign) {
	s, t := m.s, m.f.values
	h := holding{addr: m.translate(i, e.flow, e.addr), kind: e.kind, site: i.pc, must: e.must}
	if e.given {
		s.give(t, h, func(taken image.Addr) {
			if h.must {
				note(m.f.unlocks, taken, i.pc)
			}
		})
		return
	}
	h.calls = true
	s.take(t, h, func(taken image.Addr) { note(m.f.retakes, taken, i.pc) })
}

// translate returns what a value of a called function's is in the caller.
func (m *machine) translate(i *instruction, from *flow, v value) value {
	if v == 0 {
		return 0
	}
	t := m.f.values
	switch e := from.values.list[v]; e.kind {
	case staticAt:
		return t.of(e)
	case onEntry:
		return m.s.regs[e.n]
	case plus:
		return t.add(m.translate(i, from, e.a), e.n)
	case scaled:
		return t.scaled(m.translate(i, from, e.a), m.translate(i, from, e.b), e.n)
	case loaded:
		at := m.translate(i, from, e.a)
		if off, ok := m.inFrame(at); ok {
			return m.s.slot(off)
		}
		if at == 0 {
			return 0
		}
		return t.of(expression{kind: loaded, a: at, n: int64(i.pc)})
	}
	return 0
}

// callAt executes a call of code that may not be known.
func (m *machine) callAt(i *instruction) {
	s, t := m.s, m.f.values
	v := value(0)
	if i.dst != noReg {
		v = s.regs[i.dst]
	} else if i.memory {
		at := m.address(i)
		if off, ok := m.inFrame(at); ok {
			v = s.slot(off)
		} else if at != 0 {
			v = m.define(expression{kind: loaded, a: at, n: int64(i.pc)})
		}
	}
	if e := t.list[v]; v != 0 && e.kind == staticAt && m.f.program.callee(image.Addr(e.n)).ok {
		m.call(i, image.Addr(e.n))
		return
	}
	m.passed()
	if f := m.f; !m.replay && v != 0 && len(f.indirect) < maxIndirect {
		call := indirectCall{target: v, regs: map[reg]value{f.program.context: s.regs[f.program.context]}}
		for _, r := range f.program.arguments {
			call.regs[r] = s.regs[r]
		}
		f.indirect = append(f.indirect, call)
	}
	h := holding{kind: method, addr: s.regs[m.f.program.arguments[0]], target: v, site: i.pc, must: true}
	if e := t.list[v]; v != 0 && e.kind == loaded {
		if e.a == s.regs[m.f.program.context] {
			h.addr, h.value = e.a, true
		}
		if h.addr != 0 {
			s.called(t, h)
		}
	}
	m.clobber(i, 0)
}
