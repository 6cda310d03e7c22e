package traceback_test

import (
	"fmt"
	"sort"
	"strings"

	"postmortem/internal/traceback"
)

// lines writes a parsed print back to the lines that it came from, keyed by their numbers, for the forms that one Go version
// writes. A test compares them with the text: what is lost or misread shows.
type lines map[int]string

func (l lines) put(n *int, format string, args ...any) {
	l[*n] = fmt.Sprintf(format, args...)
	*n++
}

// rewrite is the text of p.
func rewrite(p *traceback.Print, minor int) []string {
	l := lines{}
	for _, n := range p.Notes {
		l[n.Line] = n.Text
	}
	for i, v := range p.Panics {
		l.panic(v, i > 0, minor)
	}
	for _, f := range p.Fatal {
		n := f.Line
		for i, s := range strings.Split(f.Text, "\n") {
			if i == 0 {
				s = "fatal error: " + s
			} else {
				s = "\t" + s
			}
			l.put(&n, "%s", s)
		}
	}
	for _, s := range p.Signals {
		l.signal(s)
	}
	for _, b := range append(append([]traceback.Block{}, p.Earlier...), p.Blocks...) {
		l.block(b, minor)
	}
	for _, part := range p.Parts {
		for _, r := range part.Registers {
			l[r.Line] = fmt.Sprintf("%-7s0x%x", r.Name, r.Value)
		}
	}
	for _, part := range p.Parts[1:] {
		l[part.Line] = "-----"
	}
	return l.sorted()
}

func (l lines) sorted() []string {
	var numbers []int
	for n := range l {
		numbers = append(numbers, n)
	}
	sort.Ints(numbers)
	var out []string
	for _, n := range numbers {
		out = append(out, l[n])
	}
	return out
}

func (l lines) panic(v traceback.Panic, later bool, minor int) {
	n := v.Line
	tab := ""
	if later {
		tab = "\t"
	}
	value := v.Value
	switch {
	case v.Repanicked:
		value += " [recovered, repanicked]"
	case v.Recovered:
		value += " [recovered]"
	}
	for i, s := range strings.Split(value, "\n") {
		switch {
		case i == 0:
			s = tab + "panic: " + s
		case minor >= 23:
			s = "\t" + s
		}
		l.put(&n, "%s", s)
	}
}

func (l lines) signal(s traceback.Signal) {
	n := s.Line
	if s.Panic {
		l.put(&n, "[signal %s: %s code=0x%x addr=0x%x pc=0x%x]", s.Name, s.Text, uint64(s.Code), s.Addr, s.PC)
		return
	}
	l.put(&n, "%s: %s", s.Name, s.Text)
	addr := ""
	if s.HasAddr {
		addr = fmt.Sprintf(" addr=0x%x", s.Addr)
	}
	l.put(&n, "PC=0x%x m=%d sigcode=%d%s", s.PC, s.M, uint64(s.Code), addr)
	if s.InCgo {
		l.put(&n, "signal arrived during cgo execution")
	}
}

func (l lines) block(b traceback.Block, minor int) {
	n := b.Line
	if b.RuntimeStack {
		l.put(&n, "runtime stack:")
	} else {
		l.put(&n, "%s", header(b.Goroutine, minor))
	}
	if b.StackUnavailable {
		l.put(&n, "\tgoroutine running on other thread; stack unavailable")
	}
	l.stack(b.Frames, b.Elided, b.CreatedBy, &n)
	for _, a := range b.Ancestors {
		l.put(&n, "[originating from goroutine %d]:", a.ID)
		l.stack(a.Frames, a.Elided, a.CreatedBy, &n)
	}
}

func (l lines) stack(frames []traceback.Frame, elided []traceback.Elision, creator *traceback.Creator, n *int) {
	for i, f := range frames {
		l.elided(elided, i, n)
		l.frame(f, n)
	}
	l.elided(elided, len(frames), n)
	l.creator(creator, n)
}

func (l lines) elided(elided []traceback.Elision, at int, n *int) {
	for _, e := range elided {
		switch {
		case e.At != at:
		case e.Count < 0:
			l.put(n, "...additional frames elided...")
		default:
			l.put(n, "...%d frames elided...", e.Count)
		}
	}
}

func (l lines) frame(f traceback.Frame, n *int) {
	if f.NonGo {
		l.put(n, "%s at pc=0x%x", f.Func, f.PC)
		return
	}
	l.put(n, "%s(%s)", f.Func, f.Args)
	l.put(n, "\t%s:%d%s%s", f.File, f.Line, offset(f.Offset), addresses(f))
}

func (l lines) creator(c *traceback.Creator, n *int) {
	if c == nil {
		return
	}
	in := ""
	if c.Goroutine != 0 {
		in = fmt.Sprintf(" in goroutine %d", c.Goroutine)
	}
	l.put(n, "created by %s%s", c.Func, in)
	l.put(n, "\t%s:%d%s", c.File, c.Line, offset(c.Offset))
}

func offset(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" +0x%x", n)
}

func addresses(f traceback.Frame) string {
	if !f.HasPC {
		return ""
	}
	return fmt.Sprintf(" fp=0x%x sp=0x%x pc=0x%x", f.FP, f.SP, f.PC)
}

func header(g traceback.Goroutine, minor int) string {
	s := fmt.Sprintf("goroutine %d", g.ID)
	if g.HasM {
		s += fmt.Sprintf(" gp=0x%x", g.GP)
		if g.MP == 0 {
			s += " m=nil"
		} else {
			s += fmt.Sprintf(" m=%d mp=0x%x", g.M, g.MP)
		}
	}
	s += " [" + g.Status
	for _, m := range []struct {
		on   bool
		text string
	}{{g.Leaked, " (leaked)"}, {g.Scan, " (scan)"}, {g.Durable, " (durable)"}} {
		if m.on {
			s += m.text
		}
	}
	if g.Minutes != 0 {
		s += fmt.Sprintf(", %d minutes", g.Minutes)
	}
	if g.Locked {
		s += ", locked to thread"
	}
	if g.Bubble != 0 {
		word := "bubble"
		if minor == 24 {
			word = "group"
		}
		s += fmt.Sprintf(", synctest %s %d", word, g.Bubble)
	}
	labels := ""
	for i, l := range g.Labels {
		if i > 0 {
			labels += ", "
		}
		if minor == 26 {
			labels += fmt.Sprintf("%q: %q", l.Key, l.Value)
		} else {
			labels += plainOrQuoted(l.Key) + ": " + plainOrQuoted(l.Value)
		}
	}
	switch {
	case labels == "":
		return s + "]:"
	case minor == 26:
		return s + " labels:{" + labels + "}]:"
	}
	return s + "] {" + labels + "}:"
}

func plainOrQuoted(s string) string {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '/' || r == '_') {
			return fmt.Sprintf("%q", s)
		}
	}
	return s
}
