// Package slowpeer is the rule slow-peer: many goroutines wait for one remote address.
package slowpeer

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds remote addresses that many wait for.
var Rule = &rule.Rule{
	ID:       "slow-peer",
	Title:    "Many goroutines wait for one remote address",
	Severity: facts.SeverityError,
	Needs:    []rule.Part{rule.Waits, rule.Goroutines},
	Doc:      doc,
	Check:    check,
}

// peer is a remote address with the connections to it that are waited for.
type peer struct {
	address, network string
	ids              []int64
	resources        []int // places in the list
	// pooled are of those the reading goroutines of net/http's client, which wait as
	// well when nobody has asked anything.
	pooled int
	// bounded are those whose wait has a deadline.
	bounded int
}

func check(doc *facts.Document) []facts.Finding {
	var found []facts.Finding
	for _, p := range peers(doc) {
		if len(p.ids)-p.pooled+min(p.pooled, asking(doc)) >= rule.Pile {
			found = append(found, p.finding(doc))
		}
	}
	return found
}

// peers are the remote addresses by name. A server's clients each have a port of
// their own, and so are peers of one connection each.
func peers(doc *facts.Document) []*peer {
	known := make(map[string]*peer)
	places := make(map[int]int, len(doc.Waits.Resources))
	for i := range doc.Waits.Resources {
		places[doc.Waits.Resources[i].ID] = i
	}
	for _, e := range doc.Waits.Edges {
		i, ok := places[e.Resource]
		if !ok {
			continue
		}
		r := &doc.Waits.Resources[i]
		if r.Poll == nil || !r.Poll.Remote.Known || r.Poll.Remote.V == "" || r.Poll.Listening.V {
			continue
		}
		name := r.Poll.Network.V + " " + r.Poll.Remote.V
		p := known[name]
		if p == nil {
			p = &peer{address: r.Poll.Remote.V, network: r.Poll.Network.V}
			known[name] = p
		}
		p.ids, p.resources = append(p.ids, e.Goroutine), append(p.resources, i)
		if e.Op == facts.OpRead && r.Poll.ReadDeadlineNS.Known || e.Op == facts.OpWrite && r.Poll.WriteDeadlineNS.Known {
			p.bounded++
		}
		if g := rule.GroupOf(doc, e.Goroutine); g != nil {
			if _, pooled := rule.Has(g.Frames, "net/http.(*persistConn).readLoop"); pooled {
				p.pooled++
			}
		}
	}
	list := make([]*peer, 0, len(known))
	for _, p := range known {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *peer) int { return strings.Compare(a.network+" "+a.address, b.network+" "+b.address) })
	return list
}

// asking counts the goroutines that wait for an answer through net/http's client.
func asking(doc *facts.Document) int {
	n := 0
	for i := range doc.Goroutines.Groups {
		if g := &doc.Goroutines.Groups[i]; !g.System {
			if _, ok := rule.Has(g.Frames, "net/http.(*persistConn).roundTrip"); ok {
				n += g.Count
			}
		}
	}
	return n
}

func (p *peer) finding(doc *facts.Document) facts.Finding {
	f := facts.Finding{Severity: facts.SeverityWarning, Confidence: facts.ConfidenceLikely, Goroutines: rule.These(p.ids...)}
	f.Groups = rule.GroupsOf(doc, f.Goroutines)
	if f.Goroutines.Count >= 10*rule.Pile {
		f.Severity = facts.SeverityError
	}
	n := rule.Plural(f.Goroutines.Count, "goroutine")
	f.Title = rule.Line(fmt.Sprintf("%s wait for %s (%s)", n, p.address, p.network), rule.TitleCap)
	f.Summary = fmt.Sprintf("%s wait for data from or room towards the one address %s.", n, p.address)
	for _, i := range p.resources[:min(3, len(p.resources))] {
		poll := doc.Waits.Resources[i].Poll
		text := fmt.Sprintf("%s connection to %s", p.network, p.address)
		if poll.FD.Known {
			text += fmt.Sprintf(", fd %d", poll.FD.V)
		}
		if !poll.ReadDeadlineNS.Known {
			text += ", no read deadline"
		}
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "wait", Text: text, Ref: rule.ResourceRef(i) + "/poll"})
	}
	ask := "a deadline for each call to it, and a bound on how many run at once"
	if p.bounded == len(p.ids) {
		ask = "each of these waits has a deadline; is it short enough, and what bounds how many calls run at once?"
	}
	f.NextSteps = []facts.NextStep{
		rule.OnCall("look at " + p.address + ": is it slow, overloaded or gone?"),
		rule.Developer(ask),
	}
	f.Unknowns = []facts.Unknown{{What: "whether it would have answered", WouldTell: "its own logs and metrics of that time"}}
	return f
}
