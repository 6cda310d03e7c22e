package main

import "unsafe"

type (
	chanPointer  struct{ n [3]int }
	chanInside   struct{ n [2]int }
	chanFlat     struct{ a, b uint32 }
	chanCarried  struct{ to *chanInside }
	efacePointer struct{ n [4]int }
	efaceValue   struct{ a, b, c int }
	ifacePointer struct{ n [6]int }
	ifaceValue   struct {
		name string
		leaf *ifaceLeaf
	}
	ifaceLeaf struct{ n [11]int }
	namer     interface{ nameOf() string }
)

func (p *ifacePointer) nameOf() string { return "pointer" }
func (v ifaceValue) nameOf() string    { return v.name }

var (
	pointerChannel chan *chanPointer
	structChannel  chan chanCarried
	flatChannel    chan chanFlat
	efaces         [60]interface{}
	ifaces         [50]namer
)

func channels() {
	pointerChannel = make(chan *chanPointer, 16)
	for i := 0; i < 20; i++ { // so that what is sent last lies at the start of the buffer
		if i >= 12 {
			<-pointerChannel
		}
		pointerChannel <- new(chanPointer)
	}
	expect(live, "main.chanPointer", 12)
	expect(garbage, "main.chanPointer", 8)
	expect(live, "chan *main.chanPointer", 1)
	expect(live, "chan *main.chanPointer buffer", 1)

	structChannel = make(chan chanCarried, 8)
	for i := 0; i < 8; i++ {
		structChannel <- chanCarried{new(chanInside)}
	}
	expect(live, "main.chanInside", 8)
	expect(live, "chan main.chanCarried", 1)
	expect(live, "chan main.chanCarried buffer", 1)

	flatChannel = make(chan chanFlat, 100) // its buffer is in the channel's own object
	flatChannel <- chanFlat{1, 2}
	expect(live, "chan main.chanFlat", 1)
}

func interfaces() {
	for i := range efaces {
		if i%2 == 0 {
			efaces[i] = new(efacePointer)
		} else {
			efaces[i] = efaceValue{i, i, i}
		}
	}
	expect(live, "main.efacePointer", 30)
	expect(live, "main.efaceValue", 30)
	for i := range ifaces {
		if i%2 == 0 {
			ifaces[i] = new(ifacePointer)
		} else {
			ifaces[i] = ifaceValue{"value", new(ifaceLeaf)}
		}
	}
	expect(live, "main.ifacePointer", 25)
	expect(live, "main.ifaceValue", 25)
	expect(live, "main.ifaceLeaf", 25)
}

type (
	closedByValue struct{ n [3]int }
	closedByRef   struct{ n [4]int }
	receiver      struct{ n [5]int }
)

func (r *receiver) call() int { return r.n[0] }

var (
	byValue  [12]func() int
	byRef    [9]func() *closedByRef
	bound    [7]func() int
	nested   [5]func() int
	deferred func()
)

func closures() {
	for i := range byValue {
		byValue[i] = closeOverValue(i, new(closedByValue))
	}
	expect(live, "func main.closeOverValue.func1", 12)
	expect(live, "main.closedByValue", 12)
	for i := range byRef {
		byRef[i] = closeOverVariable()
	}
	expect(live, "func main.closeOverVariable.func1", 9)
	expect(live, "*main.closedByRef", 9) // the variable itself
	expect(live, "main.closedByRef", 9)
	for i := range bound {
		bound[i] = bind(new(receiver))
	}
	expect(live, "func main.(*receiver).call-fm", 7)
	expect(live, "main.receiver", 7)
	for i := range nested {
		nested[i] = closeOverClosure(i)
	}
	expect(live, "func main.closeOverClosure.func1", 5)
	expect(live, "func main.closeOverClosure.func2", 5)
}

//go:noinline
func closeOverValue(i int, v *closedByValue) func() int {
	return func() int { return v.n[0] + i }
}

//go:noinline
func closeOverVariable() func() *closedByRef {
	v := new(closedByRef)
	f := func() *closedByRef {
		if v.n[0]++; v.n[0] > 9 {
			v = new(closedByRef)
		}
		return v
	}
	return f
}

//go:noinline
func bind(r *receiver) func() int { return r.call }

//go:noinline
func closeOverClosure(i int) func() int {
	inner := func() int { return i }
	return func() int { return call(inner) }
}

//go:noinline
func call(f func() int) int { return f() }

type (
	sliceElem    struct{ a, b *sliceLeaf }
	sliceLeaf    struct{ n [2]int }
	spareElem    struct{ p *spareLeaf }
	spareLeaf    struct{ n [6]int }
	flatElem     struct{ a, b, c uint16 }
	behindUnsafe struct{ n [8]int }
	interior     struct {
		before [4]int
		field  int
		after  [8]int
	}
	cut      struct{ p *cutLeaf }
	cutLeaf  struct{ n [9]int }
	outer    struct{ *embedded }
	embedded struct {
		deeper
		n [4]int
	}
	deeper    struct{ *innermost }
	innermost struct{ n [12]int }
	tiny      struct{ a, b byte }
	repeated  string
)

var (
	elems      []sliceElem
	pointers2  [][]*sliceLeaf
	spare      []spareElem
	flats      []flatElem
	tail       []cut
	unsafely   [20]unsafe.Pointer
	insides    [30]*int
	outers     []outer
	tinies     [64]*tiny
	duplicates []repeated
)

func slices() {
	elems = make([]sliceElem, 33)
	for i := range elems {
		elems[i].a, elems[i].b = new(sliceLeaf), new(sliceLeaf)
	}
	expect(live, "[n]main.sliceElem", 1)
	pointers2 = make([][]*sliceLeaf, 6)
	for i := range pointers2 {
		pointers2[i] = make([]*sliceLeaf, 4)
		pointers2[i][i%4] = new(sliceLeaf)
	}
	expect(live, "[n][]*main.sliceLeaf", 1)
	expect(live, "[n]*main.sliceLeaf", 6)
	expect(live, "main.sliceLeaf", 2*33+6)
	spare = make([]spareElem, 3, 900)
	for i := range spare {
		spare[i].p = new(spareLeaf)
	}
	expect(live, "[n]main.spareElem", 1)
	expect(live, "main.spareLeaf", 3)
	flats = make([]flatElem, 50)
	expect(live, "[n]main.flatElem", 1)
	whole := make([]cut, 40)
	for i := range whole {
		whole[i].p = new(cutLeaf)
	}
	tail = whole[30:35] // the others stay alive all the same
	expect(live, "main.cutLeaf", 40)
	expect(live, "[n]main.cut", 1)
	for i := 0; i < 100; i++ {
		duplicates = append(duplicates, repeated(append([]byte("a string that is there "), "often"...)))
	}
	expect(copies, "a string that is there often", 100)
	expect(live, "[n]main.repeated", 1)
}

func pointers() {
	for i := range unsafely {
		unsafely[i] = unsafe.Pointer(new(behindUnsafe))
	}
	expect(loose, "main.behindUnsafe", 20)
	for i := range insides {
		insides[i] = &new(interior).field
	}
	expect(loose, "main.interior", 30)
	outers = make([]outer, 14)
	for i := range outers {
		outers[i].embedded = new(embedded)
		outers[i].innermost = new(innermost)
	}
	expect(live, "[n]main.outer", 1)
	expect(live, "main.embedded", 14)
	expect(live, "main.innermost", 14)
	for i := range tinies {
		tinies[i] = new(tiny)
	}
}
