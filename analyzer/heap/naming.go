package heap

import (
	"slices"

	"postmortem/analyzer/graph"
	"postmortem/coreread"
	"postmortem/coreread/image"
)

// Snapshot returns the process whose heap it is.
func (a *Analysis) Snapshot() *coreread.Snapshot { return a.snap }

// Path writes a path of nodes of the graph, each of which refers to the next: the
// variable or goroutine that it begins with, then for each object its type and the
// field that leads on. Of a long path the first and the last steps are written.
func (a *Analysis) Path(nodes []uint32) []string {
	n := namer{graph: a.Graph, types: a.Types, start: a.names.start}
	steps, _ := n.path(nodes)
	return steps
}

// VariableAt returns the global variable that an address lies in.
func (a *Analysis) VariableAt(at image.Addr) (graph.Global, bool) {
	i, ok := slices.BinarySearchFunc(a.variables, at, func(v graph.Global, at image.Addr) int {
		switch {
		case v.Range.End <= at:
			return -1
		case v.Range.Start > at:
			return 1
		}
		return 0
	})
	if !ok {
		return graph.Global{}, false
	}
	return a.variables[i], true
}
