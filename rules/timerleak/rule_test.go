package timerleak

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/ruletest"
)

// with has so many objects of a type.
func with(name string, n uint64) *facts.Document {
	doc := ruletest.Healthy()
	doc.Heap.Types = []facts.TypeTotal{{Name: facts.Some("main.Item"), Count: 900_000, Bytes: 100 << 20}, {Name: facts.Some(name), Count: n, Bytes: n * 96}}
	return doc
}

func TestFiresOnTickers(t *testing.T) {
	doc := with("time.Ticker", 48_000)
	doc.Target.GoVersion = facts.Some("go1.22.12")
	f := ruletest.Fires(t, Rule, doc)
	ruletest.Is(t, f, facts.SeverityWarning, facts.ConfidenceLikely)
	ruletest.Says(t, f, "48,000 tickers for 269 goroutines", "Before Go 1.23")
}

func TestClearOnFewTimers(t *testing.T) {
	ruletest.Clear(t, Rule, with("time.Ticker", 9_999))
	ruletest.Clear(t, Rule, with("main.Ticker", 48_000))
	ruletest.Clear(t, Rule, ruletest.Healthy())
}
