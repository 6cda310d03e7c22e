// Package netpollpileup is the rule netpoll-pileup: many of the program's goroutines
// wait for answers over the network.
package netpollpileup

import (
	_ "embed"
	"fmt"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds piles of goroutines that wait for the network.
var Rule = &rule.Rule{
	ID:       "netpoll-pileup",
	Title:    "Many goroutines wait for answers over the network",
	Severity: facts.SeverityError,
	Needs:    []rule.Part{rule.Goroutines},
	Doc:      doc,
	Check:    check,
}

// pile is how many at one place are worth a warning: a server that is well has some
// tens of requests in flight, and 100 of one kind wait when the other side is slow.
// Ten times as many are an error.
const pile = 100

// asking are functions in which a goroutine waits for somebody else's answer, though
// another goroutine has the connection.
var asking = []string{
	"net/http.(*persistConn).roundTrip", "net/http.(*http2ClientConn).RoundTrip", "net/http.(*http2clientStream).writeRequest",
	"database/sql.(*DB).conn", "google.golang.org/grpc.(*clientStream).RecvMsg",
}

func check(doc *facts.Document) []facts.Finding {
	var found []facts.Finding
	clients := clients(doc)
	for i := range doc.Goroutines.Groups {
		if g := &doc.Goroutines.Groups[i]; g.Count-clients[g.ID] >= pile && !g.System && waits(g) {
			found = append(found, finding(doc, g))
		}
	}
	return found
}

// clients counts by group the goroutines that read from connections which the process
// has accepted: their clients have nothing to say, and owe no answer.
func clients(doc *facts.Document) map[int]int {
	if doc.Waits == nil {
		return nil
	}
	listening, accepted := make(map[string]bool), make(map[int]bool)
	for _, r := range doc.Waits.Resources {
		if r.Poll != nil && r.Poll.Listening.V && r.Poll.Local.Known {
			listening[port(r.Poll.Local.V)] = true
		}
	}
	for _, r := range doc.Waits.Resources {
		if r.Poll != nil && !r.Poll.Listening.V && r.Poll.Local.Known && listening[port(r.Poll.Local.V)] {
			accepted[r.ID] = true
		}
	}
	of := make(map[int]int)
	for _, e := range doc.Waits.Edges {
		if e.Op == facts.OpRead && accepted[e.Resource] {
			if g, _ := rule.Goroutine(doc, e.Goroutine); g != nil {
				of[g.Group]++
			}
		}
	}
	return of
}

// port is what of an address stands behind the host.
func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// waits reports whether a group waits for an answer. Connections that nobody has
// asked anything wait without any function of the program on the stack.
func waits(g *facts.Group) bool {
	if _, ok := rule.Has(g.Frames, asking...); ok {
		return true
	}
	if _, listens := rule.Has(g.Frames, "internal/poll.(*FD).Accept"); listens || g.Quadrant != facts.QuadrantNetpoll {
		return false
	}
	for _, f := range g.Frames {
		if f != nil && f.InApp {
			return true
		}
	}
	return false
}

func finding(doc *facts.Document, g *facts.Group) facts.Finding {
	f := facts.Finding{Severity: facts.SeverityWarning, Confidence: facts.ConfidenceLikely, Goroutines: rule.All(g), Groups: rule.IDs(g), DependsOn: []string{"slow-peer"}}
	if g.Count >= 10*pile {
		f.Severity = facts.SeverityError
	}
	at := rule.Where(g)
	f.Title = rule.Line(fmt.Sprintf("%s wait for the network in %s", rule.Plural(g.Count, "goroutine"), at), rule.TitleCap)
	f.Summary = fmt.Sprintf("%s stand in %s and wait for an answer from outside.", rule.Plural(g.Count, "goroutine"), at)
	f.Evidence = []facts.Evidence{{Kind: "wait", Text: fmt.Sprintf("%s × %s in %s", rule.Count(g.Count), rule.State(g), at), Ref: rule.GroupRef(g)}}
	if w := g.WaitedAtLeastNS; w.Median.Known {
		text := fmt.Sprintf("half of them for at least %s", rule.Duration(w.Median.V))
		f.Summary += " They have waited, " + text + "."
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "time", Text: text, Ref: rule.GroupRef(g) + "/waited_at_least_ns"})
	} else {
		f.Unknowns = []facts.Unknown{{What: "how long they have waited: no collection ran since", WouldTell: "the latency graphs before the end"}}
	}
	f.NextSteps = []facts.NextStep{
		rule.OnCall("look at the service that they ask: is it slow, or gone without closing its connections?"),
		rule.Developer("has the call in " + at + " a deadline, and is there a bound on how many run at once?"),
	}
	return f
}
