// Package gort is the Go runtime of a dead process as the runtime itself saw
// it: modules, machines (Ms), processors (Ps), goroutines and their stacks, the
// scheduler and the collector's state, and what led to its death.
//
// It reads memory and says what stands there. What it means for the person who
// reads the report is not its business, and it knows nothing of the heap's
// objects or of what goroutines wait for beyond the runtime's own words.
package gort

import (
	"fmt"
	"sync"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/exe"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Gap is something that could not be read and what the report lacks for it.
type Gap struct {
	What   string     // what was being read
	Addr   image.Addr // where; 0 when no single place can be named
	Bytes  uint64     // how much is lost, 0 when unknown
	Effect string     // which statements are weaker for it
	// HidesReferences says that something may be referred to from there although
	// no reference was found: that nothing refers to it cannot be said.
	HidesReferences bool
}

// Process is the runtime of one process. Its methods are not safe for
// concurrent use: they share a cache of decoded program counters.
type Process struct {
	Image *image.Image
	Core  *elfcore.Core
	Exe   *exe.Binary
	Bias  int64 // process address minus the binary's own address

	layout     *layout.Layout
	arch       *architecture
	offsets    offsets
	goroutines *goroutines // nil until they are asked for
	pcs        map[image.Addr]*pcInfo
	recent     recentPCs
	deep       map[origin]*Stack
	labels     map[image.Addr]labelSet
	sources    map[sourceKey][]exe.SourceFrame
	machines   []*Machine // by id
	// machinesLost is why the list of Ms is not whole; nil when it is.
	machinesLost error
	byThread     map[int]*Machine
	byM          map[image.Addr]*Machine
	vdso         image.Range
	ledger       sync.Mutex
	gaps         []Gap
	unlisted     int  // gaps past maxGaps
	unlistedHide bool // and whether one of them hides references
	budget       budget
	once         once
	death        deathLayout
}

// New reads the Ms of a process. The core's image must already hold the
// read-only segments of the binary, and bias is where the binary was loaded.
func New(core *elfcore.Core, bin *exe.Binary, lay *layout.Layout, bias int64) (*Process, error) {
	arch, err := architectureOf(core.Machine)
	if err != nil {
		return nil, err
	}
	p := &Process{
		Image:   core.Image,
		Core:    core,
		Exe:     bin,
		Bias:    bias,
		layout:  lay,
		arch:    arch,
		pcs:     make(map[image.Addr]*pcInfo),
		deep:    make(map[origin]*Stack),
		labels:  make(map[image.Addr]labelSet),
		sources: make(map[sourceKey][]exe.SourceFrame),
	}
	if err := p.offsets.bind(lay); err != nil {
		return nil, fmt.Errorf("finding the runtime's structures of %s: %w", bin.GoVersion(), err)
	}
	p.budget = newBudget(core.Image)
	p.findVDSO()
	p.readMachines()
	return p, nil
}

// maxGaps bounds the gaps that are listed: every goroutine may be damaged.
const maxGaps = 500

// Gaps returns what could not be read so far, at most maxGaps; where there was
// more, a last one says how much.
func (p *Process) Gaps() []Gap {
	p.ledger.Lock()
	defer p.ledger.Unlock()
	if p.unlisted == 0 {
		return p.gaps
	}
	return append(p.gaps[:len(p.gaps):len(p.gaps)], Gap{
		What:   fmt.Sprintf("%d more places in the runtime's memory", p.unlisted),
		Effect: "what they held is missing from the report", HidesReferences: p.unlistedHide,
	})
}

// AddGap enters something that could not be read into the ledger. It may be
// called at any time, from any goroutine.
func (p *Process) AddGap(g Gap) {
	p.ledger.Lock()
	defer p.ledger.Unlock()
	if len(p.gaps) < maxGaps {
		p.gaps = append(p.gaps, g)
		return
	}
	p.unlisted++
	p.unlistedHide = p.unlistedHide || g.HidesReferences
}

// gapsFull reports whether further gaps are only counted: their texts need not be made.
func (p *Process) gapsFull() bool { return len(p.gaps) == maxGaps }

func (p *Process) addGap(what string, at image.Addr, n uint64, effect string) {
	p.AddGap(Gap{What: what, Addr: at, Bytes: n, Effect: effect})
}

// GOARCH returns the process's architecture as Go names it.
func (p *Process) GOARCH() string { return p.arch.name }

// Layout returns where the runtime's fields are in this process.
func (p *Process) Layout() *layout.Layout { return p.layout }

// global returns the process address of a variable of the binary.
func (p *Process) global(name string) (image.Addr, error) {
	a, _, err := p.Exe.Global(name)
	if err != nil {
		return 0, err
	}
	return a.Add(p.Bias), nil
}

// static turns a process address into the binary's own.
func (p *Process) static(a image.Addr) image.Addr { return a.Add(-p.Bias) }

// Static returns the binary's own address of a process address in its code or
// data, as objdump and the symbol table have it.
func (p *Process) Static(a image.Addr) image.Addr { return p.static(a) }
