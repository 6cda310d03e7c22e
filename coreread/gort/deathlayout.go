package gort

import "postmortem/coreread/image"

// deathLayout is what the parts of this package that tell how a process died
// have looked up so far; nothing before it is asked for.
type deathLayout struct {
	panics    *panicOffsets
	defers    *deferOffsets
	openSlots map[image.Addr]*openDefers // by the function's entry
	targets   map[image.Addr]deferTarget // by the deferred function's entry
}

// panicLayout returns where the fields of runtime._panic are.
func (p *Process) panicLayout() (*panicOffsets, error) {
	if p.death.panics == nil {
		o := &panicOffsets{}
		if err := o.bind(p.layout.Struct("runtime._panic")); err != nil {
			return nil, err
		}
		p.death.panics = o
	}
	return p.death.panics, nil
}

// deferLayout returns where the fields of runtime._defer are.
func (p *Process) deferLayout() (*deferOffsets, error) {
	if p.death.defers == nil {
		o := &deferOffsets{}
		if err := o.bind(p.layout.Struct("runtime._defer")); err != nil {
			return nil, err
		}
		p.death.defers = o
	}
	return p.death.defers, nil
}
