package report

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"

	"postmortem/analyzer/facts"
)

// SummaryBytes is the most that json-summary writes.
const SummaryBytes = 64 << 10

// summaryLimits are tried in turn until the summary fits. The last one fits
// whatever the document holds.
var summaryLimits = []limits{
	{elems: 20, text: 4096, byName: with(nil)},
	{elems: 10, text: 1024, byName: with(map[string]int{"threads": 4})},
	{elems: 5, text: 256, byName: with(map[string]int{"threads": 2})},
	{elems: 2, text: 64, byName: with(map[string]int{"threads": 0})},
	{elems: 1, text: 16, byName: with(map[string]int{"threads": 0, "frames": 0, "deps": 0})},
}

// summaryBounds bound what is long and tells little at its end; list and registers
// are for whoever has the whole document.
var summaryBounds = map[string]int{
	"list": 0, "registers": 0,
	"allocation_sites": 2, "arenas": 2, "by_class": 10, "dominators": 10, "packages": 5, "path": 8,
	"retaining_path": 8, "roots": 10, "suspects": 5, "top": 3,
}

// with adds bounds to those of every summary.
func with(bounds map[string]int) map[string]int {
	m := maps.Clone(summaryBounds)
	maps.Copy(m, bounds)
	return m
}

// renderSummary writes the document with its arrays and texts cut so that
// SummaryBytes hold it: the same keys, and NAME_total beside what was cut.
func renderSummary(w io.Writer, doc *facts.Document) error {
	for i := range summaryLimits {
		buf := boundedBuffer{max: SummaryBytes}
		err := writeJSON(&buf, reflect.ValueOf(doc).Elem(), &summaryLimits[i])
		if errors.Is(err, errTooLarge) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = w.Write(buf.b)
		return err
	}
	return fmt.Errorf("the tightest summary does not fit into %d bytes", SummaryBytes)
}

var errTooLarge = errors.New("larger than the bound")

// boundedBuffer refuses to grow past max bytes.
type boundedBuffer struct {
	b   []byte
	max int
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if len(b.b)+len(p) > b.max {
		return 0, errTooLarge
	}
	b.b = append(b.b, p...)
	return len(p), nil
}
