package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand"
	"os"
)

type (
	text      string
	flag      bool
	complex8  complex64
	complex16 complex128
	float4    float32
	small     int8
	big       uint64
	word      uintptr
	point     struct{ X, Y int }
	said      struct{ n int }
	failure   struct{ what string }
	faulty    struct{}
)

func (said) String() string      { return "what String says\nin two lines" }
func (f *failure) Error() string { return f.what }
func (faulty) Error() string     { panic("from Error") }

// values are values of every kind; it prints their types.
func values() []any {
	vals := []any{
		1, int8(-8), int16(-16), int32(-32), int64(math.MinInt64),
		uint(1), uint8(8), uint16(16), uint32(32), uint64(math.MaxUint64), uintptr(0xdead),
		float32(1.5), 1.5, complex64(complex(1, -2)), complex(0.1, math.Inf(-1)), true, false,
		"", "two\nlines", "a tab\t and \x01\xff bytes",
		text("named\ntext"), flag(true), complex8(complex(1, -1)), complex16(complex(0.1, 2)), float4(0.1), small(-3), big(3), word(0xff),
		point{1, 2}, &point{3, 4}, []string{"x"}, map[int]int{1: 1}, make(chan int), func() {}, struct{}{}, [2]int{1, 2},
		said{1}, &said{2}, errors.New("an error"), fmt.Errorf("outer: %w", errors.New("inner")), &failure{"a failure"},
		struct{ error }{errors.New("embedded")}, os.ErrNotExist,
	}
	for _, v := range vals {
		fmt.Printf("%T\n", v)
	}
	return vals
}

var nought = 0

// faults are the values with which the runtime panics; it prints their types.
func faults() []any {
	n, m := nought, nought-1
	s, text, array := make([]int, 3, 5), "hello", [8]int{}
	var vals []any
	for _, f := range []func(){
		func() { _ = s[7+n] },
		func() { _ = s[m] },
		func() { _ = s[uint64(1)<<63+uint64(n)] },
		func() { _ = s[:9+n] },
		func() { _ = s[:m] },
		func() { _ = text[:9+n] },
		func() { _ = text[:m] },
		func() { _ = text[4+n : 2+n] },
		func() { _ = s[4+n : 2+n] },
		func() { _ = s[m:] },
		func() { _ = s[: 2+n : 9+n] },
		func() { _ = s[: 2+n : m] },
		func() { _ = s[: 4+n : 3+n] },
		func() { _ = s[: m : 3+n] },
		func() { _ = s[3+n : 2+n : 4+n] },
		func() { _ = s[m : 2+n : 4+n] },
		func() { _ = array[: 9+n : 9+n] },
		func() { _ = (*[4]int)(s) },
		func() { var v any = 3; _ = v.(string) },
		func() { var v any; _ = v.(string) },
		func() { var v any = point{}; _ = v.(fmt.Stringer) },
		func() { var v fmt.Stringer = said{}; _ = v.(error) },
		func() { var v fmt.Stringer; _ = v.(error) },
		func() { _ = 1 / n },
		func() { _ = 1 << m },
		func() { _ = make([]int, m) },
		func() { var c chan int; close(c) },
		func() { c := make(chan int); close(c); close(c) },
		func() { c := make(chan int); close(c); c <- 1 },
		func() { var m map[string]int; m["a"] = 1 },
		func() { _ = map[any]int{}[[]int{1}] },
		func() { var p *point; p.X = 1 },
		func() { var e error; _ = e.Error() },
		func() { var p *said; _ = fmt.Stringer(p).String() },
	} {
		v := attempt(f)
		fmt.Printf("%T\n", v)
		vals = append(vals, v)
	}
	return vals
}

// floats are numbers with any bits.
func floats() []any {
	vals := []any{0.0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64,
		9.9999999, 9.9999995, 0.99999999, 1e100, 1e-100, 123456.789, float32(0.1), float32(math.MaxFloat32), complex(math.NaN(), -0.5)}
	rng := rand.New(rand.NewSource(1))
	for i := 0; i < 100; i++ {
		vals = append(vals, math.Float64frombits(rng.Uint64()), rng.NormFloat64(), math.Float32frombits(rng.Uint32()))
	}
	return vals
}
