package locks

import (
	"slices"
	"sort"
	"strings"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
)

// flow is the code of one function and what is known where its blocks begin.
type flow struct {
	program *program
	fn      exe.Func
	entry   image.Addr
	end     image.Addr
	code    []instruction
	values  *values
	frame   frameShape

	starts []int // first instruction of each block
	in     []*state
	visits []int
	work   int               // done so far
	ways   []map[int]*state  // by block: what each way that leads there brings
	exits  map[int][]holding // by block: what is held where the function returns
	news   bool              // this round has found out something that matters from the start on

	// fast are the atomic instructions that are the fast path of a lock.
	fast map[image.Addr]action
	// unlocks are the places that give back what was taken at a place.
	unlocks map[image.Addr][]image.Addr
	// retakes are the places that take what was taken at a place once more.
	retakes map[image.Addr][]image.Addr
	effects []holding // when it returns, addresses in terms of its entry
	returns bool
	// indirect are the calls of code that the function alone does not tell.
	indirect []indirectCall
	depth    int  // calls below that are looked into
	lost     bool // the analysis was given up: nothing is known
}

// indirectCall is a call through an address.
type indirectCall struct {
	target value
	regs   map[reg]value
}

// maxIndirect bounds the calls through addresses that are kept: wrappers have one.
const maxIndirect = 4

// action is what a piece of code does to a lock.
type action struct {
	kind  Kind
	give  bool
	try   bool
	slow  bool  // the slow path: it takes the lock that the fast path did not get
	below int64 // how far above the lock's address the operand lies
}

// Bounds of the analysis: the instructions of a function, and how often a block is
// gone through until its state settles.
const (
	maxInstructions = 1 << 16
	maxVisits       = 40
	// maxWork bounds the instructions and joins of one function that are gone
	// through, however often.
	maxWork = 1 << 21
)

// maxRounds bounds how often a function is gone through from the start.
const maxRounds = 8

// analyse follows the values and locks through the function's code. Each round
// knows the fast paths that the one before has found by the slow ones behind them.
func (f *flow) analyse(depth int) {
	f.depth = depth
	f.split()
	for range maxRounds {
		f.in, f.visits = make([]*state, len(f.starts)), make([]int, len(f.starts))
		f.ways = make([]map[int]*state, len(f.starts))
		f.unlocks, f.retakes = make(map[image.Addr][]image.Addr), make(map[image.Addr][]image.Addr)
		f.effects, f.indirect, f.returns = nil, nil, false
		f.exits = make(map[int][]holding)
		f.news = false
		f.run()
		if f.lost || !f.news {
			f.sumUp()
			return
		}
	}
	f.lost = true
}

// split finds where blocks begin.
func (f *flow) split() {
	starts := map[int]bool{0: true}
	for n := range f.code {
		i := &f.code[n]
		if i.op == opJump || i.op == opBranch {
			if at := f.at(i.target); at >= 0 {
				starts[at] = true
			}
		}
		if (i.op == opBranch || i.ends()) && n+1 < len(f.code) {
			starts[n+1] = true
		}
		if i.op == opJumpAt {
			for _, target := range f.table(n) {
				starts[f.at(target)] = true
			}
		}
	}
	f.starts = f.starts[:0]
	for n := range starts {
		f.starts = append(f.starts, n)
	}
	sort.Ints(f.starts)
}

// at returns the number of the instruction at the address, -1 for none.
func (f *flow) at(pc image.Addr) int {
	n := sort.Search(len(f.code), func(n int) bool { return f.code[n].pc >= pc })
	if n == len(f.code) || f.code[n].pc != pc {
		return -1
	}
	return n
}

func (f *flow) block(n int) int {
	return sort.Search(len(f.starts), func(b int) bool { return f.starts[b] > n }) - 1
}

// maxTable bounds a table of jumps.
const maxTable = 1 << 10

// table returns where the jump number n may go: by a table of addresses whose own
// is taken just before.
func (f *flow) table(n int) (targets []image.Addr) {
	for k := n - 1; k >= 0 && k > n-8; k-- {
		i := &f.code[k]
		if i.op != opAddress || !i.memory || i.base != noReg || i.index != noReg {
			continue
		}
		c := f.program.image.Cursor()
		for at := image.Addr(i.disp); len(targets) < maxTable; at += 8 {
			target := c.Addr(at)
			if c.Err() != nil || target < f.entry || target >= f.end || f.at(target) < 0 {
				break
			}
			targets = append(targets, target)
		}
		return targets
	}
	return nil
}

func (f *flow) run() {
	first := &state{}
	for r := range first.regs {
		first.regs[r] = f.values.of(expression{kind: onEntry, n: int64(r)})
	}
	first.regs[f.program.stackPointer] = f.values.of(expression{kind: frameAt})
	f.in[0] = first
	work := []int{0}
	for len(work) > 0 {
		slices.Sort(work)
		b := work[0]
		work = work[1:]
		if f.visits[b]++; f.visits[b] > maxVisits || f.work > maxWork {
			f.lost = true
			return
		}
		way := 0
		f.through(b, func(to int, s *state) {
			to, s = f.thread(to, s)
			if f.enter(b<<waysBits+way, to, s) && !slices.Contains(work, to) {
				work = append(work, to)
			}
			way++
		})
	}
}

// waysBits is enough for all ways out of one block.
const waysBits = 12

// maxThread bounds the branches that one way takes at once.
const maxThread = 4

// thread follows branches whose outcome is known on the way that leads there: a
// bool that is stored on two ways and tested where they meet.
func (f *flow) thread(to int, s *state) (int, *state) {
	for range maxThread {
		n := f.starts[to]
		if n+1 >= len(f.code) || f.code[n].op != opTest || f.code[n+1].op != opBranch || f.code[n+1].imm != 0 {
			break
		}
		e := f.values.list[s.regs[f.code[n].dst]]
		if s.regs[f.code[n].dst] == 0 || e.kind != constant {
			break
		}
		next := n + 2
		if (e.n&0xff == 0) == f.code[n+1].ifZero {
			next = f.at(f.code[n+1].target)
		}
		if next < 0 || next >= len(f.code) || f.starts[f.block(next)] != next {
			break
		}
		s = s.copy()
		s.test = s.regs[f.code[n].dst]
		to = f.block(next)
	}
	return to, s
}

// enter takes in the state at the end of a way that leads to a block, in place of
// what the way had brought before; false when the block's own does not change.
func (f *flow) enter(way, to int, s *state) bool {
	if f.ways[to] == nil {
		f.ways[to] = make(map[int]*state)
	}
	f.ways[to][way] = s.copy()
	ways := make([]int, 0, len(f.ways[to]))
	for w := range f.ways[to] {
		ways = append(ways, w)
	}
	slices.Sort(ways)
	f.work += 64 * len(ways)
	in := f.ways[to][ways[0]].copy()
	if len(ways) > 1 {
		in.first = make(map[int64]value)
	}
	for _, w := range ways[1:] {
		in.join(f.values, int64(to), f.ways[to][w])
	}
	if f.in[to] != nil && f.in[to].equal(in) {
		return false
	}
	f.in[to] = in
	return true
}

// through runs a block, and calls next for each way out of it.
func (f *flow) through(b int, next func(to int, s *state)) {
	s := f.in[b].copy()
	m := machine{f: f, s: s}
	end := len(f.code)
	if b+1 < len(f.starts) {
		end = f.starts[b+1]
	}
	f.work += 16 + end - f.starts[b]
	for n := f.starts[b]; n < end; n++ {
		i := &f.code[n]
		switch i.op {
		case opJump:
			if at := f.at(i.target); at >= 0 {
				next(f.block(at), s)
			} else {
				m.call(i, i.target) // a call that does not come back here
				m.leave(b)
			}
			return
		case opJumpAt:
			for _, target := range f.table(n) {
				next(f.block(f.at(target)), s.copy())
			}
			return
		case opBranch:
			taken := s.copy()
			if i.imm == 0 {
				m.known(taken, i.ifZero)
				m.known(s, !i.ifZero)
			}
			if at := f.at(i.target); at >= 0 {
				next(f.block(at), taken)
			}
			if n+1 < len(f.code) {
				next(f.block(n+1), s)
			}
			return
		case opReturn:
			m.leave(b)
			return
		case opTrap:
			return
		}
		if !m.step(i) {
			return
		}
	}
	if end < len(f.code) {
		next(b+1, s)
	}
}

// view is what is known of a frame that stands at one place of the function.
type view struct {
	flow *flow
	state
	at int // instruction: the call under way, or the one to come
}

// view returns what is known where a frame stands: at the call that returns to pc,
// or when exact before the instruction there. It is nil when nothing is.
func (f *flow) view(pc image.Addr, exact bool) *view {
	if f.lost {
		return nil
	}
	n := f.at(pc)
	if !exact {
		n = sort.Search(len(f.code), func(n int) bool { return f.code[n].pc >= pc }) - 1
		if n < 0 || f.code[n].next != pc || f.code[n].op != opCall && f.code[n].op != opCallAt {
			return nil
		}
	}
	if n < 0 {
		return nil
	}
	b := f.block(n)
	if f.in[b] == nil {
		return nil
	}
	m := machine{f: f, s: f.in[b].copy(), replay: true}
	for k := f.starts[b]; k < n; k++ {
		if !m.step(&f.code[k]) {
			return nil
		}
	}
	if i := &f.code[n]; !exact && i.op == opCall {
		m.during(i)
	}
	return &view{flow: f, state: *m.s, at: n}
}

// givesBack reports whether every way from behind an instruction on, that comes to
// an end, gives back what was taken at a place, and one place where it does.
func (f *flow) givesBack(n int, taken image.Addr) (where image.Addr, always bool) {
	sites := f.unlocks[taken]
	if len(sites) == 0 {
		return 0, false
	}
	always = true
	f.each(n+1, func(i *instruction) bool {
		if slices.Contains(sites, i.pc) {
			if where == 0 || i.pc < where {
				where = i.pc
			}
			return false
		}
		switch i.op {
		case opReturn:
			always = false
		case opJump:
			always = always && f.at(i.target) >= 0
		case opJumpAt:
			always = always && len(f.table(f.at(i.pc))) > 0
		case opCall:
			return !f.program.callee(i.target).recovers
		}
		return true
	})
	return where, always
}

// takesAgain reports whether a way from behind an instruction on takes what was
// taken at a place once more before it gives it back.
func (f *flow) takesAgain(n int, taken image.Addr) bool {
	again, sites := f.retakes[taken], f.unlocks[taken]
	found := false
	if len(again) > 0 {
		f.each(n+1, func(i *instruction) bool {
			found = found || slices.Contains(again, i.pc)
			return !found && !slices.Contains(sites, i.pc)
		})
	}
	return found
}

// takesLater reports whether the function comes to take a lock of a kind after an
// instruction.
func (f *flow) takesLater(n int, kind Kind) bool {
	found := false
	f.each(n+1, func(i *instruction) bool {
		a, ok := f.fast[i.pc]
		if c := f.program.callee(i.target); i.op == opCall && c.action != nil && !c.action.slow {
			a, ok = *c.action, true
		}
		found = found || ok && !a.give && a.kind == kind
		return !found
	})
	return found
}

// each visits the instructions that may run from number n on, each once; where
// visit returns false it does not go on behind.
func (f *flow) each(n int, visit func(*instruction) bool) {
	seen := make(map[int]bool)
	work := []int{n}
	for len(work) > 0 {
		n := work[len(work)-1]
		work = work[:len(work)-1]
		for ; n >= 0 && n < len(f.code) && !seen[n]; n++ {
			seen[n] = true
			i := &f.code[n]
			if !visit(i) || i.op == opCall && f.program.callee(i.target).noReturn {
				break
			}
			if i.op == opJump || i.op == opBranch {
				work = append(work, f.at(i.target))
			}
			if i.op == opJumpAt {
				for _, target := range f.table(n) {
					work = append(work, f.at(target))
				}
			}
			if i.ends() {
				break
			}
		}
	}
}

// handsOut reports whether the function makes a function value, other than those
// that except tells of, that gives back a lock: whom it calls or starts may do so.
func (f *flow) handsOut(except func(entry image.Addr) bool) bool {
	var made []*flow
	starts := false
	for n := range f.code {
		i := &f.code[n]
		starts = starts || i.op == opCall && f.program.callee(i.target).name == "runtime.newproc"
		if i.op != opAddress || i.base != noReg || i.index != noReg {
			continue
		}
		entry := image.Addr(i.disp)
		if code, ok := f.program.readOnly(entry); ok {
			entry = code
		}
		if !f.program.funcs.Range().Contains(entry) || except(entry) {
			continue
		}
		for _, e := range f.program.effects(f.program.callee(entry), f.depth-1) {
			if e.given {
				made = append(made, e.flow)
			}
		}
	}
	return slices.ContainsFunc(made, func(m *flow) bool {
		// The compiler makes wrappers for defer and go statements: f.deferwrap1 and
		// f.gowrap1 since Go 1.21 and 1.22, f.func1 before.
		name := m.fn.Name()
		switch {
		case strings.Contains(name, ".deferwrap"):
			return false
		case m.fn.IsWrapper() && !strings.HasSuffix(name, "-fm"):
			return starts
		}
		return true
	})
}
