package report

// span is a run of text in one style. Text of any origin may stand in it: the
// writers of the formats escape it.
type span struct {
	text  string
	style style
}

type style uint8

const (
	plain style = iota
	strong
	code // a name, a number or a command to be taken literally
	fold // in a cell of a table: the rest goes below, where the format can
)

// text is a line or a paragraph.
type text []span

// say builds a text of strings (plain), spans and texts.
func say(parts ...any) text {
	var t text
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			t = append(t, span{text: p})
		case span:
			t = append(t, p)
		case text:
			t = append(t, p...)
		default:
			panic("report: say takes strings, spans and texts")
		}
	}
	return t
}

// below is the border between the lines of a cell.
func below() span { return span{" ", fold} }

func bold(s string) span { return span{s, strong} }
func lit(s string) span  { return span{s, code} }

// section is a heading with what stands below it.
type section struct {
	heading string
	blocks  []block
}

// block is one of paragraph, bullets, steps, verbatim, stack, table, heading.
type block any

type (
	// paragraph is a run of lines that belong together.
	paragraph []text
	// bullets is a list.
	bullets []text
	// steps is a numbered list.
	steps []text
	// verbatim is text from memory, line by line and already visible.
	verbatim []string
	// heading is a heading inside a section.
	heading text
)

// table has a cell for every column in every row. A table without head is one of
// keys and values.
type table struct {
	head  []string
	right []bool // columns aligned right
	rows  [][]text
}

// stack is a goroutine's or thread's stack, innermost frame first.
type stack struct {
	head  text
	lines []stackLine
	foot  []text
}

// stackLine is a frame, or a note in place of frames when pos and addr are empty.
type stackLine struct {
	fn, pos, addr, note string
	frames              int64 // that it stands for
}
