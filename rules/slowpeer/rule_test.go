package slowpeer

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/ruletest"
)

// asked has n goroutines in a function that wait for one address.
func asked(n int, functions ...string) *facts.Document {
	doc := ruletest.Waiting()
	g := ruletest.AddGroup(doc, n, "IO wait", facts.QuadrantNetpoll, "main.handle", functions...)
	first := g.GoidRanges[0][0]
	for i := range n {
		ruletest.AddResource(doc, facts.Resource{Kind: facts.ResourcePoll, WaiterCount: 1, Holders: []facts.Holder{},
			Poll: &facts.PollState{FD: facts.Some(int64(300 + i)), Network: facts.Some("tcp"), Remote: facts.Some("10.0.0.9:5432"), Listening: facts.Some(false)}}, facts.OpRead)
		doc.Waits.Edges = append(doc.Waits.Edges, facts.WaitEdge{Goroutine: first + int64(i), Resource: len(doc.Waits.Resources), Op: facts.OpRead})
	}
	return doc
}

func TestFiresOnADatabase(t *testing.T) {
	f := ruletest.Fires(t, Rule, asked(25, "net.(*conn).Read", "main.query"))
	ruletest.Is(t, f, facts.SeverityWarning, facts.ConfidenceLikely)
	ruletest.Says(t, f, "25 goroutines wait for 10.0.0.9:5432 (tcp)", "fd 300, no read deadline")
}

// TestAsksForDeadlines asks for them unless every wait has one.
func TestAsksForDeadlines(t *testing.T) {
	doc := asked(25, "net.(*conn).Read", "main.query")
	var polls []*facts.PollState
	for i := range doc.Waits.Resources {
		if p := doc.Waits.Resources[i].Poll; p != nil && p.Remote.V == "10.0.0.9:5432" {
			polls = append(polls, p)
		}
	}
	for i, p := range polls {
		ruletest.Says(t, ruletest.Fires(t, Rule, doc), "a deadline for each call to it")
		p.WriteDeadlineNS = facts.Some[int64](1e9) // which a read does not have
		if i%5 == 0 {
			ruletest.Says(t, ruletest.Fires(t, Rule, doc), "a deadline for each call to it")
		}
		p.ReadDeadlineNS = facts.Some[int64](1e9)
	}
	ruletest.Says(t, ruletest.Fires(t, Rule, doc), "each of these waits has a deadline")
}

func TestFiresOnAPoolThatIsAsked(t *testing.T) {
	doc := asked(250, "net.(*conn).Read", "net/http.(*persistConn).readLoop")
	ruletest.Clear(t, Rule, doc) // nobody asks
	ruletest.AddGroup(doc, 240, "select", facts.QuadrantChannel, "net/http.(*Server).Serve", "net/http.(*persistConn).roundTrip", "main.proxy")
	ruletest.Is(t, ruletest.Fires(t, Rule, doc), facts.SeverityError, facts.ConfidenceLikely)
}

func TestClearOnAServersClients(t *testing.T) {
	ruletest.Clear(t, Rule, ruletest.Waiting())
	ruletest.Clear(t, Rule, asked(19, "net.(*conn).Read", "main.query"))
}
