package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// renderMarkdown writes GitHub-flavoured Markdown. Every span is escaped by what
// it stands in: prose by backslashes, code by a fence longer than any in it,
// cells of a table by escaped pipes.
func renderMarkdown(w io.Writer, p *page) error {
	m := &markdown{}
	m.line("# " + m.inline(say(p.title), false))
	if p.alert != nil {
		m.line("")
		m.line("> " + m.inline(p.alert, false))
		m.line("")
	}
	if len(p.head) > 0 {
		m.lines(p.head)
	}
	for _, t := range p.what {
		m.line("")
		m.line(m.inline(t, false))
	}
	for _, s := range p.sections {
		m.line("")
		m.line("## " + s.heading)
		for i, b := range s.blocks {
			if i > 0 {
				m.line("")
			}
			m.block(b)
		}
	}
	_, err := w.Write(m.b.Bytes())
	return err
}

type markdown struct {
	b bytes.Buffer
}

func (m *markdown) line(s string) {
	m.b.WriteString(s)
	m.b.WriteByte('\n')
}

// lines writes a paragraph that keeps its line breaks.
func (m *markdown) lines(lines []text) {
	var kept []string
	for _, t := range lines {
		if s := m.inline(t, false); s != "" { // an empty line would end the paragraph
			kept = append(kept, s)
		}
	}
	m.line(strings.Join(kept, "  \n"))
}

func (m *markdown) block(b block) {
	switch b := b.(type) {
	case paragraph:
		m.lines(b)
	case bullets:
		for _, t := range b {
			m.line("- " + m.inline(t, false))
		}
	case steps:
		for i, t := range b {
			m.line(fmt.Sprintf("%d. %s", i+1, m.inline(t, false)))
		}
	case verbatim:
		m.fenced(b)
	case stack:
		m.fenced(stackText(b, 0))
	case heading:
		m.line("### " + m.inline(text(b), false))
	case table:
		m.table(b)
	}
}

// stackText is a stack as lines.
func stackText(s stack, width int) []string {
	var out []string
	if h := plainText(s.head); h != "" {
		out = append(out, h)
	}
	out = append(out, layout(s.lines, width)...)
	for _, f := range s.foot {
		out = append(out, plainText(f))
	}
	return out
}

// plainText is a text without its styles, on one line.
func plainText(t text) string {
	var b strings.Builder
	for _, s := range t {
		b.WriteString(oneLine(s.text, spanWidth))
	}
	return b.String()
}

// spanWidth bounds the bytes of one run of text.
const spanWidth = 2000

// fenced writes visible lines as a code block whose fence none of them closes.
func (m *markdown) fenced(lines []string) {
	longest := 2
	for _, l := range lines {
		longest = max(longest, longestRun(l, '`'))
	}
	fence := strings.Repeat("`", longest+1)
	m.line(fence)
	for _, l := range lines {
		m.line(l)
	}
	m.line(fence)
}

func longestRun(s string, c byte) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

func (m *markdown) table(t table) {
	columns := 2
	if len(t.rows) > 0 {
		columns = len(t.rows[0])
	}
	head := t.head
	if head == nil {
		head = make([]string, columns)
	}
	row := func(cells []string) { m.line("| " + strings.Join(cells, " | ") + " |") }
	row(head)
	rule := make([]string, columns)
	for i := range rule {
		rule[i] = "---"
		if i < len(t.right) && t.right[i] {
			rule[i] = "---:"
		}
	}
	row(rule)
	for _, r := range t.rows {
		cells := make([]string, columns)
		for i := range cells {
			cells[i] = m.inline(r[i], true)
		}
		row(cells)
	}
}

// inline writes a text on one line; cell is for a cell of a table.
func (m *markdown) inline(t text, cell bool) string {
	var b strings.Builder
	for i := 0; i < len(t); i++ {
		s := t[i]
		if s.text == "" {
			continue
		}
		// neighbours of one style are one run of text: "**a****b**" is not bold
		for i+1 < len(t) && t[i+1].style == s.style {
			i++
			s.text += t[i].text
		}
		v := oneLine(s.text, spanWidth)
		switch s.style {
		case code:
			b.WriteString(codeSpan(v, cell))
		case strong:
			v = escapeProse(strings.TrimSpace(v), cell)
			// a lone asterisk would pair with the end of the bold text
			b.WriteString("**" + strings.ReplaceAll(v, "(*", `(\*`) + "**")
		default:
			b.WriteString(escapeProse(v, cell))
		}
	}
	return strings.TrimSpace(b.String())
}

// codeSpan wraps s in backticks. Inside a table a pipe ends the cell even in code,
// unless it is escaped.
func codeSpan(s string, cell bool) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	if cell {
		s = strings.ReplaceAll(s, "|", `\|`)
	}
	ticks := strings.Repeat("`", longestRun(s, '`')+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || s[0] == ' ' && s[len(s)-1] == ' ' {
		s = " " + s + " "
	}
	return ticks + s + ticks
}

// escapeProse makes s mean itself. Escaped is what may open or close an element
// where it stands: most names, the ticket's title among them, stay as they are.
func escapeProse(s string, cell bool) string {
	var b strings.Builder
	start := len(s) - len(strings.TrimLeft(s, " ")) // of what may be a line
	at := func(i int) byte {
		if i < 0 || i >= len(s) {
			return ' '
		}
		return s[i]
	}
	for i := range len(s) {
		c := s[i]
		escape := false
		switch c {
		case '\\', '`', '<', '|', '~', '&', '$':
			escape = true
		case '*': // in "(*T)" it can only open an emphasis, and all that could close one are escaped
			escape = at(i-1) != '(' || !isWordByte(at(i+1))
		case '_': // before a word it can only open an emphasis, likewise
			escape = !isWordByte(at(i + 1))
		case ']': // without a target or a definition brackets are themselves
			escape = strings.IndexByte("([:", at(i+1)) >= 0
		case '[':
			escape = i == start // a task's box
		case '>', '#', '-', '+', '=':
			escape = i == start && !cell
		case '.', ')':
			escape = !cell && i > start && allDigits(s[start:i]) && at(i+1) == ' '
		}
		if escape {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

func isWordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func allDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }
