package main

import "strconv"

// A kind says what is known of the objects of a type.
type kind int

const (
	live       kind = iota // reachable, and what points to them says their type
	loose                  // reachable, but nothing that points to them says their type: interior and unsafe pointers, generic closures, timers since Go 1.23
	dead                   // unreachable since the last collection, in a swept span
	onlyWeakly             // as dead, but for a weak pointer
	doomed                 // as dead, but for a finalizer that keeps what they point to
	garbage                // unreachable before the last collection: gone, or unmarked where nothing has been swept yet
	unswept                // unreachable before the collection under way
	retain                 // bytes that only the root of this name keeps, at least
	held                   // bytes that each goroutine that runs the function of this name keeps, exactly
	runners                // goroutines that run the function of this name
	copies                 // strings with the content of this name
	kinds
)

var kindNames = [kinds]string{"live", "loose", "dead", "weak", "doomed", "garbage", "unswept", "retained_at_least", "goroutine_bytes", "goroutine_count", "duplicates"}

// facts is what the process knows of its heap; not on the heap itself.
var facts [200]struct {
	kind kind
	name string
	n    int
}

var known int

// expect adds n objects of the type of that name, as a report names it, or what else the kind counts.
func expect(k kind, name string, n int) {
	for i := range facts[:known] {
		if facts[i].kind == k && facts[i].name == name {
			facts[i].n += n
			return
		}
	}
	f := &facts[known]
	f.kind, f.name, f.n = k, name, n
	known++
}

// told is the facts as members of a JSON object: {"live":{"main.node":2}, …}.
func told() string {
	line := []byte(`,"heap":{`)
	for k := kind(0); k < kinds; k++ {
		if k > 0 {
			line = append(line, ',')
		}
		line = append(strconv.AppendQuote(line, kindNames[k]), ":{"...)
		first := true
		for _, f := range facts[:known] {
			if f.kind != k {
				continue
			}
			if !first {
				line = append(line, ',')
			}
			first = false
			line = append(strconv.AppendQuote(line, f.name), ':')
			line = strconv.AppendInt(line, int64(f.n), 10)
		}
		line = append(line, '}')
	}
	return string(append(line, '}'))
}
