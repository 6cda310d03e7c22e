package goroots

import (
	"postmortem/coreread/gort"
)

// isReflectStub reports whether a function is one of the two whose arguments
// only the closure that they were entered with describes.
func isReflectStub(name string) bool {
	return name == "reflect.makeFuncStub" || name == "reflect.methodValueCall"
}

// registerArguments is the one variable of a reflect stub: the internal/abi.RegArgs
// at the top of its frame (runtime/stkframe.go, methodValueCallFrameObjs). Behind
// the integer and the floating-point registers lie those that hold pointers.
func registerArguments(integers, floats uint32) objectRecord {
	first := 8 * (integers + floats)
	size := first + 8*integers + 8 // and a bitmap of the integers
	o := objectRecord{off: -int32(size), size: size}
	for i := range integers {
		o.pointers = append(o.pointers, first+8*i)
	}
	return o
}

// maxReflectArgs bounds the words of the arguments and results of a call through
// reflect: one frame.
const maxReflectArgs = 1 << 20

// reflectArgs is what the closure of a reflect stub says of its arguments
// (runtime/stkframe.go, argMapInternal).
type reflectArgs struct {
	words    uint32 // of arguments, and of results where these are set
	pointers []byte // bitmap
}

// reflectArguments reads the argument map of a frame of a reflect stub. begun is
// whether the stub has set up its frame: only then has it variables. It is not ok
// where the map is lost.
func (r *Reader) reflectArguments(f *gort.LiveFrame) (a reflectArgs, begun, ok bool) {
	// The stub saved its closure, a makeFuncImpl or methodValue, in its first local.
	local, frame := f.SP, f.FP
	if r.p.GOARCH() == "arm64" {
		local += 8
	} else {
		frame -= 8
	}
	if local >= frame {
		// A goroutine that begins with the stub takes no arguments.
		return a, false, f.PC == f.Entry
	}
	closure := r.memory.addr(local)
	done, err := r.p.Image.Uint8(local + 4*8) // the results are set
	if err != nil || r.memory.addr(closure) != f.Entry {
		return a, true, false
	}
	vector := r.memory.addr(closure + 8) // runtime.bitvector
	n, err := r.p.Image.Uint32(vector)
	if err != nil || n > maxReflectArgs {
		return a, true, false
	}
	a.words = n
	if argBytes, readable := r.memory.word(closure + 16); !readable {
		return a, true, false
	} else if done == 0 && argBytes/8 < uint64(n) {
		a.words = uint32(argBytes / 8)
	}
	a.pointers, err = r.p.Image.Bytes(r.memory.addr(vector+8), (uint64(n)+7)/8)
	return a, true, err == nil || n == 0
}
