package layout

import (
	"fmt"
	"strings"
)

// numbered is the meaning of a number in a range of releases: since inclusive,
// until exclusive.
type numbered struct {
	n            uint8
	text         string
	since, until release
}

// open is the end of a range that no known release has left.
const open release = 0

// readStrings returns the texts of an enumeration by number. The table serves
// published releases; in any other build the array of strings in the binary
// comes first, where it can be read.
func (l *Layout) readStrings(variable string, rows []numbered) []string {
	_, known := newest(l.version.Minor)
	if !known || l.uncertain() != NoDoubt {
		if s, ok := l.self.strings(variable); ok {
			return s
		}
	}
	if !known {
		return nil
	}
	return textsAt(rows, l.version)
}

// textsAt returns the texts of a release by number, "" for a number without one.
func textsAt(rows []numbered, v Version) []string {
	var out []string
	for _, r := range rows {
		if !v.within(r.since.version(), r.until.version()) {
			continue
		}
		for len(out) <= int(r.n) {
			out = append(out, "")
		}
		out[r.n] = r.text
	}
	return out
}

// WaitReason returns the text of a wait reason (g.waitreason) as a traceback
// prints it, "" for none (0). A number that this version does not have is
// "unknown wait reason N".
func (l *Layout) WaitReason(n uint8) string {
	return textOf(l.waitReasons(), n, "unknown wait reason")
}

// HasWaitReason reports whether this version knows the number.
func (l *Layout) HasWaitReason(n uint8) bool {
	t := l.waitReasons()
	return int(n) < len(t) && (n == 0 || t[n] != "")
}

// STWReason returns the text of a reason to stop the world (stwReason, since
// 1.21), also of those that only the runtime's own tests have. A number that
// this version does not have is "unknown stop-the-world reason N".
func (l *Layout) STWReason(n uint8) string {
	return textOf(l.stwReasons(), n, "unknown stop-the-world reason")
}

func textOf(texts []string, n uint8, unknown string) string {
	if int(n) < len(texts) && (texts[n] != "" || n == 0) {
		return texts[n]
	}
	return fmt.Sprintf("%s %d", unknown, n)
}

// stwReasons are the values of runtime.stwReason and the texts of
// stwReasonStrings: src/runtime/proc.go, 1.21 to 1.27.
var stwReasons = []numbered{
	{0, "unknown", 2100, open},
	{1, "GC mark termination", 2100, open},
	{2, "GC sweep termination", 2100, open},
	{3, "write heap dump", 2100, open},
	{4, "goroutine profile", 2100, open},
	{5, "goroutine profile cleanup", 2100, open},
	{6, "all goroutines stack trace", 2100, open},
	{7, "read mem stats", 2100, open},
	{8, "AllThreadsSyscall", 2100, open},
	{9, "GOMAXPROCS", 2100, open},
	{10, "start trace", 2100, open},
	{11, "stop trace", 2100, open},
	{12, "CountPagesInUse (test)", 2100, open},
	{13, "ReadMetricsSlow (test)", 2100, open},
	{14, "ReadMemStatsSlow (test)", 2100, open},
	{15, "PageCachePagesLeaked (test)", 2100, open},
	{16, "ResetDebugLog (test)", 2100, open},
}

// SpecialKind is what a record on a span's list of specials is about.
type SpecialKind string

// The kinds of specials: src/runtime/mheap.go (_KindSpecial…).
const (
	SpecialTinyBlock      SpecialKind = "TinyBlock"
	SpecialFinalizer      SpecialKind = "Finalizer"
	SpecialWeakHandle     SpecialKind = "WeakHandle"
	SpecialProfile        SpecialKind = "Profile"
	SpecialReachable      SpecialKind = "Reachable"
	SpecialPinCounter     SpecialKind = "PinCounter"
	SpecialCleanup        SpecialKind = "Cleanup"
	SpecialCheckFinalizer SpecialKind = "CheckFinalizer"
	SpecialBubble         SpecialKind = "Bubble"
	SpecialSecret         SpecialKind = "Secret"
)

var specialKinds = []numbered{
	{1, string(SpecialFinalizer), 1800, 2500},
	{1, string(SpecialTinyBlock), 2500, open},
	{2, string(SpecialProfile), 1800, 2300},
	{2, string(SpecialWeakHandle), 2300, 2500},
	{2, string(SpecialFinalizer), 2500, open},
	{3, string(SpecialReachable), 1800, 2300},
	{3, string(SpecialProfile), 2300, 2500},
	{3, string(SpecialWeakHandle), 2500, open},
	{4, string(SpecialPinCounter), 2100, 2300},
	{4, string(SpecialReachable), 2300, 2500},
	{4, string(SpecialProfile), 2500, open},
	{5, string(SpecialPinCounter), 2300, 2500},
	{5, string(SpecialReachable), 2500, open},
	{6, string(SpecialCleanup), 2400, 2500},
	{6, string(SpecialPinCounter), 2500, open},
	{7, string(SpecialCleanup), 2500, open},
	{8, string(SpecialCheckFinalizer), 2500, open},
	{9, string(SpecialBubble), 2500, open},
	{10, string(SpecialSecret), 2600, open},
}

// SpecialKind returns the kind of a special by its number; ok is false for a
// number that this version does not have, and for every number of a version
// that no table knows.
func (l *Layout) SpecialKind(n uint8) (k SpecialKind, ok bool) {
	if _, known := newest(l.version.Minor); !known {
		return "", false
	}
	for _, r := range specialKinds {
		if r.n == n && l.version.within(r.since.version(), r.until.version()) {
			return SpecialKind(r.text), true
		}
	}
	return "", false
}

// printable reports whether s can be a text of the runtime's own.
func printable(s string) bool {
	return len(s) < 256 && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}
