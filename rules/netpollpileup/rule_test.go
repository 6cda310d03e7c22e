package netpollpileup

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/ruletest"
)

func TestFiresOnReaders(t *testing.T) {
	doc := ruletest.Waiting()
	ruletest.AddGroup(doc, 1412, "IO wait", facts.QuadrantNetpoll, "main.handle", "internal/poll.(*FD).Read", "net.(*conn).Read", "main.(*Client).Fetch").WaitedAtLeastNS =
		facts.WaitSpread{Min: facts.Some[int64](1e9), Median: facts.Some[int64](30e9), Max: facts.Some[int64](60e9)}
	f := ruletest.Fires(t, Rule, doc)
	ruletest.Is(t, f, facts.SeverityError, facts.ConfidenceLikely)
	ruletest.Says(t, f, "1,412 goroutines wait for the network in main.(*Client).Fetch", "half of them for at least 30s")
}

func TestFiresOnRoundTrips(t *testing.T) {
	doc := ruletest.Waiting()
	ruletest.AddGroup(doc, 150, "select", facts.QuadrantChannel, "net/http.(*Server).Serve", "net/http.(*persistConn).roundTrip", "net/http.(*Client).Do", "main.proxy")
	ruletest.Is(t, ruletest.Fires(t, Rule, doc), facts.SeverityWarning, facts.ConfidenceLikely)
}

func TestClearOnIdleConnections(t *testing.T) {
	doc := ruletest.Waiting()
	ruletest.AddGroup(doc, 99, "IO wait", facts.QuadrantNetpoll, "main.handle", "internal/poll.(*FD).Read", "net.(*conn).Read", "main.(*Client).Fetch")
	ruletest.AddGroup(doc, 200, "IO wait", facts.QuadrantNetpoll, "main.main", "internal/poll.(*FD).Accept", "main.listen")
	ruletest.Clear(t, Rule, doc)
}

func TestClearOnClientsThatSayNothing(t *testing.T) {
	doc := ruletest.Waiting()
	g := ruletest.AddGroup(doc, 120, "IO wait", facts.QuadrantNetpoll, "main.listen", "internal/poll.(*FD).Read", "net.(*conn).Read", "main.handle")
	poll := func(local string, listening bool) facts.Resource {
		return facts.Resource{Kind: facts.ResourcePoll, Holders: []facts.Holder{}, Poll: &facts.PollState{Local: facts.Some(local), Listening: facts.Some(listening)}}
	}
	ruletest.AddResource(doc, poll("[::]:19126", true), facts.OpRead)
	ruletest.AddResource(doc, poll("10.0.0.7:19126", false), facts.OpRead, g)
	ruletest.Clear(t, Rule, doc)
	doc.Waits.Resources[len(doc.Waits.Resources)-1].Poll.Local.V = "10.0.0.7:40001" // dialled, not accepted
	ruletest.Fires(t, Rule, doc)
}
