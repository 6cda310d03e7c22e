package user

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// position is a place in a file: line and column from 1 on, columns in characters.
type position struct {
	file         string
	line, column int
}

func (p position) String() string { return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.column) }

// Problem is what is wrong with a rule file.
type Problem struct {
	at      position
	message string
}

func (p *Problem) Error() string { return p.at.String() + ": " + p.message }

// Problems are all that were found, in the order of the file; there is at least one.
type Problems []*Problem

func (p Problems) Error() string {
	if len(p) == 1 {
		return p[0].Error()
	}
	return fmt.Sprintf("%s (and %d more)", p[0], len(p)-1)
}

// problems collects what is wrong with one file.
type problems struct{ list Problems }

func (p *problems) add(at position, format string, args ...any) {
	p.list = append(p.list, &Problem{at, fmt.Sprintf(format, args...)})
}

func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	return p.list
}

// scalar is a text of a file, and where each of its characters stands there.
type scalar struct {
	text   string
	start  position
	places []position // of the characters
}

// position of the character at a line, from 1 on, and column, from 0 on, of the text.
func (s *scalar) position(line, column int) position {
	for i, r := range []rune(s.text) {
		if line == 1 {
			if column == 0 && i < len(s.places) {
				return s.places[i]
			}
			column--
		}
		if r == '\n' {
			line--
		}
	}
	if line == 1 && column == 0 && len(s.places) > 0 { // behind the end
		last := s.places[len(s.places)-1]
		last.column++
		return last
	}
	return s.start
}

// part is the text from character i up to j, exclusive.
func (s *scalar) part(i, j int) *scalar {
	p := &scalar{text: string([]rune(s.text)[i:j]), start: s.start}
	if j <= len(s.places) {
		p.places = s.places[i:j]
	}
	if len(p.places) > 0 {
		p.start = p.places[0]
	}
	return p
}

// source is the text of a file by lines.
type source struct {
	file  string
	lines [][]rune
}

func newSource(file string, text []byte) *source {
	s := &source{file: file}
	for line := range strings.Lines(string(text)) {
		s.lines = append(s.lines, []rune(line))
	}
	return s
}

func (s *source) at(n *yaml.Node) position { return position{s.file, n.Line, n.Column} }

// scalar finds the characters of a node's value in the file, which quotes, escapes,
// indentation and folding set apart. What it does not find stands where the one
// before it does.
func (s *source) scalar(n *yaml.Node) *scalar {
	out := &scalar{text: n.Value, start: s.at(n)}
	line, column := n.Line-1, n.Column-1
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		line, column = line+1, 0 // behind the header
	}
	last := out.start
	for _, want := range n.Value {
		l, c, ok := s.next(line, column, want)
		if ok {
			last = position{s.file, l + 1, c + 1}
			line, column = l, c+1
		}
		out.places = append(out.places, last)
	}
	return out
}

// next finds a character from a place on. White space, which folding changes, is
// where it is only if it is there at once.
func (s *source) next(line, column int, want rune) (l, c int, ok bool) {
	if want == ' ' || want == '\n' || want == '\t' {
		if line < len(s.lines) && column < len(s.lines[line]) && strings.ContainsRune(" \t\r\n", s.lines[line][column]) {
			return line, column, true
		}
		return 0, 0, false
	}
	for ; line < len(s.lines); line, column = line+1, 0 {
		for ; column < len(s.lines[line]); column++ {
			if s.lines[line][column] == want {
				return line, column, true
			}
		}
	}
	return 0, 0, false
}
