package analyzer

import (
	"context"

	"postmortem/analyzer/facts"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/values"
)

// readValues reads arguments and locals of the goroutine that crashed.
func (a *analysis) readValues(ctx context.Context, g *gort.Goroutine, s *gort.Stack) []facts.FrameValues {
	frames, err := a.snap.Values(ctx, g.ID)
	if err != nil {
		a.snap.Runtime.AddGap(gort.Gap{What: err.Error(), Effect: "values of variables are missing"})
	}
	walked := make(map[[2]image.Addr]bool, len(s.Inner))
	for _, f := range s.Inner {
		walked[[2]image.Addr{f.PC, f.SP}] = true
	}
	var out []facts.FrameValues
	for _, f := range frames {
		// Delve can go astray where C code is on the stack: our own walk must agree.
		if walked[[2]image.Addr{image.Addr(f.PC), image.Addr(f.SP)}] {
			out = append(out, frameValues(f))
		}
	}
	return out
}

func frameValues(f values.FrameValues) facts.FrameValues {
	return facts.FrameValues{
		Func:      f.Func,
		File:      known(f.File),
		Line:      facts.Maybe[int]{V: f.Line, Known: f.File != ""},
		PC:        facts.Word(f.PC),
		Arguments: variables(f.Arguments),
		Locals:    variables(f.Locals),
		Problem:   known(f.Problem),
	}
}

func variables(vars []values.Variable) []facts.Variable {
	out := make([]facts.Variable, 0, len(vars))
	for _, v := range vars {
		out = append(out, facts.Variable{
			Name:       v.Name,
			Type:       v.Type,
			Value:      facts.Maybe[string]{V: v.Value, Known: v.Unreadable == ""},
			Unreadable: known(v.Unreadable),
		})
	}
	return out
}
