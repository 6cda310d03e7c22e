// Command crash dies below functions whose arguments and locals are known; the test that reads its core holds the
// same values. Its argument is how it dies: "panic", "fault" (a nil pointer) or "wait" (it goes to sleep, and is
// killed from outside).
package main

import (
	"context"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

type point struct{ X, Y int32 }

type state uint8

const (
	idle state = iota
	busy
	broken
)

type node struct {
	Name string
	Next *node
}

type shape interface{ area() float64 }

type square struct{ Side float64 }

func (s square) area() float64 { return s.Side * s.Side }

type circle struct{ R float64 }

func (c *circle) area() float64 { return c.R }

type deep struct {
	Level int
	A     struct{ B struct{ C struct{ D int } } }
}

type wide struct {
	F00, F01, F02, F03, F04, F05, F06, F07, F08, F09 int
	F10, F11, F12, F13, F14, F15, F16, F17, F18, F19 int
	F20, F21, F22, F23, F24, F25, F26, F27, F28, F29 int
	F30, F31, F32, F33, F34, F35, F36, F37, F38, F39 int
}

// padded is taken apart by the optimiser into words with a hole between them.
type padded struct {
	Small byte
	Large int64
}

type server struct {
	Addr  string
	Limit int
	conns map[string]*point
	since time.Time
}

var (
	sink any
	one  = 1 // not a constant to the compiler
)

//go:noinline
func use(v ...any) {
	if len(v) > 100 {
		sink = v
	}
}

//go:noinline
func opaque[T any](v T) T { return v }

// die is the innermost frame: its arguments come in registers, which what it calls overwrites.
//
//go:noinline
func die(code int, why string, how string) {
	note := "dying of " + why
	use(note)
	switch how {
	case "panic":
		if code > 0 {
			panic(why + " " + strconv.Itoa(code))
		}
	case "fault":
		var p *point
		p = opaque(p)
		p.Y = int32(code)
	case "wait":
		time.Sleep(time.Duration(code) * time.Hour)
	}
	use(note, code, why, how)
}

//go:noinline
func scalars(i int, i8 int8, u16 uint16, f32 float32, f64 float64, b bool, r rune, how string) {
	c := opaque(complex(1, -2))
	word := opaque(uintptr(0x1234))
	d := opaque(1500 * time.Millisecond)
	s := opaque(broken)
	when := opaque(time.Date(2026, time.January, 2, 3, 4, 5, 600, time.UTC))
	empty := opaque("")
	text := opaque("tab\there, bell \a, \u202eright to left, invalid \xff")
	long := longText()
	pad := opaque(padded{1, 2})
	die(i, "scalars", how)
	use(i, i8, u16, f32, f64, b, r, c, word, d, s, when, empty, text, long, pad)
}

//go:noinline
func longText() string {
	b := make([]byte, 1000)
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return string(b)
}

//go:noinline
func fill(grid *[64]int) {
	for i := range grid {
		grid[i] = 64 - i
	}
}

//go:noinline
func composites(pt point, pp *point, nilp *point, sl []int, nilsl []string, arr [3]uint8, raw []byte, how string) {
	big := make([]int, 1000, 2000)
	for i := range big {
		big[i] = i
	}
	ring := &node{Name: "a"}
	ring.Next = &node{Name: "b", Next: ring}
	chain := &node{Name: "1", Next: &node{Name: "2", Next: &node{Name: "3", Next: &node{Name: "4"}}}}
	var d deep
	d.Level = one
	d.A.B.C.D = 4
	var w wide
	w.F39 = 39
	points := opaque([]point{{1, 2}, {3, 4}})
	cut := points[:one]
	var grid [64]int // on the stack, whole
	fill(&grid)
	folded := []point{{1, 2}} // its length and capacity are constants to the compiler
	scalars(42, -8, 65535, 1.1, 2.5, true, 'é', how)
	use(pt, pp, nilp, sl, nilsl, arr, raw, big, ring, chain, d, w, points, cut, folded, grid[one], &big, &w, &d)
}

//go:noinline
func references(m map[string]int, nilm map[int]bool, e error, nile error, any1 any, sq shape, ci shape, how string) {
	numbers := map[int]string{10: "ten", 9: "nine", -1: "minus one"}
	large := map[int]int{}
	for i := range 500 {
		large[i] = i * i
	}
	structs := map[point]*point{{1, 2}: {3, 4}}
	var typednil shape = opaque((*circle)(nil))
	ch := make(chan int, 3)
	ch <- 1
	ch <- 2
	closed := make(chan string)
	close(closed)
	nilch := opaque((chan error)(nil))
	captured := 7
	f := func(n int) int { captured += n; return captured }
	fn := opaque(longText)
	nilfn := opaque((func())(nil))
	ptr := unsafe.Pointer(&captured)
	ctx := context.WithValue(context.Background(), point{1, 1}, "v")
	composites(point{-1, 2}, &point{5, 6}, nil, []int{1, 2, 3}, nil, [3]uint8{7, 8, 9}, []byte("GET / HTTP/1.1\r\n"), how)
	use(m, nilm, e, nile, any1, sq, ci, numbers, large, structs, typednil, ch, closed, nilch, f, fn, nilfn, ptr, ctx)
}

//go:noinline
func generic[T any, K comparable](v T, k K, list []T, how string) (result int) {
	local := v
	result = opaque(5)
	references(map[string]int{"b": 2, "a": 1}, nil, errors.New("bad \n news"), nil, 3.5, square{2}, &circle{3}, how)
	use(v, k, list, local, result)
	return result
}

//go:noinline
func (s *server) serve(n int, how string) {
	err := errors.New("outer")
	if n > 0 {
		err := opaque(error(errors.New("inner")))
		generic(&point{8, 9}, "key", []*point{{1, 1}}, how)
		use(err)
	}
	use(err, s, n)
}

// inlined is small enough for its caller.
func inlined(s *server, weight int, how string) {
	half := weight / 2
	s.serve(half, how)
}

func main() {
	if len(os.Args) != 2 {
		os.Exit(64)
	}
	s := &server{Addr: "localhost:80", Limit: 3, conns: map[string]*point{"x": {1, 2}},
		since: time.Date(2026, time.January, 2, 3, 4, 5, 600, time.UTC)}
	weight := 100 * one
	mapped := opaque(mappedFile("mapped data"))
	inlined(s, weight, os.Args[1])
	use(s, weight, mapped)
}

// mappedFile returns the content of a file that is mapped and never written: a kernel does not dump it.
func mappedFile(content string) []byte {
	f, err := os.CreateTemp("", "mapped")
	if err != nil {
		panic(err)
	}
	defer os.Remove(f.Name())
	if _, err := f.WriteString(content); err != nil {
		panic(err)
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, len(content), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	return data
}
