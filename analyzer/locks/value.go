package locks

// value is the number of an expression in a function's table; 0 is a value of
// which nothing is known, not even that it equals itself.
type value uint32

// valueKind is how an expression is made.
type valueKind uint8

const (
	constant  valueKind = iota + 1 // n
	onEntry                        // register n as the function was called
	frameAt                        // address n bytes above where the stack pointer was on entry
	staticAt                       // the binary's address n
	loaded                         // memory at a, read by the instruction at n
	plus                           // a + n; a is neither constant, frameAt, staticAt nor plus
	scaled                         // a + b*n
	result                         // register b as the instruction at n left it
	joined                         // what place b holds where block n begins
	tryResult                      // whether the TryLock at n succeeded
)

// expression says how a value comes about. Equal expressions are equal values
// at one moment of one call.
type expression struct {
	kind valueKind
	a, b value
	n    int64
}

// values is the expressions of one function.
type values struct {
	list  []expression // by value; the first is not used
	index map[expression]value
	// within has a bit for each definition that the expression rests on, by hash.
	within []uint64
	// size is how many expressions each one consists of, those in it counted as
	// often as they occur.
	size []uint8
}

// maxValues bounds the expressions of one function, maxSize the parts of one: what
// is longer than a path from a variable to a lock is of no use.
const (
	maxValues = 1 << 17
	maxSize   = 48
)

func newValues() *values {
	return &values{list: make([]expression, 1), index: make(map[expression]value), within: make([]uint64, 1), size: make([]uint8, 1)}
}

func (t *values) of(e expression) value {
	if v, ok := t.index[e]; ok {
		return v
	}
	if len(t.list) >= maxValues {
		return 0
	}
	v := value(len(t.list))
	bits, size := t.within[e.a], 1+t.size[e.a]
	switch e.kind {
	case scaled:
		bits |= t.within[e.b]
		size += t.size[e.b]
	case loaded, result, joined, tryResult:
		bits |= 1 << (uint64(v) * 0x9e3779b97f4a7c15 >> 58)
	}
	if size > maxSize {
		return 0
	}
	t.list, t.within, t.size = append(t.list, e), append(t.within, bits), append(t.size, size)
	t.index[e] = v
	return v
}

func (t *values) constant(n int64) value { return t.of(expression{kind: constant, n: n}) }

// joinedAt returns the value of a place where a block begins.
func (t *values) joinedAt(block, place int64) value {
	return t.of(expression{kind: joined, n: block, b: value(uint32(place))})
}

// isConstant reports whether v is the number, in its low 32 bits.
func (t *values) isConstant(v value, n int32) bool {
	return v != 0 && t.list[v].kind == constant && int32(t.list[v].n) == n
}

// split takes a value apart into one without a fixed distance and the distance.
func (t *values) split(v value) (value, int64) {
	if e := t.list[v]; v != 0 && e.kind == plus {
		return e.a, e.n
	}
	return v, 0
}

// add returns v + n.
func (t *values) add(v value, n int64) value {
	if v == 0 || n == 0 {
		return v
	}
	switch e := t.list[v]; e.kind {
	case constant, frameAt, staticAt:
		e.n += n
		return t.of(e)
	case plus:
		if e.n+n == 0 {
			return e.a
		}
		e.n += n
		return t.of(e)
	}
	return t.of(expression{kind: plus, a: v, n: n})
}

func (t *values) scaled(v, index value, scale int64) value {
	if v == 0 || index == 0 {
		return 0
	}
	if e := t.list[index]; e.kind == constant {
		return t.add(v, e.n*scale)
	}
	base, n := t.split(v)
	index, m := t.split(index)
	if scale == 1 && base > index {
		base, index = index, base
	}
	return t.add(t.of(expression{kind: scaled, a: base, b: index, n: scale}), n+m*scale)
}

// restsOn reports whether v comes about by way of definition d.
func (t *values) restsOn(v, d value) bool {
	if v == 0 || d == 0 {
		return false
	}
	bit := uint64(1) << (uint64(d) * 0x9e3779b97f4a7c15 >> 58)
	if t.within[v]&bit == 0 {
		return false
	}
	if v == d {
		return true
	}
	e := t.list[v]
	return t.restsOn(e.a, d) || e.kind == scaled && t.restsOn(e.b, d)
}

// alike reports whether two values are equal unless memory that both were read
// from has changed in between.
func (t *values) alike(v, w value) bool {
	if v == w {
		return v != 0
	}
	if v == 0 || w == 0 {
		return false
	}
	a, b := t.list[v], t.list[w]
	if a.kind != b.kind || a.kind != loaded && a.n != b.n {
		return false
	}
	switch a.kind {
	case loaded, plus:
		return t.alike(a.a, b.a)
	case scaled:
		return t.alike(a.a, b.a) && t.alike(a.b, b.b)
	}
	return false
}

// apart reports whether two addresses of locks cannot be equal.
func (t *values) apart(v, w value) bool {
	if v == 0 || w == 0 || v == w {
		return false
	}
	a, m := t.split(v)
	b, n := t.split(w)
	if a == b {
		return m != n
	}
	return t.list[a].kind == staticAt && t.list[b].kind == staticAt && t.list[a].n != t.list[b].n
}

// rename returns v with the value from replaced by to.
func (t *values) rename(v, from, to value) value {
	if v == from {
		return to
	}
	if v == 0 {
		return 0
	}
	e := t.list[v]
	switch e.kind {
	case plus:
		return t.add(t.rename(e.a, from, to), e.n)
	case loaded:
		if a := t.rename(e.a, from, to); a != e.a {
			return t.of(expression{kind: loaded, a: a, n: e.n})
		}
	case scaled:
		a, b := t.rename(e.a, from, to), t.rename(e.b, from, to)
		if a != e.a || b != e.b {
			return t.scaled(a, b, e.n)
		}
	}
	return v
}
