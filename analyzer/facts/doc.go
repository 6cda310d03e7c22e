// Package facts is the vocabulary of a report: plain structs that are, key by
// key and in order, the JSON document. It is not an analysis and it formats
// nothing: whoever fills it decides what is known, whoever renders it decides
// how that looks.
//
// Doubt is written in one way. A Maybe that is not Known, a nil pointer, a nil
// slice and a nil map are JSON null: unknown. An empty, non-nil slice or map is
// known to be none. A part of the report that was skipped is nil, with the reason
// in Completeness.Sections.
//
// Units: keys that end in _bytes are bytes, keys that end in _ns nanoseconds;
// machine words are Words. Text from the dead process's memory stands here as it
// was read; renderers escape it.
package facts

// Schema names the version of the document's keys. Keys may be added under the
// same name; changing or removing one needs a new name.
const Schema = "postmortem/1"

// Document is the whole report.
type Document struct {
	Schema       string            `json:"schema"`
	Tool         Tool              `json:"tool"`
	Verdict      Verdict           `json:"verdict"`
	Signature    *Signature        `json:"signature"`
	Context      map[string]string `json:"context"`
	Target       Target            `json:"target"`
	Completeness Completeness      `json:"completeness"`
	Crash        *Crash            `json:"crash"`
	Goroutines   *Goroutines       `json:"goroutines"`
	Threads      []Thread          `json:"threads"`
	Scheduler    *Scheduler        `json:"scheduler"`
	GC           *GC               `json:"gc"`
	Heap         *Heap             `json:"heap"`
	Waits        *Waits            `json:"waits"`
	// Rules are all that are known, Findings what they found, worst first; both are
	// nil until the rules have run.
	Rules    []RuleStatus `json:"rules"`
	Findings []Finding    `json:"findings"`
}

// Tool is the build of postmortem that made the document.
type Tool struct {
	Version string        `json:"version"`
	Commit  Maybe[string] `json:"commit"`
}

// Verdict is what the report says first.
type Verdict struct {
	Class Class `json:"class"`
	// Title is one line that serves as a ticket's title: what died or hung, of
	// what, and where ("orders died: nil pointer dereference in pricing.(*Quote).Apply").
	Title      string     `json:"title"`
	Severity   Severity   `json:"severity"`
	Confidence Confidence `json:"confidence"`
	// Finding is the index of the finding the verdict rests on; unknown when it
	// rests on the crash itself.
	Finding Maybe[int] `json:"finding"`
	// Signature is "scheme:fine" of Document.Signature, unknown when there is none.
	Signature Maybe[string] `json:"signature"`
	// ExitClass is ExitClasses[Class].
	ExitClass int `json:"exit_class"`
}

// Class is the class of the death.
type Class string

const (
	ClassPanic       Class = "panic"
	ClassFatal       Class = "fatal"
	ClassOutOfMemory Class = "out-of-memory"
	ClassInterrupted Class = "interrupted"
	ClassDeadlock    Class = "deadlock"
	ClassFault       Class = "fault"    // SIGSEGV, SIGBUS, SIGFPE, SIGILL outside Go's panic
	ClassAborted     Class = "aborted"  // SIGABRT, SIGQUIT from outside
	ClassSnapshot    Class = "snapshot" // the process was alive
	ClassUnknown     Class = "unknown"
)

// ExitClasses gives each class its number under --exit-class; 0 is none of the
// classes of a death.
var ExitClasses = map[Class]int{
	ClassPanic:       128,
	ClassFatal:       128,
	ClassOutOfMemory: 129,
	ClassInterrupted: 130,
	ClassDeadlock:    131,
	ClassFault:       132,
	ClassAborted:     133,
	ClassSnapshot:    0,
	ClassUnknown:     0,
}

// Severity is how bad a verdict is for whoever runs the program.
type Severity string

const (
	SeverityInfo     Severity = "info"
	SeverityWarning  Severity = "warning"
	SeverityError    Severity = "error"
	SeverityCritical Severity = "critical"
)

// Confidence is how well a claim is founded.
type Confidence string

const (
	ConfidencePossible Confidence = "possible"
	ConfidenceLikely   Confidence = "likely"
	ConfidenceProven   Confidence = "proven"
)

// SignatureScheme is the recipe of the hashes in Signature.
const SignatureScheme = "pm1"

// Signature identifies one bug across cores and builds. It holds no lines,
// addresses, goroutine ids or module versions.
type Signature struct {
	Scheme string `json:"scheme"`
	Fine   string `json:"fine"`
	Coarse string `json:"coarse"`
	// Basis is the rule or "crash".
	Basis string `json:"basis"`
	// Frames are the normalised names of the in-app functions hashed in Fine,
	// innermost first.
	Frames []string `json:"frames"`
}
