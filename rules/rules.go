// Package rules asks the rules of a document's facts: it lists those that are
// built in, selects among them and runs them. It reads no core and knows no
// rule's subject.
package rules

import "postmortem/rules/rule"

// Builtin returns the built-in rules, by id. The rule "deadlock-cycle" is the
// variable Rule of the package in rules/deadlockcycle, with its documentation in
// doc.md there, embedded.
func Builtin() []*rule.Rule {
	return []*rule.Rule{}
}
