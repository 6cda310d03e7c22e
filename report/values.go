package report

import (
	"postmortem/analyzer/facts"
)

// Widths that keep a value on one line of a page.
const (
	variableNameWidth = 40
	variableTypeWidth = 60
	valueWidth        = 400
)

// values lists the variables of the crashing goroutine's functions, those that
// can be read. Functions of which nothing can be read are left out.
func (a *author) values() []block {
	var lines verbatim
	for _, f := range a.crash.Values {
		vars := append(readable(f.Arguments), readable(f.Locals)...)
		if len(vars) == 0 {
			continue
		}
		lines = append(lines, oneLine(a.fn(f.Func)+a.placeOf(f), messageWidth))
		for _, v := range vars {
			lines = append(lines, "    "+oneLine(v.Name, variableNameWidth)+" "+oneLine(v.Type, variableTypeWidth)+" = "+oneLine(v.Value.V, valueWidth))
		}
	}
	switch {
	case a.crash.Values == nil:
		return nil
	case len(lines) == 0:
		return []block{paragraph{say("Of the variables on this stack none can be read: they were optimised away, or in registers that are lost.")}}
	}
	return []block{paragraph{say("Arguments and local variables:")}, lines}
}

func readable(vars []facts.Variable) (out []facts.Variable) {
	for _, v := range vars {
		if v.Value.Known {
			out = append(out, v)
		}
	}
	return out
}

func (a *author) placeOf(f facts.FrameValues) string {
	if pos := a.place(f.File, f.Line); pos != "" {
		return "  " + pos
	}
	return ""
}
