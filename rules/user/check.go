package user

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

// check is what a rule asks and says; nil expressions and templates were not given.
type check struct {
	severity                      facts.Severity
	confidence                    facts.Confidence
	forEach, when                 *expression
	message, summary              *template
	goroutines, groups, addresses *expression
	evidence                      []evidence
	dependsOn                     []string
	nextSteps                     []step
	docs                          string
}

type evidence struct {
	kind      string
	text, ref *template
}

type step struct {
	who    facts.Who
	action *template
}

// evaluate asks the rule of a document. Elements of which it is not known whether
// they are meant are left out; that is an error only if no other is found.
func (c *check) evaluate(ctx context.Context, doc *facts.Document) (found []facts.Finding, err error) {
	left := budget(costLimit)
	vars := &activation{doc: doc}
	if c.forEach == nil {
		return c.one(ctx, vars, &left)
	}
	elements, err := c.forEach.eval(ctx, vars, &left)
	if err != nil {
		return nil, err
	}
	var unknown error
	for it := elements.(traits.Lister).Iterator(); it.HasNext() == types.True; {
		f, err := c.one(ctx, &activation{doc: doc, each: it.Next()}, &left)
		if isUnknown(err) {
			unknown = err
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, f...)
	}
	if len(found) == 0 {
		return nil, unknown
	}
	return found, nil
}

// one asks with the variables set.
func (c *check) one(ctx context.Context, vars *activation, left *budget) ([]facts.Finding, error) {
	if c.when != nil {
		is, err := c.when.eval(ctx, vars, left)
		switch {
		case err != nil:
			return nil, err
		case is == types.NullValue:
			return nil, &rule.UnknownError{Why: c.when.at.start.String() + ": it is null, which is unknown"}
		case is != types.True:
			return nil, nil
		}
	}
	w := &writer{ctx: ctx, vars: vars, left: left}
	f := facts.Finding{
		Severity:   c.severity,
		Confidence: c.confidence,
		Title:      rule.Line(w.text(c.message), rule.TitleCap),
		Summary:    w.text(c.summary),
		Goroutines: w.goroutines(c),
		DependsOn:  slices.Clone(c.dependsOn),
		Docs:       c.docs,
	}
	for _, id := range w.numbers(c.groups) {
		f.Groups = append(f.Groups, int(id))
	}
	for _, e := range c.evidence {
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: e.kind, Text: w.text(e.text), Ref: w.text(e.ref)})
	}
	for _, s := range c.nextSteps {
		f.NextSteps = append(f.NextSteps, facts.NextStep{Who: s.who, Action: w.text(s.action)})
	}
	f.Addresses = w.words(c.addresses)
	return []facts.Finding{f}, w.err
}

// isUnknown reports whether an answer depends on what the document does not know.
func isUnknown(err error) bool {
	var unknown *rule.UnknownError
	return errors.As(err, &unknown)
}

// writer fills in a finding; the first error sticks. What is unknown is left out.
type writer struct {
	ctx  context.Context
	vars *activation
	left *budget
	err  error
}

func (w *writer) text(t *template) string {
	if w.err != nil {
		return ""
	}
	s, err := t.text(w.ctx, w.vars, w.left)
	w.err = err
	return s
}

// list evaluates an expression of a list; nil for none.
func (w *writer) list(e *expression) (elements []ref.Val) {
	if e == nil || w.err != nil {
		return nil
	}
	v, err := e.eval(w.ctx, w.vars, w.left)
	if isUnknown(err) {
		return nil
	}
	if w.err = err; err != nil {
		return nil
	}
	for it := v.(traits.Lister).Iterator(); it.HasNext() == types.True; {
		elements = append(elements, it.Next())
	}
	return elements
}

func (w *writer) numbers(e *expression) (ids []int64) {
	for _, v := range w.list(e) {
		if n, ok := v.(types.Int); ok {
			ids = append(ids, int64(n))
		}
	}
	return ids
}

func (w *writer) words(e *expression) (words []facts.Word) {
	for _, v := range w.list(e) {
		var word facts.Word
		if s, ok := v.(types.String); ok && word.UnmarshalJSON([]byte(`"`+string(s)+`"`)) == nil {
			words = append(words, word)
		}
	}
	return words
}

// goroutines are those that the rule names, or else those of its groups.
func (w *writer) goroutines(c *check) facts.FindingGoroutines {
	var ranges [][2]int64
	if c.goroutines == nil {
		for _, id := range w.numbers(c.groups) {
			if g := rule.Group(w.vars.doc, int(id)); g != nil {
				ranges = append(ranges, g.GoidRanges...)
			}
		}
	}
	for _, id := range w.numbers(c.goroutines) {
		ranges = append(ranges, [2]int64{id, id})
	}
	slices.SortFunc(ranges, func(a, b [2]int64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	out := facts.FindingGoroutines{}
	for _, r := range ranges {
		if n := len(out.GoidRanges); n > 0 && r[0] <= out.GoidRanges[n-1][1]+1 {
			out.GoidRanges[n-1][1] = max(out.GoidRanges[n-1][1], r[1])
			continue
		}
		out.GoidRanges = append(out.GoidRanges, r)
	}
	for _, r := range out.GoidRanges {
		out.Count += int(r[1] - r[0] + 1)
	}
	return out
}
