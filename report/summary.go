package report

import (
	"errors"
	"fmt"
	"io"
	"reflect"

	"postmortem/analyzer/facts"
)

// SummaryBytes is the most that json-summary writes.
const SummaryBytes = 64 << 10

// summaryLimits are tried in turn until the summary fits. The last one fits
// whatever the document holds.
var summaryLimits = []limits{
	{elems: 20, text: 4096, byName: map[string]int{"list": 0, "registers": 0}},
	{elems: 10, text: 1024, byName: map[string]int{"list": 0, "registers": 0, "threads": 4}},
	{elems: 5, text: 256, byName: map[string]int{"list": 0, "registers": 0, "threads": 2}},
	{elems: 2, text: 64, byName: map[string]int{"list": 0, "registers": 0, "threads": 0}},
	{elems: 1, text: 16, byName: map[string]int{"list": 0, "registers": 0, "threads": 0, "frames": 0, "deps": 0}},
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
