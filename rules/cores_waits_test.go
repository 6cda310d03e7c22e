package rules_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/ruletest"
)

// waits are what goroutines of committed cores wait for in vain, by the rule that
// finds it: one of its findings is so bad and so certain and says all that.
var waits = []struct {
	rule       string
	cores      []string
	severity   facts.Severity
	confidence facts.Confidence
	says       []string
}{
	{"deadlock-cycle", []string{"service-hang-1.27.3-w-sigabrt", "service-hang-1.22.12-w-sigabrt"}, facts.SeverityCritical, facts.ConfidenceProven,
		[]string{"lock cycle of 2 goroutines, 300 more behind it", "holds main.Ledger.mu and waits for main.Cache.mu", "take the locks in one order"}},
	{"deadlock-cycle", []string{"waits-shapes-1.27.3-plain", "waits-shapes-1.18.10-w"}, facts.SeverityError, facts.ConfidenceProven,
		[]string{"waits for what it holds itself"}},
	{"lock-contention-pileup", []string{"service-hang-1.27.3-w-sigabrt"}, facts.SeverityError, facts.ConfidenceProven,
		[]string{"301 goroutines wait for main.Ledger.mu, held by", "deadlock-cycle"}},
	{"lock-held-across-blocking-call", []string{"waits-shapes-1.27.3-plain", "waits-shapes-1.22.12-plain"}, facts.SeverityWarning, facts.ConfidenceProven,
		[]string{"while it waits for a channel"}},
	{"channel-deadlock", []string{"dies-deadlock-1.27.3-plain", "dies-deadlock-1.22.12-w"}, facts.SeverityCritical, facts.ConfidenceProven,
		[]string{"and nobody sends"}},
	{"channel-deadlock", []string{"waits-shapes-1.27.3-plain"}, facts.SeverityError, facts.ConfidenceLikely,
		[]string{"20 goroutines send on", "and nobody receives"}},
	{"nil-channel", []string{"waits-shapes-1.27.3-plain", "waits-shapes-1.18.10-w"}, facts.SeverityWarning, facts.ConfidenceProven,
		[]string{"a nil channel in main."}},
	{"goroutine-leak", []string{"service-leak-1.27.3-w-sigabrt", "service-leak-1.22.12-w-sigabrt"}, facts.SeverityError, facts.ConfidenceProven,
		[]string{"2,000 goroutines leaked in main.fetch.func1", "nothing that can run refers to the channel"}},
	{"netpoll-pileup", []string{"strain-peer-1.27.3-w"}, facts.SeverityWarning, facts.ConfidenceLikely,
		[]string{"220 goroutines wait for the network in main.ask"}},
	{"slow-peer", []string{"strain-peer-1.27.3-w"}, facts.SeverityError, facts.ConfidenceLikely,
		[]string{"220 goroutines wait for 127.0.0.1:", "no read deadline"}},
	{"timer-leak", []string{"strain-peer-1.27.3-w"}, facts.SeverityWarning, facts.ConfidenceLikely,
		[]string{"12,000 timers or tickers for ", "runtime.timeTimer"}},
}

func TestWaitsOfCores(t *testing.T) {
	for _, w := range waits {
		for _, name := range w.cores {
			t.Run(w.rule+"/"+name, func(t *testing.T) {
				doc := factsOf(t, name)
				found := builtin(t, w.rule).Check(doc)
				fits := func(f facts.Finding) bool {
					b, err := json.Marshal(f)
					if err != nil {
						t.Fatal(err)
					}
					return f.Severity == w.severity && f.Confidence == w.confidence &&
						!slices.ContainsFunc(w.says, func(s string) bool { return !strings.Contains(string(b), s) })
				}
				if !slices.ContainsFunc(found, fits) {
					t.Errorf("none is %s, %s and says %q: %+v", w.severity, w.confidence, w.says, found)
				}
			})
		}
	}
}

// TestIdleServersAreWell: connections that are kept alive, workers without work and
// tickers are nothing to report.
func TestIdleServersAreWell(t *testing.T) {
	for _, name := range []string{"service-idle-1.27.3-w-gcore", "service-idle-1.22.12-w-sigquit"} {
		doc := factsOf(t, name)
		for _, w := range waits {
			for _, f := range builtin(t, w.rule).Check(doc) {
				if ruletest.Above(f.Severity, facts.SeverityInfo) {
					t.Errorf("%s: %s: %s", name, w.rule, f.Title)
				}
			}
		}
	}
}
