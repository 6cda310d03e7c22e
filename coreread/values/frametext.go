package values

import (
	"fmt"
	"strings"

	"github.com/go-delve/delve/pkg/proc"
)

// frameText turns the variables of one frame into text.
type frameText struct {
	limits    Limits
	left      int // bytes of text that the frame may still take
	room      int // variables that the frame may still show
	dropped   int // variables that were not shown for want of either
	optimised bool
	inlined   bool
	firstLine int // of the function; 0 when not known
	mem       *memory
	seen      map[shown]bool
}

// shown is a pointer target whose content is in the frame's text already.
type shown struct {
	addr uint64
	typ  string
}

func (t *frameText) frame(vars []*proc.Variable) (arguments, locals []Variable, problem string) {
	t.seen, t.room = map[shown]bool{}, t.limits.Variables
	for _, v := range vars {
		if t.compilersOwn(v) {
			continue
		}
		if t.room == 0 || t.left <= 0 {
			t.dropped++
			continue
		}
		text := t.variable(v)
		t.room--
		t.left -= len(text.Name) + len(text.Type) + len(text.Value) + len(text.Unreadable)
		if v.Flags&proc.VariableArgument != 0 {
			arguments = append(arguments, text)
		} else {
			locals = append(locals, text)
		}
	}
	if t.dropped > 0 {
		problem = fmt.Sprintf("%d more variables are left out (limit)", t.dropped)
	}
	return arguments, locals, problem
}

// compilersOwn is true for what is not in the source. Unnamed results have no value before the return. From Go 1.27 on
// there are also the words that a variable was taken apart into, as "text.ptr", and "vflag" for the field flag of a
// variable v, the latter also of functions that were inlined (SplitSlot in cmd/compile/internal/ssa/func.go).
func (t *frameText) compilersOwn(v *proc.Variable) bool {
	if v.Name == "" || v.Name == "_" || v.Name[0] == '~' || strings.ContainsAny(v.Name, ".[") {
		return true
	}
	return t.optimised && !t.inlined && !parameter(v) && v.DeclLine > 0 && v.DeclLine < int64(t.firstLine)
}

func parameter(v *proc.Variable) bool {
	return v.Flags&(proc.VariableArgument|proc.VariableReturnArgument) != 0
}

// variable renders one variable.
func (t *frameText) variable(v *proc.Variable) Variable {
	out := Variable{
		Name:     printable(v.Name, maxType),
		Type:     printable(v.TypeString(), maxType),
		Shadowed: v.Flags&proc.VariableShadowed != 0,
	}
	if v.Unreadable != nil && v.LocationExpr == nil {
		out.Unreadable = reason(v.Unreadable)
		return out
	}
	lost, problem := locationOf(v).missing(v.DwarfType, compilation{t.optimised, parameter(v) && !t.inlined})
	if problem == "" && v.Unreadable != nil {
		problem = reason(v.Unreadable)
	}
	if problem != "" {
		out.Unreadable = problem
		return out
	}
	p := &printer{limits: t.limits, left: max(min(t.limits.ValueBytes, t.left)-len(ellipsis), 0), mem: t.mem, seen: t.seen}
	for _, s := range lost {
		p.missing = append(p.missing, span{v.Addr + s.start, v.Addr + s.end})
	}
	if p.lacks(v) {
		out.Unreadable = partlyAway
		return out
	}
	p.value(v)
	out.Value = p.text()
	return out
}
