package goprof

import (
	"github.com/google/pprof/profile"

	"postmortem/coreread/image"
)

// locations makes the locations of a profile as runtime/pprof does (proto.go,
// profileBuilder): one location for a call and those that were inlined into it,
// known by the first of their program counters; functions known by name.
type locations struct {
	ps        *Profiles
	prof      *profile.Profile
	byPC      map[image.Addr]known
	functions map[string]*profile.Function
	nameless  map[*profile.Mapping]bool // a function or line there is not known
}

// known is a location, and of how many calls of a stack it is.
type known struct {
	*profile.Location
	calls int
}

func newLocations(ps *Profiles, prof *profile.Profile) *locations {
	return &locations{
		ps: ps, prof: prof,
		byPC:      make(map[image.Addr]known),
		functions: make(map[string]*profile.Function),
		nameless:  make(map[*profile.Mapping]bool),
	}
}

// of returns the locations of a stack. Where the outermost function starts,
// runtime.goexit, is none.
func (l *locations) of(stack []call) []*profile.Location {
	var list []*profile.Location
	for i := 0; i < len(stack); {
		if stack[i].src.Func == goexit {
			i++
			continue
		}
		k, ok := l.byPC[stack[i].pc]
		if !ok {
			n := 1
			for i+n < len(stack) && inlinedInto(&stack[i+n-1], &stack[i+n]) {
				n++
			}
			k = l.add(stack[i : i+n])
		}
		list = append(list, k.Location)
		i += k.calls
	}
	return list
}

// inlinedInto reports whether inner was inlined into outer, the next call of the
// stack (proto.go, pcDeck.tryAdd).
func inlinedInto(inner, outer *call) bool {
	return inner.src.Inlined && inner.entry != 0 && inner.entry == outer.entry && inner.src.Func != outer.src.Func
}

func (l *locations) add(calls []call) known {
	first := &calls[0]
	loc := &profile.Location{ID: uint64(len(l.prof.Location) + 1), Address: uint64(first.pc - 1)}
	if first.entry != 0 && l.ps.p.Static(first.pc) == first.entry {
		loc.Address = uint64(first.pc)
	}
	loc.Mapping = l.mapping(first.pc)
	for i := range calls {
		c := &calls[i]
		if c.src.Func == "" || c.src.File == "" || c.src.Line == 0 {
			l.nameless[loc.Mapping] = true
		}
		if c.entry != 0 {
			loc.Line = append(loc.Line, profile.Line{Function: l.function(c), Line: int64(c.src.Line)})
		}
	}
	if loc.Mapping != nil {
		loc.Mapping.HasFunctions = !l.nameless[loc.Mapping]
	}
	l.prof.Location = append(l.prof.Location, loc)
	k := known{loc, len(calls)}
	l.byPC[first.pc] = k
	return k
}

func (l *locations) mapping(pc image.Addr) *profile.Mapping {
	for _, m := range l.prof.Mapping {
		if m.Start <= uint64(pc) && uint64(pc) < m.Limit {
			return m
		}
	}
	return nil
}

func (l *locations) function(c *call) *profile.Function {
	f := l.functions[c.src.Func]
	if f == nil {
		f = &profile.Function{
			ID: uint64(len(l.prof.Function) + 1), Name: c.src.Func, SystemName: c.src.Func,
			Filename: c.src.File, StartLine: int64(c.src.StartLine),
		}
		l.functions[c.src.Func] = f
		l.prof.Function = append(l.prof.Function, f)
	}
	return f
}
