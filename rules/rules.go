// Package rules asks the rules of a document's facts: it lists those that are
// built in, selects among them and runs them. It reads no core and knows no
// rule's subject.
package rules

import (
	"postmortem/rules/concurrentmap"
	"postmortem/rules/deferrecoverswallowed"
	"postmortem/rules/fatalerror"
	"postmortem/rules/finalizerstuck"
	"postmortem/rules/gcpressure"
	"postmortem/rules/gcstwstalled"
	"postmortem/rules/globaldeadlock"
	"postmortem/rules/goroutineexplosion"
	"postmortem/rules/heapleaksuspect"
	"postmortem/rules/memorylimitthrash"
	"postmortem/rules/nildereference"
	"postmortem/rules/outofmemory"
	"postmortem/rules/paniccause"
	"postmortem/rules/retainedbygoroutines"
	"postmortem/rules/rule"
	"postmortem/rules/stackoverflow"
	"postmortem/rules/syscallblocked"
	"postmortem/rules/threadexplosion"
)

// Builtin returns the built-in rules, by id. The rule "deadlock-cycle" is the
// variable Rule of the package in rules/deadlockcycle, with its documentation in
// README.md there, embedded.
func Builtin() []*rule.Rule {
	return []*rule.Rule{
		concurrentmap.Rule,
		deferrecoverswallowed.Rule,
		fatalerror.Rule,
		finalizerstuck.Rule,
		gcpressure.Rule,
		gcstwstalled.Rule,
		globaldeadlock.Rule,
		goroutineexplosion.Rule,
		heapleaksuspect.Rule,
		memorylimitthrash.Rule,
		nildereference.Rule,
		outofmemory.Rule,
		paniccause.Rule,
		retainedbygoroutines.Rule,
		stackoverflow.Rule,
		syscallblocked.Rule,
		threadexplosion.Rule,
	}
}
