package user

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"postmortem/internal/units"
	"postmortem/rules/rule"
)

// eachVariable is the variable that holds the element of for_each.
const eachVariable = "each"

// Bounds of one rule.
const (
	// costLimit is in units of the library: about one for each step of an expression.
	// That is a second or two.
	costLimit = 10_000_000
	// interruptEvery is how many elements of a list are looked at between two looks at
	// whether the run has ended.
	interruptEvery = 1000
	// maxExpression is in characters.
	maxExpression = 10_000
)

// newEnv is what expressions are checked against; each is the type of the element of
// for_each, nil outside of it.
func newEnv(each *cel.Type) (*cel.Env, error) {
	v := words()
	options := []cel.EnvOption{
		cel.CustomTypeAdapter(v), cel.CustomTypeProvider(v),
		cel.CrossTypeNumericComparisons(true),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.Function("bytes_text", textOf("bytes", func(n int64) string { return units.Size(uint64(max(n, 0))) })...),
		cel.Function("ns_text", textOf("ns", units.Duration)...),
		cel.Function("count_text", textOf("count", units.Count[int64])...),
	}
	options = append(options, v.variables()...)
	if each != nil {
		options = append(options, cel.Variable(eachVariable, each))
	}
	return cel.NewEnv(options...)
}

// textOf is a function that writes a number for people; null is "unknown".
func textOf(name string, text func(int64) string) []cel.FunctionOpt {
	return []cel.FunctionOpt{cel.Overload(name+"_text_int", []*cel.Type{cel.NullableType(cel.IntType)}, cel.StringType,
		cel.UnaryBinding(func(v ref.Val) ref.Val {
			if n, ok := v.(types.Int); ok {
				return types.String(text(int64(n)))
			}
			return types.String(unknownText)
		}), cel.OverloadIsNonStrict())}
}

// unknownText stands in texts for what is null.
const unknownText = "unknown"

// expression is one that has been checked.
type expression struct {
	program cel.Program
	ast     *cel.Ast
	at      *scalar
}

// compile checks an expression. Its problems are where they are in the file.
func compile(env *cel.Env, at *scalar, problems *problems) *expression {
	ast, issues := env.Compile(at.text)
	if issues.Err() != nil {
		for _, e := range issues.Errors() {
			place := at.position(e.Location.Line(), e.Location.Column())
			if strings.HasPrefix(e.Message, undefinedField) { // the library points at the dot before it
				place = at.position(e.Location.Line(), e.Location.Column()+1)
			}
			problems.add(place, "%s", explain(e.Message))
		}
		return nil
	}
	program, err := env.Program(ast, cel.CostLimit(costLimit), cel.InterruptCheckFrequency(interruptEvery), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		problems.add(at.start, "%v", err)
		return nil
	}
	return &expression{program, ast, at}
}

// undefinedField begins the library's message of a field that a type does not have.
const undefinedField = "undefined field '"

// explain says more of a message of the library where that helps.
func explain(message string) string {
	message = strings.ReplaceAll(message, " (in container '')", "")
	if field, ok := strings.CutPrefix(message, undefinedField); ok {
		field = strings.TrimSuffix(field, "'")
		return fmt.Sprintf("there is no field %q here%s", field, hint(field))
	}
	if name, ok := strings.CutPrefix(message, "undeclared reference to '"); ok {
		name, _, _ = strings.Cut(name, "'")
		return fmt.Sprintf("there is no variable or function %q", name)
	}
	return message
}

// budget is the cost that a rule has left.
type budget uint64

var errCost = fmt.Errorf("it takes more than %d steps: narrow what it looks at", costLimit)

// eval evaluates the expression. A *rule.UnknownError says that what it asks is not known.
func (e *expression) eval(ctx context.Context, vars *activation, left *budget) (ref.Val, error) {
	out, details, err := e.program.ContextEval(ctx, vars)
	if details != nil && details.ActualCost() != nil {
		if cost := *details.ActualCost(); cost >= uint64(*left) {
			*left = 0
		} else {
			*left -= budget(cost)
		}
	}
	cancelled := interpreter.EvalCancelledError{}
	switch {
	case err == nil && *left > 0:
		return out, nil
	case *left == 0, errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded:
		return nil, errCost
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	err = e.locate(err)
	if errors.Is(err, errUnknown) {
		return nil, &rule.UnknownError{Why: err.Error()}
	}
	return nil, err
}

// locate says where in the file an error happened.
func (e *expression) locate(err error) error {
	at := e.at.start
	var celErr *types.Err
	if errors.As(err, &celErr) {
		if l := e.ast.NativeRep().SourceInfo().GetStartLocation(celErr.NodeID()); l.Line() > 0 {
			at = e.at.position(l.Line(), l.Column())
		}
	}
	if strings.Contains(err.Error(), "no such overload") || strings.Contains(err.Error(), "expected iterable type") {
		return fmt.Errorf("%s: a value %w", at, errUnknown)
	}
	return fmt.Errorf("%s: %w", at, err)
}
