package waits

import (
	"fmt"

	"postmortem/analyzer/facts"
)

// legs says each step of a cycle in words.
func (d *describer) legs(cycle []Step) []string {
	words := d.words(cycle)
	legs := make([]string, 0, len(cycle))
	for i, s := range cycle {
		before := cycle[(i+len(cycle)-1)%len(cycle)]
		held, waited := d.owners[before.Lane], d.owners[s.Lane]
		legs = append(legs, fmt.Sprintf("goroutine %d %s", d.id(s.Goroutine), d.leg(before, s, words[held], words[waited])))
	}
	return legs
}

// leg says what a goroutine does in a cycle: it holds what the one before waits
// for, and waits itself.
func (d *describer) leg(before, s Step, held, waited string) string {
	r, other := d.owners[before.Lane], d.owners[s.Lane]
	if d.nextWriter(s.Goroutine, r) {
		return d.waiting(s, waited) + ", and who came later waits behind it"
	}
	if r == other {
		return fmt.Sprintf("%s %s%s and %s again", d.holding(before), held, d.manner(before), d.waiting(s, "it"))
	}
	return fmt.Sprintf("%s %s%s and %s", d.holding(before), held, d.manner(before), d.waiting(s, waited))
}

// holding says what somebody does with a resource that others wait for in a lane.
func (d *describer) holding(before Step) string {
	r := &d.resources[d.owners[before.Lane]]
	switch r.kind {
	case facts.ResourceOnce:
		return "runs the function of"
	case facts.ResourceWorld:
		return "holds up"
	case facts.ResourceWaitGroup:
		return "has yet to call Done of"
	case facts.ResourceChannel:
		if len(r.holders) == 1 {
			return "is the only one left to serve"
		}
		return "is one of those left to serve"
	}
	return "holds"
}

// manner says how a sync.RWMutex is held that others wait for in a lane.
func (d *describer) manner(before Step) string {
	r := &d.resources[d.owners[before.Lane]]
	switch {
	case r.kind != facts.ResourceRWMutex:
		return ""
	case before.Lane == r.behind:
		return " for reading"
	}
	return " for writing"
}

// waiting says what a goroutine waits for.
func (d *describer) waiting(s Step, what string) string {
	r := d.owners[s.Lane]
	for _, e := range d.edgesOf(s.Goroutine) {
		if e.resource != r {
			continue
		}
		switch kind := d.resources[r].kind; {
		case kind == facts.ResourceRWMutex && e.op == facts.OpRLock:
			return "waits for " + what + " for reading"
		case kind == facts.ResourceRWMutex:
			return "waits for " + what + " for writing"
		case kind == facts.ResourceChannel && e.op == facts.OpSend:
			return "waits to send to " + what
		case kind == facts.ResourceChannel:
			return "waits to receive from " + what
		}
	}
	return "waits for " + what
}

// nextWriter reports whether a goroutine waits for the readers of a sync.RWMutex.
func (d *describer) nextWriter(goroutine, resource uint32) bool {
	for _, e := range d.edgesOf(goroutine) {
		if e.behind && e.resource == resource {
			return true
		}
	}
	return false
}

// words names the resources of a cycle, those of the same name by their addresses, too.
func (d *describer) words(cycle []Step) map[uint32]string {
	words, used := map[uint32]string{}, map[string]int{}
	for _, s := range cycle {
		r := d.owners[s.Lane]
		if _, ok := words[r]; !ok {
			words[r] = d.word(r)
			used[words[r]]++
		}
	}
	for r, w := range words {
		if at := d.resources[r].at; used[w] > 1 && at != 0 {
			words[r] = fmt.Sprintf("%s at %#x", w, uint64(at))
		}
	}
	return words
}

// word names a resource in a sentence.
func (d *describer) word(i uint32) string {
	r := &d.resources[i]
	if f := d.shown[i]; f != nil {
		switch {
		case f.Name.Known:
			return f.Name.V
		case f.Type.Known && f.Address.Known:
			return fmt.Sprintf("the %s at %#x", f.Type.V, uint64(f.Address.V))
		}
	}
	if r.at != 0 {
		return fmt.Sprintf("the %s at %#x", r.kind, uint64(r.at))
	}
	return "the " + string(r.kind)
}
