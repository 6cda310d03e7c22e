// Package rules asks the rules of a document's facts: it lists those that are
// built in, selects among them and runs them. It reads no core and knows no
// rule's subject.
package rules

import (
	"postmortem/rules/channeldeadlock"
	"postmortem/rules/concurrentmap"
	"postmortem/rules/deadlockcycle"
	"postmortem/rules/deferrecoverswallowed"
	"postmortem/rules/fatalerror"
	"postmortem/rules/finalizerstuck"
	"postmortem/rules/gcpressure"
	"postmortem/rules/gcstwstalled"
	"postmortem/rules/globaldeadlock"
	"postmortem/rules/goroutineexplosion"
	"postmortem/rules/goroutineleak"
	"postmortem/rules/heapleaksuspect"
	"postmortem/rules/lockcontentionpileup"
	"postmortem/rules/lockheldacrossblockingcall"
	"postmortem/rules/memorylimitthrash"
	"postmortem/rules/netpollpileup"
	"postmortem/rules/nilchannel"
	"postmortem/rules/nildereference"
	"postmortem/rules/outofmemory"
	"postmortem/rules/paniccause"
	"postmortem/rules/retainedbygoroutines"
	"postmortem/rules/rule"
	"postmortem/rules/slowpeer"
	"postmortem/rules/stackoverflow"
	"postmortem/rules/syscallblocked"
	"postmortem/rules/threadexplosion"
	"postmortem/rules/timerleak"
)

// Builtin returns the built-in rules, by id. The rule "deadlock-cycle" is the
// variable Rule of the package in rules/deadlockcycle, with its documentation in
// README.md there, embedded.
func Builtin() []*rule.Rule {
	return []*rule.Rule{
		channeldeadlock.Rule,
		concurrentmap.Rule,
		deadlockcycle.Rule,
		deferrecoverswallowed.Rule,
		fatalerror.Rule,
		finalizerstuck.Rule,
		gcpressure.Rule,
		gcstwstalled.Rule,
		globaldeadlock.Rule,
		goroutineexplosion.Rule,
		goroutineleak.Rule,
		heapleaksuspect.Rule,
		lockcontentionpileup.Rule,
		lockheldacrossblockingcall.Rule,
		memorylimitthrash.Rule,
		netpollpileup.Rule,
		nilchannel.Rule,
		nildereference.Rule,
		outofmemory.Rule,
		paniccause.Rule,
		retainedbygoroutines.Rule,
		slowpeer.Rule,
		stackoverflow.Rule,
		syscallblocked.Rule,
		threadexplosion.Rule,
		timerleak.Rule,
	}
}
