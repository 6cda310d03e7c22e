package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"postmortem/analyzer/facts"
)

// Bounds of one stack on a page; the JSON document has the frames left out here.
const (
	shownInner = 24
	shownOuter = 6
	shownCycle = 6 // innermost ones when a cycle is named
)

// isRuntime reports whether a frame belongs to the Go runtime's own code.
func isRuntime(f *facts.Frame) bool {
	return !f.InApp && (strings.HasPrefix(f.Func, "runtime.") || strings.HasPrefix(f.Func, "internal/runtime/") ||
		strings.HasPrefix(f.Func, "runtime/internal/"))
}

// stackLines lays out a stack: runs of the runtime's frames are folded unless there is
// nothing else, a long stack keeps its ends, and what is left out is said. Elided is
// how many frames are missing behind the first facts.FramesKept.
func (n *names) stackLines(frames []*facts.Frame, elided int64, cycle *facts.Cycle) []stackLine {
	frames = slices.DeleteFunc(slices.Clone(frames), func(f *facts.Frame) bool { return f == nil })
	split := min(len(frames), facts.FramesKept)
	fold := slices.ContainsFunc(frames, func(f *facts.Frame) bool { return !isRuntime(f) })
	lines := n.fold(frames[:split], fold)
	if elided > 0 {
		lines = append(lines, stackLine{fn: "… " + plural(elided, "frame") + " elided", frames: elided})
	}
	lines = append(lines, n.fold(frames[split:], fold)...)
	inner := shownInner
	if cycle != nil {
		inner = shownCycle
	}
	if len(lines) > inner+shownOuter+1 {
		var left int64
		for _, l := range lines[inner : len(lines)-shownOuter] {
			left += l.frames
		}
		lines = slices.Concat(lines[:inner],
			[]stackLine{{fn: "… " + plural(left, "frame") + " not shown"}},
			lines[len(lines)-shownOuter:])
	}
	if cycle != nil && len(cycle.Funcs) > 0 {
		lines = append(lines, stackLine{fn: n.cycle(cycle)})
	}
	return lines
}

// fold writes a line for a frame, and one for a run of the runtime's or of equal ones.
func (n *names) fold(frames []*facts.Frame, fold bool) []stackLine {
	var lines []stackLine
	for i := 0; i < len(frames); {
		run := 0
		for fold && i+run < len(frames) && isRuntime(frames[i+run]) {
			run++
		}
		if run > 1 || run == 1 && frames[i].Func == "runtime.goexit" {
			lines = append(lines, stackLine{fn: "… " + plural(run, "runtime frame"), frames: int64(run)})
			i += run
			continue
		}
		l := n.frame(frames[i])
		same := 1
		for i+same < len(frames) && n.frame(frames[i+same]) == l {
			same++
		}
		i += same
		lines = append(lines, l)
		switch {
		case same == 2:
			lines = append(lines, l)
		case same > 2:
			lines = append(lines, stackLine{fn: fmt.Sprintf("… the same frame %s more times", count(same-1)), frames: int64(same - 1)})
		}
	}
	return lines
}

// cycle says how often the repeating part of a recursion repeats.
func (n *names) cycle(c *facts.Cycle) string {
	return "↻ " + n.round(c) + ", " + count(c.Repeats) + " times"
}

// round names the functions of one round of a recursion, innermost first.
func (n *names) round(c *facts.Cycle) string {
	const most = 6
	var fns []string
	for i, f := range c.Funcs {
		if i == most {
			fns = append(fns, "… "+strconv.Itoa(len(c.Funcs)-most)+" more")
			break
		}
		fns = append(fns, n.fn(f))
	}
	return strings.Join(fns, " ← ")
}

func (n *names) frame(f *facts.Frame) stackLine {
	l := stackLine{fn: n.fn(f.Func), pos: n.position(f), frames: 1}
	switch {
	case f.StaticPC.Known:
		l.addr = "@" + hex(f.StaticPC.V)
	case f.PC.Known:
		l.addr = "pc " + hex(f.PC.V)
	}
	switch f.Trust {
	case facts.TrustFramePointer:
		l.note = "(found by frame pointer)"
	case facts.TrustScan:
		l.note = "(found by scanning: may be stale)"
	}
	if f.Inlined {
		l.note = strings.TrimSpace("inlined " + l.note)
	}
	return l
}

// layout aligns the lines of a stack in columns. A name or position longer than
// its column is cut in the middle; width 0 is unbounded.
func layout(lines []stackLine, width int) []string {
	const least = 20
	fnMax, posMax := 72, 48
	if width > 0 {
		var fnNeeds, posNeeds int
		for _, l := range lines {
			if l.pos != "" || l.addr != "" {
				fnNeeds, posNeeds = max(fnNeeds, twwidth.Width(l.fn)), max(posNeeds, twwidth.Width(l.pos))
			}
		}
		rest := width - 2*3 - 10
		fnMax = max(least, min(fnMax, max(rest*3/5, rest-posNeeds))) // what one column does not need the other gets
		posMax = max(least, min(posMax, max(rest*2/5, rest-min(fnMax, fnNeeds))))
	}
	cells := make([][3]string, len(lines))
	var fnW, posW int
	for i, l := range lines {
		if l.pos == "" && l.addr == "" && l.note == "" {
			cells[i] = [3]string{oneLine(l.fn, 400)}
			continue
		}
		cells[i] = [3]string{middle(oneLine(l.fn, 400), fnMax), middle(oneLine(l.pos, 400), posMax), strings.TrimSpace(l.addr + " " + oneLine(l.note, 100))}
		fnW = max(fnW, twwidth.Width(cells[i][0]))
		posW = max(posW, twwidth.Width(cells[i][1]))
	}
	out := make([]string, len(lines))
	for i, c := range cells {
		if c[1] == "" && c[2] == "" {
			out[i] = c[0]
			continue
		}
		out[i] = strings.TrimRight(pad(c[0], fnW)+"  "+pad(c[1], posW)+"  "+c[2], " ")
	}
	return out
}

// pad fills s with spaces up to a width in terminal cells.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-twwidth.Width(s)))
}

// middle cuts the middle out of s, so that it is at most width runes long: of a
// function's name the package and the method both tell.
func middle(s string, width int) string {
	r := []rune(s)
	if len(r) <= width || width < 3 {
		return s
	}
	head := (width - 1) / 3
	return string(r[:head]) + "…" + string(r[len(r)-(width-1-head):])
}
