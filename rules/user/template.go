package user

import (
	"context"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// template is a text with expressions in braces: "{size(waits.cycles)} cycles". Two
// braces stand for one.
type template struct {
	texts       []string // one more than expressions
	expressions []*expression
}

// parseTemplate checks all expressions of a text.
func parseTemplate(env *cel.Env, s *scalar, p *problems) *template {
	t := new(template)
	var text strings.Builder
	runes := []rune(s.text)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case (r == '{' || r == '}') && i+1 < len(runes) && runes[i+1] == r:
			text.WriteRune(r)
			i++
		case r == '{':
			end := closing(runes, i+1)
			if end < 0 {
				p.add(s.part(i, i+1).start, "this brace is not closed: write {{ for one brace")
				return nil
			}
			part := s.part(i+1, end)
			e := compile(env, part, p)
			if e != nil && !writable(e.ast.OutputType()) {
				p.add(part.start, "a %s cannot be written into a text", e.ast.OutputType())
			}
			t.texts = append(t.texts, text.String())
			t.expressions = append(t.expressions, e)
			text.Reset()
			i = end
		case r == '}':
			p.add(s.part(i, i+1).start, "this brace closes none: write }} for one brace")
			return nil
		default:
			text.WriteRune(r)
		}
	}
	t.texts = append(t.texts, text.String())
	return t
}

// closing finds the brace that ends an expression, past braces within it and in its
// strings; -1 when there is none.
func closing(runes []rune, i int) int {
	depth := 0
	var quote rune
	for ; i < len(runes); i++ {
		switch r := runes[i]; {
		case quote != 0 && r == '\\':
			i++
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
		case r == '"' || r == '\'':
			quote = r
		case r == '{':
			depth++
		case r == '}' && depth == 0:
			return i
		case r == '}':
			depth--
		}
	}
	return -1
}

// writable reports whether values of a type can be written into a text.
func writable(t *types.Type) bool {
	for _, ok := range []*types.Type{types.StringType, types.IntType, types.UintType, types.DoubleType, types.BoolType, types.NullType} {
		if t.IsExactType(ok) || t.IsExactType(types.NewNullableType(ok)) {
			return true
		}
	}
	return false
}

// text fills the template in; "" for no template.
func (t *template) text(ctx context.Context, vars *activation, left *budget) (string, error) {
	if t == nil {
		return "", nil
	}
	var out strings.Builder
	for i, e := range t.expressions {
		out.WriteString(t.texts[i])
		v, err := e.eval(ctx, vars, left)
		if isUnknown(err) {
			v = types.NullValue
		} else if err != nil {
			return "", err
		}
		out.WriteString(written(v))
	}
	out.WriteString(t.texts[len(t.texts)-1])
	return strings.TrimSpace(out.String()), nil
}

func written(v ref.Val) string {
	if v == types.NullValue {
		return unknownText
	}
	return fmt.Sprint(v.Value())
}
