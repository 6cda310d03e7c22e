package gort

import (
	"fmt"
	"slices"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Panic is a runtime._panic: a panic, or a runtime.Goexit, that a goroutine has
// not got over.
type Panic struct {
	Addr image.Addr // of the runtime._panic
	// Type is the dynamic type of the value that was given to panic; "" when it
	// is not known, which includes a Goexit.
	Type string
	// Message is the value as the runtime prints it; "" when Err is set.
	Message string
	Err     error // why the message is not known
	// Recovered says that recover was called for it, and that another panic, or
	// a Goexit, began before its goroutine could go on.
	Recovered bool
	Goexit    bool // no panic but runtime.Goexit
	Aborted   bool // a later panic has overtaken it (only Go 1.21 and older say so)
	// Repanicked says that the next panic has the same value: the runtime prints
	// the value once, here (Go 1.25 and newer).
	Repanicked bool
}

// panicOffsets is runtime._panic.
type panicOffsets struct {
	size, arg, link     uint64
	recovered, goexit   uint64
	aborted, repanicked optional
}

func (o *panicOffsets) bind(s *layout.Struct) error {
	*o = panicOffsets{
		size:       s.Size(),
		arg:        s.Offset("arg"),
		link:       s.Offset("link"),
		recovered:  s.Offset("recovered"),
		goexit:     s.Offset("goexit"),
		aborted:    optionalField(s, "aborted"),
		repanicked: optionalField(s, "repanicked"),
	}
	return s.Err()
}

func (r record) optionalBool(f optional) bool { return f.present && r.bool(f.off) }

// maxPanics bounds the panics of one goroutine that are read, newest first.
const maxPanics = 1000

// panicRecord is a runtime._panic with its argument still in words.
type panicRecord struct {
	Panic
	arg    eface
	asked  bool  // the runtime has replaced arg by its text where it has one
	raised eface // the value that was given to panic; meaningful only with known
	known  bool
}

// Panics returns the panics and Goexits that g has not got over, newest first.
// With an error it returns those that could be read.
func (p *Process) Panics(g *Goroutine) ([]Panic, error) {
	if g.Panics == 0 {
		return nil, nil
	}
	var s Stack
	p.Stack(g, &s)
	records, err := p.panicRecords(g, &s)
	panics := make([]Panic, len(records))
	for i := range records {
		panics[i] = records[i].Panic
	}
	return panics, err
}

// panicRecords reads g's panics; s is its stack.
func (p *Process) panicRecords(g *Goroutine, s *Stack) ([]panicRecord, error) {
	o, err := p.panicLayout()
	if err != nil {
		return nil, err
	}
	var records []panicRecord
	for at := g.Panics; at != 0; {
		// Every record lies in the frame of the gopanic or Goexit that made it,
		// so that older ones have higher addresses.
		if !g.Stack.Contains(at) || len(records) > 0 && at <= records[len(records)-1].Addr {
			err = fmt.Errorf("panics of goroutine %d: the record at %v is not on its stack above the one before", g.ID, at)
			break
		}
		if len(records) == maxPanics {
			err = fmt.Errorf("panics of goroutine %d: more than %d", g.ID, maxPanics)
			break
		}
		var r record
		if r, err = p.record(at, o.size); err != nil {
			err = fmt.Errorf("panics of goroutine %d: %w", g.ID, err)
			break
		}
		records = append(records, panicRecord{
			Panic: Panic{
				Addr:       at,
				Recovered:  r.bool(o.recovered),
				Goexit:     r.bool(o.goexit),
				Aborted:    r.optionalBool(o.aborted),
				Repanicked: r.optionalBool(o.repanicked),
			},
			arg: eface{r.addrAt(o.arg), r.addrAt(o.arg + 8)},
		})
		at = r.addrAt(o.link)
	}
	p.describePanics(records, g, s)
	return records, err
}

// describePanics finds the texts and types of the values.
func (p *Process) describePanics(records []panicRecord, g *Goroutine, s *Stack) {
	// Before the runtime prints anything it goes through the whole chain and
	// replaces errors and Stringers by their text (preprintpanics).
	asked := p.stackHas(s, "runtime.fatalpanic")
	raisers := p.raisers(g, s)
	for i := len(records) - 1; i >= 0; i-- {
		r := &records[i]
		if r.Goexit {
			continue
		}
		r.asked = asked
		r.raised, r.known = p.raisedValue(r.Addr, raisers)
		if older := i + 1; asked && older < len(records) && records[older].Repanicked {
			// The runtime skips it: its text stands in the older one.
			r.Message, r.Err, r.Type = records[older].Message, records[older].Err, records[older].Type
			continue
		}
		r.Message, r.Err = p.panicText(r.arg, asked)
		r.Type = p.panicType(r)
	}
}

// panicType names the type of the value that was given to panic.
func (p *Process) panicType(r *panicRecord) string {
	typ, err := p.typeAt(r.arg.typ)
	if err != nil {
		return ""
	}
	if !r.asked || typ.String != "string" {
		return typ.String
	}
	// Either a string, or the text of an error that the runtime has put in its
	// place: only gopanic's own argument tells.
	if !r.known {
		return ""
	}
	if r.raised == (eface{}) {
		return "*runtime.PanicNilError" // which gopanic makes of a nil argument
	}
	if raised, err := p.typeAt(r.raised.typ); err == nil {
		return raised.String
	}
	return ""
}

// raiser is a frame of gopanic or Goexit: the record of its panic lies in it.
type raiser struct {
	Frame
	panics bool // it is gopanic's
}

// raisesPanic reports whether a function's frame holds a runtime._panic.
func raisesPanic(name string) bool { return name == "runtime.gopanic" || name == "runtime.Goexit" }

// raisers returns the frames of gopanic and Goexit in g's stack, innermost first.
func (p *Process) raisers(g *Goroutine, s *Stack) []raiser {
	var found []raiser
	visit := func(f Frame) {
		info := p.info(f.PC)
		if !info.known || !g.Stack.Contains(f.SP) || len(found) == maxPanics {
			return
		}
		if name := info.fn.Name(); raisesPanic(name) {
			found = append(found, raiser{f, name == "runtime.gopanic"})
		}
	}
	s.eachMarked(visit)
	return found
}

// raisedValue returns the argument of the gopanic whose frame holds the record
// at addr; false when the frame or the argument is not to be found.
func (p *Process) raisedValue(addr image.Addr, raisers []raiser) (eface, bool) {
	i, ok := slices.BinarySearchFunc(raisers, addr, func(r raiser, addr image.Addr) int {
		switch {
		case r.FP <= addr:
			return -1
		case r.SP > addr:
			return 1
		}
		return 0
	})
	if !ok || !raisers[i].panics {
		return eface{}, false
	}
	typ, data, ok := p.argumentPair(raisers[i].Frame)
	if !ok {
		return eface{}, false
	}
	v := eface{image.Addr(typ), image.Addr(data)}
	if v == (eface{}) {
		return v, true
	}
	_, err := p.typeAt(v.typ)
	return v, err == nil
}

// stackHas reports whether a frame that s keeps is of the function.
func (p *Process) stackHas(s *Stack, name string) bool {
	for _, frames := range [][]Frame{s.Inner, s.Outer} {
		for _, f := range frames {
			for _, source := range p.Source(f) {
				if source.Func == name {
					return true
				}
			}
		}
	}
	return false
}

// PrintedPanics returns what the runtime prints for a chain of panics, newest
// first as Panics returns them: the oldest first, a line each, the line's end
// included. What is not known prints as "?".
func (p *Process) PrintedPanics(panics []Panic) string {
	style := p.printStyle()
	text := ""
	for i := len(panics) - 1; i >= 0; i-- {
		r := &panics[i]
		if older := i + 1; older < len(panics) {
			if panics[older].Repanicked && style.onceRepanic {
				continue
			}
			if !panics[older].Goexit {
				text += "\t"
			}
		}
		if !r.Goexit {
			text += "panic: " + r.printed() + r.mark(style) + "\n"
		}
	}
	return text
}

func (r *Panic) printed() string {
	if r.Err != nil {
		return "?"
	}
	return r.Message
}

func (r *Panic) mark(style printStyle) string {
	switch {
	case r.Repanicked && (r.Recovered || !style.strictRepeat):
		return " [recovered, repanicked]"
	case r.Recovered:
		return " [recovered]"
	}
	return ""
}
