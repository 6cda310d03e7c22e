package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

const (
	defaultWidth = 100
	leastWidth   = 40
	indent       = "  "
)

// renderText writes for a terminal: wrapped to its width, tables in columns, and
// no control sequence but its own colors.
func renderText(w io.Writer, p *page, cfg Config) error {
	t := &terminal{width: cfg.Width, color: cfg.Color}
	if t.width <= 0 {
		t.width = defaultWidth
	}
	t.width = max(t.width, leastWidth)
	t.wrap(say(bold(p.title)), "", "")
	if p.alert != nil {
		t.line("")
		t.wrap(say("! ", p.alert), "", indent)
		t.line("")
	}
	for _, l := range p.head {
		t.wrap(l, "", indent)
	}
	for _, l := range p.what {
		t.line("")
		t.wrap(l, "", "")
	}
	for _, s := range p.sections {
		t.line("")
		t.wrap(say(bold(strings.ToUpper(s.heading))), "", "")
		for i, b := range s.blocks {
			if i > 0 {
				t.line("")
			}
			if err := t.block(b); err != nil {
				return err
			}
		}
	}
	_, err := w.Write(t.b.Bytes())
	return err
}

type terminal struct {
	b     bytes.Buffer
	width int
	color bool
}

func (t *terminal) line(s string) {
	t.b.WriteString(strings.TrimRight(s, " "))
	t.b.WriteByte('\n')
}

func (t *terminal) block(b block) error {
	switch b := b.(type) {
	case paragraph:
		for _, l := range b {
			t.wrap(l, indent, indent)
		}
	case bullets:
		for _, l := range b {
			t.wrap(l, indent+"- ", indent+"  ")
		}
	case steps:
		for i, l := range b {
			n := fmt.Sprintf("%d. ", i+1)
			t.wrap(l, indent+n, indent+strings.Repeat(" ", len(n)))
		}
	case verbatim:
		for _, l := range b {
			t.line(indent + indent + l)
		}
	case stack:
		for _, l := range stackText(b, t.width-2*len(indent)) {
			t.line(indent + indent + l)
		}
	case heading:
		t.wrap(text(b), indent, indent)
	case table:
		return t.table(b)
	}
	return nil
}

// wrap writes a text, broken between words at the width; a word that is longer
// than a line stays whole.
func (t *terminal) wrap(l text, first, rest string) {
	line, used, fresh := first, twwidth.Width(first), true
	for _, w := range t.words(l) {
		gap := 1
		if fresh {
			gap = 0
		}
		if !fresh && used+gap+w.width > t.width {
			t.line(line)
			line, used, gap = rest, twwidth.Width(rest), 0
		}
		line += strings.Repeat(" ", gap) + w.styled
		used += gap + w.width
		fresh = false
	}
	t.line(line)
}

// word is what stands between two spaces; several spans may have part in it.
type word struct {
	styled string
	width  int
}

func (t *terminal) words(l text) []word {
	var out []word
	open := false // the last word goes on
	for _, s := range l {
		for i, piece := range strings.Split(oneLine(s.text, spanWidth), " ") {
			if i > 0 {
				open = false
			}
			if piece == "" {
				continue
			}
			if !open {
				out = append(out, word{})
			}
			w := &out[len(out)-1]
			w.styled += t.styled(piece, s.style)
			w.width += twwidth.Width(piece)
			open = true
		}
	}
	return out
}

// styled colors a word.
func (t *terminal) styled(word string, s style) string {
	switch {
	case !t.color || s == plain:
		return word
	case s == code:
		return "\x1b[36m" + word + "\x1b[0m"
	}
	return "\x1b[1m" + word + "\x1b[0m"
}

// pairs writes keys and values; a long value goes on below itself, uncut, since it
// may be what one wants to copy.
func (t *terminal) pairs(b table) {
	if len(b.head) > 0 {
		t.wrap(say(b.head[0]), indent, indent)
	}
	width := 0
	for _, r := range b.rows {
		width = max(width, min(maxKey, twwidth.Width(plainText(r[0]))))
	}
	for _, r := range b.rows {
		key := pad(middle(plainText(r[0]), maxKey), width)
		t.wrap(r[1], indent+key+"  ", indent+strings.Repeat(" ", width+2))
	}
}

// maxKey is the most columns of a key.
const maxKey = 32

// table writes columns without borders; what does not fit is cut in the middle.
func (t *terminal) table(b table) error {
	if len(b.rows) == 0 {
		return nil
	}
	if len(b.rows[0]) == 2 {
		t.pairs(b)
		return nil
	}
	cells := make([][][]string, len(b.rows)) // row, column, line
	for i, r := range b.rows {
		cells[i] = make([][]string, len(r))
		for j, c := range r {
			cells[i][j] = cellLines(c)
		}
	}
	t.fit(cells, b.head)
	var buf bytes.Buffer
	align := make(tw.Alignment, len(b.rows[0]))
	for i := range align {
		align[i] = tw.AlignLeft
		if i < len(b.right) && b.right[i] {
			align[i] = tw.AlignRight
		}
	}
	none := tw.Border{Left: tw.Off, Right: tw.Off, Top: tw.Off, Bottom: tw.Off}
	w := tablewriter.NewTable(&buf,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: none,
			Settings: tw.Settings{
				Separators: tw.Separators{BetweenColumns: tw.Off, BetweenRows: tw.Off, ShowHeader: tw.Off},
				Lines:      tw.Lines{ShowHeaderLine: tw.Off, ShowTop: tw.Off, ShowBottom: tw.Off},
			},
		})),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.On),
		tablewriter.WithAlignment(align),
		tablewriter.WithHeaderAlignmentConfig(tw.CellAlignment{Global: tw.AlignLeft, PerColumn: align}),
		tablewriter.WithPadding(tw.Padding{Left: "", Right: "  ", Overwrite: true}),
	)
	if b.head != nil {
		w.Header(b.head)
	}
	for _, r := range cells {
		row := make([]string, len(r))
		for j, lines := range r {
			row[j] = strings.Join(lines, "\n")
		}
		if err := w.Append(row); err != nil {
			return fmt.Errorf("laying out a table: %w", err)
		}
	}
	if err := w.Render(); err != nil {
		return fmt.Errorf("laying out a table: %w", err)
	}
	for _, l := range strings.Split(strings.TrimRight(buf.String(), "\n"), "\n") {
		t.line(indent + l)
	}
	return nil
}

// cellLines is a cell as lines.
func cellLines(c text) []string {
	var lines []string
	start := 0
	for i, s := range c {
		if s.style == fold {
			lines = append(lines, plainText(c[start:i]))
			start = i + 1
		}
	}
	return append(lines, plainText(c[start:]))
}

// fit cuts cells until a row is at most as wide as the terminal: the widest column
// gives first.
func (t *terminal) fit(cells [][][]string, head []string) {
	width := make([]int, len(cells[0]))
	for j := range width {
		if j < len(head) {
			width[j] = twwidth.Width(head[j])
		}
		for _, r := range cells {
			for _, l := range r[j] {
				width[j] = max(width[j], twwidth.Width(l))
			}
		}
	}
	const least = 8
	for {
		sum, widest := len(indent), 0
		for j, w := range width {
			sum += w + 2
			if w > width[widest] {
				widest = j
			}
		}
		if sum <= t.width || width[widest] <= least {
			break
		}
		width[widest] -= min(sum-t.width, max(1, width[widest]/8))
	}
	for _, r := range cells {
		for j := range r {
			for k := range r[j] {
				r[j][k] = middle(r[j][k], width[j])
			}
		}
	}
}
