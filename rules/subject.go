package rules

import (
	"slices"
	"strconv"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/signature"
	"postmortem/rules/rule"
)

// subject is what one piece of evidence points to.
type subject struct {
	names  []string       // of resources and types: they outlive a build
	groups []*facts.Group // whose stacks show it
	crash  bool
}

// subjectOf follows a JSON Pointer of a finding's evidence.
func subjectOf(doc *facts.Document, pointer string) (s subject) {
	path := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	s.crash = path[0] == "crash"
	if len(path) < 3 {
		return s
	}
	switch path[0] + "/" + path[1] {
	case "goroutines/groups":
		if g, ok := element(doc.Goroutines != nil, func() []facts.Group { return doc.Goroutines.Groups }, path[2]); ok {
			s.groups = []*facts.Group{g}
		}
	case "goroutines/list":
		if g, ok := element(doc.Goroutines != nil, func() []facts.Goroutine { return doc.Goroutines.List }, path[2]); ok {
			s.of(doc, g.ID)
		}
	case "waits/resources":
		if r, ok := element(doc.Waits != nil, func() []facts.Resource { return doc.Waits.Resources }, path[2]); ok {
			s.resource(r)
			for _, h := range r.Holders {
				s.of(doc, h.Goroutine)
			}
		}
	case "waits/cycles":
		if c, ok := element(doc.Waits != nil, func() []facts.WaitCycle { return doc.Waits.Cycles }, path[2]); ok {
			s.cycle(doc, c)
		}
	case "waits/head_blockers":
		if h, ok := element(doc.Waits != nil, func() []facts.HeadBlocker { return doc.Waits.HeadBlockers }, path[2]); ok {
			s.of(doc, h.Goroutine)
			s.resources(doc, h.Resources)
		}
	case "waits/leaks":
		if len(path) > 3 && path[2] == "groups" {
			if l, ok := element(doc.Waits != nil && doc.Waits.Leaks != nil, func() []facts.LeakGroup { return doc.Waits.Leaks.Groups }, path[3]); ok {
				s.groups = []*facts.Group{rule.Group(doc, l.Group)}
			}
		}
	case "heap/suspects":
		if h, ok := element(doc.Heap != nil, func() []facts.Suspect { return doc.Heap.Suspects }, path[2]); ok {
			s.names = append(slices.Clone(h.Path[:min(1, len(h.Path))]), h.Type.V)
		}
	case "heap/retained_by_group":
		if r, ok := element(doc.Heap != nil, func() []facts.GroupRetained { return doc.Heap.RetainedByGroup }, path[2]); ok {
			s.groups = []*facts.Group{rule.Group(doc, r.Group)}
		}
	}
	s.groups = slices.DeleteFunc(s.groups, func(g *facts.Group) bool { return g == nil })
	return s
}

// element is the one that a step of a JSON Pointer names; ok is false when there is
// none.
func element[T any](there bool, list func() []T, step string) (*T, bool) {
	i, err := strconv.Atoi(step)
	if err != nil || !there || i < 0 || i >= len(list()) {
		return nil, false
	}
	return &list()[i], true
}

func (s *subject) of(doc *facts.Document, goroutine int64) {
	s.groups = append(s.groups, rule.GroupOf(doc, goroutine))
}

func (s *subject) resource(r *facts.Resource) {
	if r.Name.Known {
		s.names = append(s.names, string(r.Kind)+" "+r.Name.V)
	}
}

func (s *subject) resources(doc *facts.Document, ids []int) {
	for _, id := range ids {
		if i := slices.IndexFunc(doc.Waits.Resources, func(r facts.Resource) bool { return r.ID == id }); i >= 0 {
			s.resource(&doc.Waits.Resources[i])
		}
	}
}

// cycleGroups is how many different stacks of a cycle are looked at.
const cycleGroups = 100

// cycle has no first goroutine: the one whose stack sorts first stands for it.
func (s *subject) cycle(doc *facts.Document, c *facts.WaitCycle) {
	functions := map[*facts.Group][]string{}
	for _, id := range c.Goroutines {
		g := rule.GroupOf(doc, id)
		if _, seen := functions[g]; g == nil || seen || len(functions) == cycleGroups {
			continue
		}
		functions[g] = inApp(g)
		s.groups = append(s.groups, g)
	}
	slices.SortStableFunc(s.groups, func(a, b *facts.Group) int { return slices.Compare(functions[a], functions[b]) })
	s.resources(doc, c.Resources[:min(cycleGroups, len(c.Resources))])
	slices.Sort(s.names)
}

// inApp are the program's own functions on a group's stack, as signatures name them.
func inApp(g *facts.Group) []string {
	if g == nil {
		return nil
	}
	if s := signature.Of("", "", g.Frames, g.Cycle); s != nil {
		return s.Frames
	}
	return nil
}

// lead is the group whose stack shows a finding's bug: the first with functions of
// the program's own that its evidence points to, or else of its groups and
// goroutines. It is nil when there is none.
func lead(doc *facts.Document, f *facts.Finding) *facts.Group {
	var candidates []*facts.Group
	for _, e := range f.Evidence {
		candidates = append(candidates, subjectOf(doc, e.Ref).groups...)
	}
	for _, id := range f.Groups {
		candidates = append(candidates, rule.Group(doc, id))
	}
	for _, r := range f.Goroutines.GoidRanges[:min(1, len(f.Goroutines.GoidRanges))] {
		candidates = append(candidates, rule.GroupOf(doc, r[0]))
	}
	for _, g := range candidates {
		if len(inApp(g)) > 0 {
			return g
		}
	}
	return nil
}
