// Package values reads the typed arguments and local variables of a few chosen goroutines' frames out of a core,
// through Delve's pkg/proc. It is not the goroutine model of the report and not made for mass work: a goroutine report
// needs neither this package nor DWARF. It takes any binary that it is given for the core's: whether the two are of
// one build is the caller's to verify before.
//
// Delve is a debugger for programs that its user trusts; a core is not such a program. Four things keep it in bounds.
// Every call runs on a goroutine of its own under recover and a time budget. All memory that values are read from
// goes through this package's own view of the core, which answers only what the core, or a read-only segment of the
// binary, holds, and which counts what is read. Locations are evaluated where the frame's call instruction is, and
// pieces of a variable that the compiler dropped are marked instead of being read as zero. Text is built here, escaped
// and capped, never by Delve.
//
// What this does not cover: Delve loads the binary's DWARF on goroutines of its own, where a panic cannot be recovered.
// What can be is tried before, but a binary that is crafted to break Delve may still end the process. And a call that
// never returns is left behind on its goroutine, with its memory, until the process ends.
package values

//go:generate go run ./testdata/generate

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/go-delve/delve/pkg/proc"
	"github.com/go-delve/delve/pkg/proc/core"
)

// Reader reads variables out of one core. Its methods may be called from several goroutines; they take turns.
type Reader struct {
	mu     sync.Mutex
	in     *inputs
	target *proc.Target
	mem    *memory
	left   error // why the reader is of no use any more: closed, or a call into Delve did not come back
}

// FrameValues is what one frame holds.
type FrameValues struct {
	Func string // as DWARF names it: of a generic function the shape instance, "main.Map[go.shape.int]"
	File string // as the compiler recorded it
	Line int    // of the call, or of the faulting instruction in the innermost frame
	// PC is the frame's pc in the process: exact in the innermost frame and where a signal struck, elsewhere the
	// return address. Inlined calls have the pc of the function that they were inlined into.
	PC uint64
	// SP is the stack pointer in the frame; inlined calls have that of the function that they were inlined into.
	SP        uint64
	Inlined   bool
	Arguments []Variable // the receiver first, then the parameters
	Locals    []Variable // named results among them, outer blocks first
	Problem   string     // why something is not here; empty when all is
}

// Variable is one argument or local variable. Exactly one of Value and Unreadable is set.
type Variable struct {
	Name string
	Type string
	// Value is one line of printable text, at most Limits.ValueBytes long. Parts of it may be unreadable: they say so
	// in round brackets, and what was left out is marked by "…".
	Value      string
	Unreadable string
	Shadowed   bool // an inner block declares the same name again
}

// Open loads core and binary into Delve. Both are paths of plain (uncompressed) ELF files, /proc/self/fd/N allowed;
// they must be of one build, which is not checked here. No other file of the host is looked at but for the time zone
// database, no program is started, and nothing is fetched.
//
// It costs time and memory in proportion to the binary's DWARF. When ctx ends first, Open returns its error; what
// Delve is then still loading is abandoned.
//
// Errors call the files by their paths' last elements. Among them are an *UnsupportedError for a binary of a Go version that Delve does not read, and ErrNoDWARF for one
// without DWARF.
func Open(ctx context.Context, corePath, binaryPath string) (*Reader, error) {
	in, err := openInputs(corePath, binaryPath)
	if err != nil {
		return nil, err
	}
	r := &Reader{in: in}
	var group *proc.TargetGroup
	err = guarded(ctx, "loading the binary's DWARF", func() (err error) {
		if err := in.checkDWARF(); err != nil {
			return err
		}
		group, err = core.OpenCore(corePath, binaryPath, nil)
		return err
	})
	if err == nil && (group == nil || group.Selected == nil) {
		err = fmt.Errorf("%s: Delve found no process in it", in.coreName)
	}
	if err != nil {
		in.close()
		return nil, err
	}
	r.target = group.Selected
	images := r.target.BinInfo().Images
	if len(images) == 0 {
		in.close()
		return nil, fmt.Errorf("%s: Delve did not load it", in.binaryName)
	}
	r.mem = newMemory(in, images[0].StaticBase)
	r.target.Process = ownMemory{Process: r.target.Process, mem: r.mem}
	return r, nil
}

// GoVersion is the Go version that the binary was built with, as "go1.26.8".
func (r *Reader) GoVersion() string { return r.in.goVersion }

// Close releases the files. The reader is of no use afterwards.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.target == nil {
		return nil
	}
	target := r.target
	r.target = nil
	if r.left == nil {
		r.left = os.ErrClosed
	}
	// A call that was left behind may be using what Delve would close.
	var err error
	if r.left == os.ErrClosed {
		r.mem.ctx = context.Background()
		err = guarded(context.Background(), "closing the binary", func() error { return target.BinInfo().Close() })
	}
	r.in.close()
	return err
}
