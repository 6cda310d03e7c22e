package channeldeadlock

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/ruletest"
)

// senders are n goroutines that send on one channel, which those refer to.
func senders(n int, by ...facts.Referrer) *facts.Document {
	doc := ruletest.Waiting()
	g := ruletest.AddGroup(doc, n, "chan send", facts.QuadrantChannel, "main.(*Hub).notify", "main.(*Hub).notify.func1")
	ruletest.AddResource(doc, facts.Resource{Kind: facts.ResourceChannel, Address: facts.Some[facts.Word](0xc000200060), Type: facts.Some("chan main.Event"), Holders: []facts.Holder{},
		Channel: &facts.ChannelState{Senders: n, ReferencedBy: append([]facts.Referrer{{Goroutine: facts.Some(g.GoidRanges[0][0])}}, by...), ReferencedByTotal: 1 + len(by)}}, facts.OpSend, g)
	return doc
}

func TestFiresOnAnAbandonedChannel(t *testing.T) {
	f := ruletest.Fires(t, Rule, senders(30))
	ruletest.Is(t, f, facts.SeverityError, facts.ConfidenceLikely)
	ruletest.Says(t, f, "30 goroutines send on chan main.Event at 0xc000200060, and nobody receives")
}

func TestFiresOnAGlobalDeadlock(t *testing.T) {
	doc := senders(1, facts.Referrer{Variable: facts.Some("main.hub")})
	doc.Crash = &facts.Crash{Kind: facts.CrashDeadlock}
	doc.Waits.Resources = doc.Waits.Resources[len(doc.Waits.Resources)-1:]
	ruletest.Is(t, ruletest.Fires(t, Rule, doc), facts.SeverityCritical, facts.ConfidenceProven)
}

func TestClearWhenSomebodyHasIt(t *testing.T) {
	ruletest.Clear(t, Rule, senders(30, facts.Referrer{Variable: facts.Some("main.hub")}))
	ruletest.Clear(t, Rule, senders(30, facts.Referrer{Goroutine: facts.Some[int64](1)}))
	ruletest.Clear(t, Rule, senders(3))
	ruletest.Clear(t, Rule, ruletest.Waiting())
}
