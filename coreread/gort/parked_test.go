package gort_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"postmortem/coreread/gort"
)

// pending is a deferred call that the source of testdata/death names.
type pending struct {
	fn   string // a "*" at the end stands for any rest
	mark string // at the end of the line where the call, or the function itself, stands
	by   string
	kind gort.DeferKind
}

// parkedDefers are the pending deferred calls of the goroutines that have the
// function in their stack, innermost first.
func parkedDefers(minor int) map[string][]pending {
	looped := []pending{
		{"main.counted", "looped", "main.looped", gort.DeferRecord},
		{"main.counted", "looped", "main.looped", gort.DeferRecord},
		{"main.counted", "looped", "main.looped", gort.DeferRecord},
	}
	inAll := []pending{
		{"main.named", "named", "main.all", gort.DeferOpenCoded},
		{"main.all.func*", "literal", "main.all", gort.DeferOpenCoded},
		{"fmt.Println", "println", "main.all", gort.DeferOpenCoded},
		{"sync.(*Mutex).Unlock", "unlock", "main.all", gort.DeferOpenCoded},
	}
	ranged := []pending{{"main.named", "named", "main.ranged", gort.DeferOpenCoded}}
	if minor >= 23 {
		ranged = []pending{{"main.named", "named", "main.ranged", gort.DeferRecord}}
		for range 4 {
			ranged = append(ranged, pending{"main.counted", "ranged", "main.ranged", gort.DeferRangeFunc})
		}
	}
	var deep []pending
	for range 301 {
		deep = append(deep, pending{"main.counted", "deep", "main.deep", gort.DeferOpenCoded})
	}
	return map[string][]pending{
		"main.all": slices.Concat(ranged, looped, inAll),
		"main.some": {
			{"main.(*closer).Close", "method", "main.some", gort.DeferOpenCoded},
			{"main.some.*", "interface", "main.some", gort.DeferOpenCoded},
		},
		"main.deep": deep,
		"main.whilePanicking": {
			{"main.counted", "hangs", "main.whilePanicking.func*", gort.DeferOpenCoded},
			{"main.named", "named", "main.whilePanicking", gort.DeferOpenCoded},
		},
		"main.whileEnding": {{"main.named", "named", "main.whileEnding", gort.DeferRecord}},
		"main.labelled":    nil,
	}
}

// marks returns the lines of testdata/death by their marks, as "file:line".
func marks(t *testing.T) map[string]string {
	t.Helper()
	lines := map[string]string{}
	files, _ := filepath.Glob("testdata/death/*.go")
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(source), "\n") {
			if _, mark, ok := strings.Cut(line, "// @"); ok {
				lines[mark] = filepath.Base(file) + ":" + strconv.Itoa(i+1)
			}
		}
	}
	return lines
}

// checkParked compares deferred calls and labels with the source.
func checkParked(t *testing.T, d *died) {
	want, lines := parkedDefers(d.minor), marks(t)
	if d.minor < 20 {
		lines["literal"] = lines["in literal"]
	}
	labels := map[int]bool{1: true, 5: true, 8: true, 9: true, 20: true, 53: true, 60: true, 300: true}
	d.Runtime.Goroutines(func(g *gort.Goroutine) {
		var s gort.Stack
		d.Runtime.Stack(g, &s)
		start := parkedStart(d.Runtime, &s, want)
		if start == "" {
			return
		}
		defers, err := d.Runtime.Defers(g, &s)
		if err != nil {
			t.Error(err)
		}
		comparePending(t, start, defers, want[start], lines)
		if start == "main.labelled" {
			checkLabels(t, d.Runtime, g, labels)
		} else {
			delete(want, start)
		}
	})
	delete(want, "main.labelled")
	if len(want) > 0 || len(labels) > 0 {
		t.Errorf("goroutines that were not found: %v, with %v labels", want, labels)
	}
}

// parkedStart returns which of the functions is the outermost on the stack.
func parkedStart(p *gort.Process, s *gort.Stack, functions map[string][]pending) (start string) {
	for _, f := range slices.Concat(s.Inner, s.Outer) {
		for _, source := range p.Source(f) {
			if _, ok := functions[source.Func]; ok {
				start = source.Func
			}
		}
	}
	return start
}

func comparePending(t *testing.T, start string, got []gort.Defer, want []pending, lines map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d deferred calls, want %d: %+v", start, len(got), len(want), got)
		return
	}
	for i, w := range want {
		g := got[i]
		at := filepath.Base(g.File) + ":" + strconv.Itoa(g.Line)
		if !fits(g.Func, w.fn) || at != lines[w.mark] || !fits(g.By, w.by) || g.Kind != w.kind {
			t.Errorf("%s: deferred call %d is %s at %s by %s, %s; want %s at %s by %s, %s",
				start, i, g.Func, at, g.By, g.Kind, w.fn, lines[w.mark], w.by, w.kind)
		}
	}
}

func fits(name, pattern string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	return name == pattern || open && strings.HasPrefix(name, prefix)
}

// checkLabels compares the labels of a goroutine of main.labelled, and takes
// their number from those that are expected.
func checkLabels(t *testing.T, p *gort.Process, g *gort.Goroutine, numbers map[int]bool) {
	t.Helper()
	got, err := p.Labels(g)
	if err != nil {
		t.Error(err)
	}
	n := len(got)
	if !numbers[n] {
		t.Errorf("goroutine %d has %d labels: %v", g.ID, n, got)
	}
	delete(numbers, n)
	for i := range n {
		l := gort.Label{Key: "key" + strconv.Itoa(i), Value: strconv.Itoa(n) + " value" + strconv.Itoa(i)}
		if !slices.Contains(got, l) {
			t.Errorf("goroutine %d of %d labels has no %+v", g.ID, n, l)
		}
	}
	if !slices.IsSortedFunc(got, func(a, b gort.Label) int { return strings.Compare(a.Key, b.Key) }) {
		t.Errorf("labels in disorder: %v", got)
	}
}
