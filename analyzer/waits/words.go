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
	own, other := &d.resources[d.owners[before.Lane]], &d.resources[d.owners[s.Lane]]
	waits := d.purpose(s)
	again := ""
	if own == other {
		again = " again"
	}
	switch {
	case own.kind == facts.ResourceRWMutex && before.Lane == own.behind:
		return fmt.Sprintf("holds %s for reading and waits for %s%s%s", held, waited, again, waits)
	case d.nextWriter(s.Goroutine, d.owners[before.Lane]):
		return fmt.Sprintf("waits for %s%s, and who came later waits behind it", waited, waits)
	case own.kind == facts.ResourceRWMutex:
		return fmt.Sprintf("holds %s for writing and waits for %s%s%s", held, waited, again, waits)
	case own.kind == facts.ResourceOnce:
		return fmt.Sprintf("runs the function of %s and waits for %s%s%s", held, waited, again, waits)
	case own.kind == facts.ResourceWorld:
		return fmt.Sprintf("holds up %s and waits for %s%s%s", held, waited, again, waits)
	case own.kind == facts.ResourceChannel:
		return fmt.Sprintf("could serve %s and waits for %s%s%s", held, waited, again, waits)
	case own.kind == facts.ResourceWaitGroup:
		return fmt.Sprintf("is to be done for %s and waits for %s%s%s", held, waited, again, waits)
	}
	return fmt.Sprintf("holds %s and waits for %s%s%s", held, waited, again, waits)
}

// purpose says what a goroutine waits for a sync.RWMutex or a channel to do.
func (d *describer) purpose(s Step) string {
	r := d.owners[s.Lane]
	for _, e := range d.edgesOf(s.Goroutine) {
		if e.resource != r {
			continue
		}
		switch kind := d.resources[r].kind; {
		case kind == facts.ResourceRWMutex && e.op == facts.OpRLock:
			return " for reading"
		case kind == facts.ResourceRWMutex:
			return " for writing"
		case kind == facts.ResourceChannel && e.op == facts.OpSend:
			return " to send"
		case kind == facts.ResourceChannel:
			return " to receive"
		}
	}
	return ""
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
