package facts

// RuleStatus is what became of a rule.
type RuleStatus struct {
	ID     string    `json:"id"`
	Status RuleState `json:"status"`
	Why    string    `json:"why"` // of one that was skipped or failed; "" for the rest
}

// RuleState is the outcome of a rule.
type RuleState string

// The outcomes of a rule.
const (
	RuleFired   RuleState = "fired"
	RuleClear   RuleState = "clear"
	RuleSkipped RuleState = "skipped"
	RuleFailed  RuleState = "failed"
)

// Finding is what a rule found.
type Finding struct {
	Rule string `json:"rule"`
	// Fingerprint is equal for the same finding in another core of the same build.
	Fingerprint string     `json:"fingerprint"`
	Severity    Severity   `json:"severity"`
	Confidence  Confidence `json:"confidence"`
	// Title is one line, Summary one to three sentences: what happened and what it rests on.
	Title      string            `json:"title"`
	Summary    string            `json:"summary"`
	Goroutines FindingGoroutines `json:"goroutines"`
	Groups     []int             `json:"groups"`
	Addresses  []Word            `json:"addresses"`
	Evidence   []Evidence        `json:"evidence"`
	// DependsOn are rules whose findings explain this one: it is a consequence.
	DependsOn []string   `json:"depends_on"`
	NextSteps []NextStep `json:"next_steps"`
	Unknowns  []Unknown  `json:"unknowns"`
	// Docs is where the rule is documented: "postmortem rules show ID" or a link.
	Docs string `json:"docs"`
}

// FindingGoroutines are the goroutines that a finding is about.
type FindingGoroutines struct {
	Count      int        `json:"count"`
	GoidRanges [][2]int64 `json:"goid_ranges"`
}

// Evidence is what a finding rests on.
type Evidence struct {
	// Kind is "crash", "stack", "wait", "lock", "leak", "heap", "gc", "scheduler", "count" or "time".
	Kind string `json:"kind"`
	Text string `json:"text"`
	// Ref is a JSON Pointer into this document: "/waits/cycles/0".
	Ref string `json:"ref"`
}

// NextStep is something to do.
type NextStep struct {
	Who    Who    `json:"who"`
	Action string `json:"action"`
}

// Who is whose step it is.
type Who string

// Who is to act.
const (
	WhoOnCall    Who = "on-call"
	WhoDeveloper Who = "developer"
)

// Unknown is what a finding could not know, and what would tell.
type Unknown struct {
	What      string `json:"what"`
	WouldTell string `json:"would_tell"`
}
