package main

type (
	largePointers struct{ p [5000]*largeLeaf }
	largeLeaf     struct{ n [3]int }
	largeFlat     struct{ b [40000]byte }
	// gcProgram is so large that Go up to 1.23 describes its pointers by a program.
	gcProgram     struct{ p [200000]*gcProgramLeaf }
	gcProgramLeaf struct{ n [5]int }
	globalElem    struct{ n [6]int }
	// below and above are on both sides of 512 bytes, from where on objects have a header since Go 1.22.
	below struct {
		p   *belowLeaf
		pad [60]int
		q   *belowLeaf
	}
	belowLeaf struct{ n [3]int }
	exact512  struct {
		p   *belowLeaf
		pad [63]int
	}
	above struct {
		pad [64]int
		p   *belowLeaf
	}
	// masked is so large that Go 1.24 and later make its mask when it is needed, and so is masked2 with pointers only.
	masked struct {
		pad [2100]int
		p   *maskedLeaf
	}
	maskedLeaf struct{ n [7]int }
	masked2    struct{ p [140]*maskedLeaf }
	// flat4096 has no pointers and no header.
	flat4096 struct{ b [4096]byte }
)

var (
	largePointersAt *largePointers
	largeFlatAt     [3]*largeFlat
	gcProgramAt     *gcProgram
	globalArray     [64]*globalElem
	globalStructs   [10]struct {
		n int
		p *globalElem
	}
	belows    [11]*below
	exacts    [12]*exact512
	aboves    [13]*above
	maskeds   [4]*masked
	masked2s  [6]*masked2
	flat4096s [5]*flat4096
	arrayOf   *[300]globalElem
)

func arrays() {
	largePointersAt = new(largePointers)
	for i := 0; i < 5000; i += 100 {
		largePointersAt.p[i] = new(largeLeaf)
	}
	expect(live, "main.largePointers", 1)
	expect(live, "main.largeLeaf", 50)
	for i := range largeFlatAt {
		largeFlatAt[i] = new(largeFlat)
	}
	expect(live, "main.largeFlat", 3)
	gcProgramAt = new(gcProgram)
	for i := 0; i < 200000; i += 25000 {
		gcProgramAt.p[i] = new(gcProgramLeaf)
	}
	expect(live, "main.gcProgram", 1)
	expect(live, "main.gcProgramLeaf", 8)
	for i := range globalArray {
		globalArray[i] = new(globalElem)
	}
	for i := range globalStructs {
		globalStructs[i].p = new(globalElem)
	}
	expect(live, "main.globalElem", 74)
	arrayOf = new([300]globalElem)
	expect(live, "[300]main.globalElem", 1)
	sizes()
}

func sizes() {
	for i := range belows {
		belows[i] = &below{p: new(belowLeaf), q: new(belowLeaf)}
	}
	for i := range exacts {
		exacts[i] = &exact512{p: new(belowLeaf)}
	}
	for i := range aboves {
		aboves[i] = &above{p: new(belowLeaf)}
	}
	expect(live, "main.below", 11)
	expect(live, "main.exact512", 12)
	expect(live, "main.above", 13)
	expect(live, "main.belowLeaf", 2*11+12+13)
	for i := range maskeds {
		maskeds[i] = &masked{p: new(maskedLeaf)}
	}
	expect(live, "main.masked", 4)
	for i := range masked2s {
		masked2s[i] = new(masked2)
		masked2s[i].p[139] = new(maskedLeaf)
	}
	expect(live, "main.masked2", 6)
	expect(live, "main.maskedLeaf", 10)
	for i := range flat4096s {
		flat4096s[i] = new(flat4096)
	}
	expect(live, "main.flat4096", 5)
}
