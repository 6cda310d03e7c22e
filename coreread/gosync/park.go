package gosync

import (
	"strings"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// role is what a function on the stack of a parked goroutine tells of its wait.
type role uint8

const (
	roleOther     role = iota
	rolePark           // only passes on: the runtime's own functions that park
	roleSelect         // runtime.selectgo
	roleMutex          // sync.Mutex
	roleOnce           // sync.Once, which takes its Mutex
	roleWLock          // sync.RWMutex.Lock, which takes the writers' Mutex first
	roleRLock          //
	roleWaitGroup      //
	roleCond           //
	roleNotify         // runtime.notifyListWait
	roleFDLock         // internal/poll.fdMutex
	roleFDClose        // internal/poll.FD.Close
)

// roles are by name, as the function table and the inlining tables of 1.18 to 1.27
// have them: src/runtime/sema.go, src/sync, src/internal/sync, src/internal/poll.
var roles = map[string]role{
	"runtime.gopark":       rolePark,
	"runtime.goparkunlock": rolePark,
	"runtime.semacquire1":  rolePark,

	"runtime.selectgo":                roleSelect,
	"sync.(*Mutex).lockSlow":          roleMutex,
	"sync.(*Mutex).Lock":              roleMutex,
	"internal/sync.(*Mutex).lockSlow": roleMutex,
	"internal/sync.(*Mutex).Lock":     roleMutex,
	"sync.(*Once).doSlow":             roleOnce,
	"sync.(*Once).Do":                 roleOnce,
	"sync.(*RWMutex).Lock":            roleWLock,
	"sync.(*RWMutex).RLock":           roleRLock,
	"sync.(*WaitGroup).Wait":          roleWaitGroup,
	"sync.(*Cond).Wait":               roleCond,
	"sync.runtime_notifyListWait":     roleNotify,
	"internal/poll.(*fdMutex).rwlock": roleFDLock,
	"internal/poll.(*FD).Close":       roleFDClose,
}

func roleOf(function string) role {
	if r, ok := roles[function]; ok {
		return r
	}
	// How the packages that use semaphores call the runtime's function.
	for _, pkg := range [...]string{"sync.", "internal/sync.", "internal/poll."} {
		if rest, ok := strings.CutPrefix(function, pkg); ok && strings.HasPrefix(rest, "runtime_Semacquire") {
			return rolePark
		}
	}
	return roleOther
}

// site is what a return address on the stack tells.
type site struct {
	known bool
	delta int64  // stack pointer's distance below the frame's base, without the return address
	roles []role // of the functions that it stands for, innermost first
}

// maxSites bounds the return addresses that are kept decoded.
const maxSites = 1 << 14

// recentSite is a return address and what it tells.
type recentSite struct {
	pc image.Addr
	*site
}

// site decodes a return address, once.
func (r *Reader) site(pc image.Addr) *site {
	recent := &r.recent[uint64(pc)*0x9e3779b97f4a7c15>>58]
	if recent.pc != pc || recent.site == nil {
		*recent = recentSite{pc, r.decodedSite(pc)}
	}
	return recent.site
}

func (r *Reader) decodedSite(pc image.Addr) *site {
	if s, ok := r.sites[pc]; ok {
		return s
	}
	if len(r.sites) >= maxSites {
		clear(r.sites)
	}
	s := new(site)
	r.sites[pc] = s
	r.decoding.Lock() // the process is not for concurrent use
	defer r.decoding.Unlock()
	f, ok := r.p.FuncAt(pc)
	if !ok {
		return s
	}
	s.delta, s.known = f.SPDelta(r.p.Static(pc))
	for _, source := range r.p.Source(gort.Frame{PC: pc}) {
		s.roles = append(s.roles, roleOf(source.Func))
	}
	return s
}

// parkFrame is a frame of a parked goroutine.
type parkFrame struct {
	body image.Range // its variables, and what it saved
	args image.Addr  // where the caller has room for its arguments
	*site
}

// maxParkFrames is how many frames may lie between gopark and the function that
// tells what a goroutine waits for: there are eight at most.
const maxParkFrames = 16

// parked visits the innermost frames of a parked goroutine until visit returns
// false. All of them have made a call, so that a frame's size leads to the next.
func (r *Reader) parked(g *gort.Goroutine, visit func(parkFrame) bool) {
	pc, ok1 := r.memory.word(g.Addr + image.Addr(r.offsets.schedPC))
	sp, ok2 := r.memory.word(g.Addr + image.Addr(r.offsets.schedSP))
	if !ok1 || !ok2 {
		return
	}
	for range maxParkFrames {
		at := image.Addr(sp)
		s := r.site(image.Addr(pc))
		if !s.known || s.delta < 0 || uint64(s.delta) > g.Stack.Len() || !g.Stack.Contains(at) {
			return
		}
		base := at + image.Addr(s.delta)
		f := parkFrame{body: image.Range{Start: at, End: base}, site: s}
		saved := base
		if r.linkRegister {
			saved, f.args = at, base+8
		} else {
			base += 8
			f.args = base
		}
		if base > g.Stack.End || !visit(f) {
			return
		}
		if pc, ok1 = r.memory.word(saved); !ok1 || s.delta == 0 && r.linkRegister {
			return
		}
		sp = uint64(base)
	}
}

// caller is who called the runtime to wait for a semaphore.
type caller struct {
	role  role // roleOther: the runtime itself, or somebody unknown
	mutex bool // through the Mutex within
}

// caller walks the stack of a goroutine that waits for a semaphore.
func (r *Reader) caller(g *gort.Goroutine) (c caller, ok bool) {
	r.parked(g, func(f parkFrame) bool {
		for _, role := range f.roles {
			switch {
			case role == rolePark && !c.mutex:
			case role == roleMutex:
				c.mutex, c.role = true, roleMutex
			case c.mutex && role != roleOnce && role != roleWLock:
				ok = true // a Mutex of its own
				return false
			default:
				c.role, ok = role, true
				return false
			}
		}
		return true
	})
	return c, ok
}
