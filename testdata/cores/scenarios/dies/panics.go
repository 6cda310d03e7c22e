package main

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"unsafe"

	"example.com/scenarios/truth"
)

type code int

type celsius float64

type point struct {
	X, Y int
	Name string
}

type state struct{ step int }

func (s state) String() string { return fmt.Sprintf("state %d\nof the machine", s.step) }

type failure struct{ op string }

func (f *failure) Error() string { return f.op + ": no such thing" }

// panicValues ends in a chain of panics, one in the deferred call of another, with a value of each kind that the runtime
// prints in its own way.
func panicValues() {
	truth.Tell("panicvalues", map[string]string{"last": "write: no such thing"})
	defer func() { panic(&failure{"write"}) }()
	defer func() {
		defer func() { recover() }()
		panic("recovered on the way: not shown")
	}()
	defer func() { panic(fmt.Errorf("wrapped: %w", errors.New("inner\nsecond line"))) }()
	defer func() { panic(state{3}) }()
	defer func() { panic(point{1, 2, "p"}) }()
	defer func() { panic(&point{1, 2, "p"}) }()
	defer func() { panic(celsius(36.6)) }()
	defer func() { panic(code(7)) }()
	defer func() { panic(complex(1, -2)) }()
	defer func() { panic(2.5) }()
	defer func() { panic(uint8(200)) }()
	defer func() { panic(true) }()
	defer func() { panic([]int{1}) }()
	defer func() { panic("text \x01 with\ttabs\nand lines\ngoroutine 1 [running]:") }()
	var m map[string]int
	defer func() { m["nil map"] = 1 }()
	defer func() { var v interface{} = "s"; _ = v.(fmt.Stringer) }()
	defer func() { recover(); panic("after a recovery") }()
	panic(-42)
}

func panicError() {
	truth.Tell("panicerror", nil)
	panic(fmt.Errorf("loading %q: %w", "config", &failure{"open"}))
}

func panicStringer() {
	truth.Tell("panicstringer", nil)
	panic(state{9})
}

func panicString() {
	truth.Tell("panicstring", nil)
	panic("first line\nsecond line\n\tthird line")
}

func panicInt() {
	truth.Tell("panicint", nil)
	panic(code(-3))
}

func panicStruct() {
	truth.Tell("panicstruct", nil)
	panic(point{3, 4, "q"})
}

func panicNil() {
	truth.Tell("panicnil", nil)
	var nothing interface{}
	panic(nothing)
}

// repanic panics again with the value that it has recovered.
func repanic() {
	truth.Tell("repanic", nil)
	defer func() {
		if v := recover(); v != nil {
			panic(v)
		}
	}()
	defer func() {
		if v := recover(); v != nil {
			panic(fmt.Sprint("again: ", v))
		}
	}()
	panic("the first")
}

// panicNilError panics with nil where that is an error of its own, Go 1.21 and newer with GODEBUG=panicnil=0.
func panicNilError() {
	truth.Tell("panicnilerror", nil)
	var nothing interface{}
	panic(nothing)
}

// jumpZero calls a function whose code is at address 0.
func jumpZero() {
	truth.Tell("jumpzero", nil)
	code := new(uintptr)
	callIt(*(*func() int)(unsafe.Pointer(&code)))
}

// nilFunc calls a nil function value.
func nilFunc() {
	truth.Tell("nilfunc", nil)
	callIt(nil)
}

//go:noinline
func callIt(f func() int) int { return f() + 1 }

// divide dies of an integer division by zero: SIGFPE on amd64.
func divide() {
	truth.Tell("divide", nil)
	fmt.Println(ratio(1, 0))
}

//go:noinline
func ratio(a, b int) int { return a / b }

// reflectCall panics below reflect.Value.Call.
func reflectCall() {
	truth.Tell("reflectcall", nil)
	reflect.ValueOf((*failure).Error).Call([]reflect.Value{reflect.Zero(reflect.TypeOf(&failure{}))})
}

// goexit ends the main goroutine and leaves nobody.
func goexit() {
	truth.Tell("goexit", nil)
	runtime.Goexit()
}
