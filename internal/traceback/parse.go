package traceback

import "strings"

// Parse reads a print. Text of any other kind becomes notes, so there are no errors; what is returned is bounded by the
// length of the text.
func Parse(text string) *Print {
	p := parser{rest: text, print: new(Print)}
	p.print.Parts = []Part{{Line: 1, Signal: -1}}
	for p.next() {
		p.atTop()
	}
	if !p.dying {
		p.print.Blocks, p.print.Earlier = p.print.Earlier, nil
	}
	return p.print
}

// parser goes through the text line by line.
type parser struct {
	rest  string // what comes after the line
	line  string // the line at hand, without its end
	n     int    // its number
	again bool   // next is to return the line at hand once more
	dying bool   // a line has spoken of the death
	print *Print
}

// next moves to the next line.
func (p *parser) next() bool {
	if p.again {
		p.again = false
		return true
	}
	if p.rest == "" {
		return false
	}
	p.line, p.rest, _ = strings.Cut(p.rest, "\n")
	p.line = strings.TrimSuffix(p.line, "\r")
	p.n++
	return true
}

// unread makes next return the line at hand again.
func (p *parser) unread() { p.again = true }

// peek is the line after the one at hand; "" at the end.
func (p *parser) peek() string {
	line, _, _ := strings.Cut(p.rest, "\n")
	return strings.TrimSuffix(line, "\r")
}

// atTop reads what starts with the line at hand, outside of any block.
func (p *parser) atTop() {
	switch line := p.line; {
	case line == "":
	case line == "-----":
		p.print.Parts = append(p.print.Parts, Part{Line: p.n, Signal: -1})
	case strings.HasPrefix(line, panicPrefix):
		p.panics()
	case strings.HasPrefix(line, "fatal error: "), strings.HasPrefix(line, "fatal: "):
		p.fatal()
	case line == "runtime stack:":
		p.block(Block{Line: p.n, RuntimeStack: true, Goroutine: Goroutine{M: -1}})
	case p.signalInBrackets(), p.threadSignal(), p.register():
	default:
		if g, ok := parseHeader(line); ok {
			p.block(Block{Line: p.n, Goroutine: g})
			return
		}
		p.print.Notes = append(p.print.Notes, Note{p.n, line})
	}
}

// part is the part that is being read.
func (p *parser) part() *Part { return &p.print.Parts[len(p.print.Parts)-1] }

// block reads the lines below a header.
func (p *parser) block(b Block) {
	b.Part = len(p.print.Parts) - 1
	for p.next() {
		if !p.inBlock(&b.Goroutine) {
			p.unread()
			break
		}
	}
	if p.dying {
		p.print.Blocks = append(p.print.Blocks, b)
	} else {
		p.print.Earlier = append(p.print.Earlier, b)
	}
}

// inBlock takes the line at hand as part of g, or says that it is not.
func (p *parser) inBlock(g *Goroutine) bool {
	line := p.line
	if line == "" {
		return false
	}
	if id, ok := originating(line); ok {
		g.Ancestors = append(g.Ancestors, Ancestor{ID: id})
		return true
	}
	frames, elided, creator := &g.Frames, &g.Elided, &g.CreatedBy
	if n := len(g.Ancestors); n > 0 {
		a := &g.Ancestors[n-1]
		frames, elided, creator = &a.Frames, &a.Elided, &a.CreatedBy
	}
	if n, ok := elision(line); ok {
		*elided = append(*elided, Elision{At: len(*frames), Count: n})
		return true
	}
	if c, ok := parseCreator(line); ok {
		if place, ok := parsePlace(p.peek()); ok {
			p.next()
			c.File, c.Line, c.Offset = place.file, place.line, place.offset
		}
		*creator = c
		return true
	}
	if strings.HasPrefix(line, "\tgoroutine running on other thread; stack unavailable") {
		g.StackUnavailable = true
		return true
	}
	if f, lines, ok := parseFrame(line, p.peek()); ok {
		if lines == 2 {
			p.next()
		}
		*frames = append(*frames, f)
		return true
	}
	return p.noteInBlock(g)
}

// noteInBlock keeps a line that the runtime writes between frames: the unwinder's complaints and its dump of the stack,
// which are not followed by a blank line (traceback.go, tracebackHexdump).
func (p *parser) noteInBlock(g *Goroutine) bool {
	line := p.line
	for _, prefix := range []string{"runtime: ", "stack: frame=", "\tstack=", "\truntime: ", "traceback: ", "0x"} {
		if strings.HasPrefix(line, prefix) {
			g.Notes = append(g.Notes, Note{p.n, line})
			return true
		}
	}
	return false
}
