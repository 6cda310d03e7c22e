package report_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"postmortem/analyzer/facts"
	"postmortem/report"
)

// checkPrintable fails on control characters, overrides and invalid UTF-8.
func checkPrintable(t *testing.T, name string, f report.Format, b []byte) {
	t.Helper()
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 || r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%s as %s: %q at byte %d: %q", name, f, r, i, b[max(0, i-20):min(len(b), i+20)])
			return
		}
		i += n
	}
}

// content is the text of a node as it is read, without markup.
func content(n ast.Node, src []byte) string {
	var b strings.Builder
	ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := n.(*ast.Text); ok && entering {
			b.Write(t.Segment.Value(src))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// checkMarkdown reads Markdown back and fails on whatever only text from memory
// could have brought in. It returns the title and the headings of the sections.
func checkMarkdown(t *testing.T, src []byte) (headings []string) {
	t.Helper()
	root := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(src))
	ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.HTMLBlock, *ast.RawHTML, *ast.Link, *ast.Image, *ast.CodeBlock, *ast.ThematicBreak, *east.Strikethrough, *east.TaskCheckBox:
			t.Errorf("%s in the report: %.80q", n.Kind(), content(n, src))
		case *ast.Emphasis:
			if n.Level != 2 {
				t.Errorf("emphasis in the report: %q", content(n, src))
			}
		case *ast.Heading:
			if n.Level < 3 {
				headings = append(headings, content(n, src))
			}
		case *ast.List:
			if _, nested := n.Parent().(*ast.ListItem); nested {
				t.Errorf("a list in a list: %.80q", content(n, src))
			}
		case *east.Table:
			columns := len(n.Alignments)
			for row := n.FirstChild(); row != nil; row = row.NextSibling() {
				if row.ChildCount() != columns {
					t.Errorf("a row of %d cells in a table of %d columns: %q", row.ChildCount(), columns, content(row, src))
				}
			}
		}
		return ast.WalkContinue, nil
	})
	return headings
}

// tableRows counts lines that are rows of tables, and the rows that goldmark sees.
func tableRows(src []byte) (lines, rows int) {
	fence := ""
	for _, l := range strings.Split(string(src), "\n") {
		ticks := l[:len(l)-len(strings.TrimLeft(l, "`"))]
		switch {
		case fence == "" && len(ticks) >= 3:
			fence = ticks
		case fence != "" && l == fence:
			fence = ""
		case fence == "" && strings.HasPrefix(l, "| "):
			lines++
		}
	}
	root := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(src))
	ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			switch n.(type) {
			case *east.TableRow:
				rows++
			case *east.TableHeader:
				rows += 2 // and its rule
			}
		}
		return ast.WalkContinue, nil
	})
	return lines, rows
}

func TestMarkdownIsReadBack(t *testing.T) {
	sections := []string{"Cycle", "Evidence", "Impact", "Next", "Findings", "Other findings", "Could not be known", "Goroutines", "Waits", "Heap", "Collector and scheduler", "Threads", "Target", "Completeness"}
	for name, doc := range documents() {
		t.Run(name, func(t *testing.T) {
			src := render(t, doc, report.Config{Format: report.Markdown})
			headings := checkMarkdown(t, src)
			if len(headings) == 0 {
				t.Fatal("no heading")
			}
			at := -1
			for _, h := range headings[1:] {
				i := slices.Index(sections, h)
				if i <= at {
					t.Errorf("heading %q is unknown or out of order", h)
				}
				at = i
			}
			if lines, rows := tableRows(src); lines != rows {
				t.Errorf("%d lines look like rows of tables, and %d are", lines, rows)
			}
			if name == "hostile" {
				// the whole of it is there, and means itself
				for _, want := range []string{`a|b `, "`c`", "<script>alert(1)</script>", "~~g~~", `\x1b[31mred`, `\u202eevil`, `\xff`} {
					if !strings.Contains(unescaped(headings[0]), want) {
						t.Errorf("the title %q lacks %q", headings[0], want)
					}
				}
			}
		})
	}
}

// unescaped drops the backslashes of Markdown.
func unescaped(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && unicode.IsPunct(rune(s[i+1])) || s[i] == '\\' && i+1 < len(s) && strings.IndexByte("`~<>|$+=^", s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func TestTitleStaysPlain(t *testing.T) {
	src := render(t, panicked(), report.Config{Format: report.Markdown})
	if want := "# orders died: nil pointer dereference in pricing.(*Quote).Apply\n**critical · proven** · signature `pm1:4be1c07a92d3`"; !bytes.HasPrefix(src, []byte(want)) {
		t.Errorf("the report opens with %.120q, want %q", src, want)
	}
}

func TestTextKeepsToTheWidth(t *testing.T) {
	for name, doc := range documents() {
		if name == "hostile" {
			continue // has words longer than a line
		}
		for _, width := range []int{80, 100, 160} {
			for i, l := range strings.Split(string(render(t, doc, report.Config{Format: report.Text, Width: width})), "\n") {
				if strings.HasPrefix(l, "    runtime: ") {
					continue // what the runtime printed keeps its lines
				}
				if w := twwidth.Width(l); w > width {
					t.Errorf("%s at width %d: line %d has %d columns: %s", name, width, i+1, w, l)
				}
			}
		}
	}
}

func TestColorOnlyWhereAsked(t *testing.T) {
	doc := hostile()
	plain := render(t, doc, report.Config{Format: report.Text})
	colored := render(t, doc, report.Config{Format: report.Text, Color: true})
	if bytes.Contains(plain, []byte("\x1b")) {
		t.Error("plain text has control sequences")
	}
	stripped := string(colored)
	for _, seq := range []string{"\x1b[1m", "\x1b[36m", "\x1b[0m"} {
		stripped = strings.ReplaceAll(stripped, seq, "")
	}
	if stripped != string(plain) {
		t.Error("color changes more than the color")
	}
}

// TestFirstScreens holds what each way to end must say first.
func TestFirstScreens(t *testing.T) {
	for name, want := range map[string][]string{
		"panic": {"nothing recovered it", "panic: runtime error: invalid memory address", "addr=0x18", "g4121 running (thread 17)",
			"@0x6b1c40", "Core signal `SIGABRT`: raised by the runtime itself, not the cause.", "29 `orders.(*Server).Create`, 8 `orders.(*Server).Get`",
			"29 deferred `orders.(*Tx).Rollback` (`orders/create.go:49`) never ran", "On call: roll back if 9f3c2ab is new", "--show label:request_id", "0 bytes missing"},
		"fatal-map":     {"no recover can catch", "Two goroutines used one map", "-race"},
		"fatal-stack":   {"22,369,399 frames not shown", "↻ orders.f ← orders.g, 11,184,705 times"},
		"signal":        {"`0x7f00dead0000`", "libvips.so.42+0x1f3a0", "488b00"},
		"deadlock":      {"nothing was left that could wake one", "| 29 | chan receive |", "other end of the channel"},
		"out-of-memory": {"does not make it the one that used the memory up", "GOMEMLIMIT 4 GiB", "container's memory limit"},
		"abort-request": {"by another process (pid 3921)", "is not blamed", "Which process had pid 3921"},
		"abort-self":    {"aborted itself"},
		"snapshot":      {"not a crash", "(the snapshot is later)", "pending."},
		"signal-self":   {"by the process itself", "not blamed", "syscall.Kill"},
		"unknown":       {"does not tell why", "Core and binary are not of one build", "77 MiB"},
		"many-groups":   {"… 25 more groups with 25 goroutines"},
	} {
		src := string(render(t, documents()[name], report.Config{Format: report.Markdown}))
		for _, w := range want {
			if !strings.Contains(src, w) {
				t.Errorf("%s: the report does not say %q", name, w)
			}
		}
	}
}

// TestTimersEndWaits asks of a pile that a timer will wake why it takes so long, and
// of any other who should wake it.
func TestTimersEndWaits(t *testing.T) {
	const other, timer = "who should be at the other end", "a timer ends the wait, that of `g105` in 7.3s: is it meant to take so long?"
	for _, test := range []struct {
		timer facts.TimerState
		op    facts.WaitOp
		goid  int64
		want  string
	}{
		{facts.TimerState{FiresInNS: facts.Some[int64](7_300_000_000)}, facts.OpReceive, 105, timer},
		{facts.TimerState{FiresInNS: facts.Some[int64](7_300_000_000), PeriodNS: 1e9}, facts.OpReceive, 105, other},
		{facts.TimerState{FiresInNS: facts.Some[int64](7_300_000_000), Stopped: true}, facts.OpReceive, 105, other},
		{facts.TimerState{FiresInNS: facts.Some[int64](-7_300_000_000)}, facts.OpReceive, 105, other},
		{facts.TimerState{}, facts.OpReceive, 105, other},
		{facts.TimerState{FiresInNS: facts.Some[int64](7_300_000_000)}, facts.OpSend, 105, other},
		{facts.TimerState{FiresInNS: facts.Some[int64](7_300_000_000)}, facts.OpReceive, 125, other},
	} {
		doc := documents()["deadlock"]
		doc.Waits = &facts.Waits{
			Resources: []facts.Resource{{ID: 1, Kind: facts.ResourceChannel, Holders: []facts.Holder{}, Channel: &facts.ChannelState{Timer: &test.timer}}},
			Edges:     []facts.WaitEdge{{Goroutine: test.goid, Resource: 1, Op: test.op}},
			Cycles:    []facts.WaitCycle{}, HeadBlockers: []facts.HeadBlocker{},
		}
		if src := string(render(t, doc, report.Config{Format: report.Markdown})); !strings.Contains(src, test.want) {
			t.Errorf("%+v of g%d: the report does not say %q", test, test.goid, test.want)
		}
	}
}

// TestWhatComesDueWhileDying says that a deadline just before the end may be of no meaning.
func TestWhatComesDueWhileDying(t *testing.T) {
	const note = "may not be late"
	for _, test := range []struct {
		kind string
		due  facts.Maybe[int64]
		want bool
	}{
		{"abort-request", facts.Some[int64](-5e9), true},
		{"abort-request", facts.Some[int64](-7e9), false},
		{"abort-request", facts.Some[int64](1e9), false},
		{"abort-request", facts.Maybe[int64]{}, false},
		{"snapshot", facts.Some[int64](-5e9), false},
	} {
		for name, r := range map[string]facts.Resource{
			"read":    {Kind: facts.ResourcePoll, Poll: &facts.PollState{ReadDeadlineNS: test.due}},
			"call":    {Kind: facts.ResourceSyscall, Syscall: &facts.SyscallState{Target: &facts.PollState{WriteDeadlineNS: test.due}}},
			"sleep":   {Kind: facts.ResourceSleep, Timer: &facts.TimerState{FiresInNS: test.due}},
			"timer":   {Kind: facts.ResourceChannel, Channel: &facts.ChannelState{Timer: &facts.TimerState{FiresInNS: test.due}}},
			"context": {Kind: facts.ResourceChannel, Context: &facts.ContextState{Chain: []string{"context.timerCtx"}, DeadlineInNS: test.due}},
		} {
			r.ID, r.WaiterCount, r.Holders = 1, 1, []facts.Holder{}
			doc := documents()[test.kind]
			doc.Waits = &facts.Waits{Resources: []facts.Resource{r}, Edges: []facts.WaitEdge{}, Cycles: []facts.WaitCycle{}, HeadBlockers: []facts.HeadBlocker{}}
			if src := string(render(t, doc, report.Config{Format: report.Markdown})); strings.Contains(src, note) != test.want {
				t.Errorf("%s, %s %v: said %v, want %v", test.kind, name, test.due, !test.want, test.want)
			}
		}
	}
}

func TestHiddenMessage(t *testing.T) {
	doc := panicked()
	doc.Crash.Message, doc.Crash.Panics[0].Message = facts.Maybe[string]{}, facts.Maybe[string]{}
	src := string(render(t, doc, report.Config{Format: report.Markdown}))
	if !strings.Contains(src, "a value of type `runtime.errorString` (its text is not in the report)") {
		t.Error("a message that is unknown is not said to be")
	}
}

// checkAll renders in every format and fails on whatever text could have broken.
func checkAll(t *testing.T, doc *facts.Document) {
	t.Helper()
	for _, k := range report.Formats {
		got := render(t, doc, report.Config{Format: k.Format})
		checkPrintable(t, "input", k.Format, got)
		switch k.Format {
		case report.Markdown:
			checkMarkdown(t, got)
			if lines, rows := tableRows(got); lines != rows {
				t.Errorf("%d lines look like rows of tables, and %d are", lines, rows)
			}
		case report.JSON:
			if !json.Valid(got) {
				t.Error("the document is no JSON")
			}
		case report.JSONSummary:
			if len(got) > report.SummaryBytes {
				t.Errorf("the summary has %d bytes", len(got))
			}
		}
	}
}

// FuzzText puts one text wherever text from memory can stand.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", nasty, "[x]: http://y", "- [ ] x", "1. x", "1) x", "====", "a `` b ` c", " ` ", "``", "\\", "\\|", "|", "**x**", "__x__", "<!--", "&amp;",
		"https://example.com", "    code", "> quote", "![i](u)", "[^1]: x", "a*b*c", "(*a*)", "(*a)(b*)", "a  \nb", "\n\n# x", "~~~", "```\n# x", "\x00", "\r", "\u202e", "$x$", "(*T).M (*U).N"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var doc facts.Document
		fill(reflect.ValueOf(&doc).Elem(), 1, s)
		checkAll(t, &doc)
		doc = *panicked()
		doc.Verdict.Title, doc.Crash.Panics[0].Message, doc.Crash.RuntimePrintTail = s, str(s), str(s)
		doc.Goroutines.Groups[0].WaitReason, doc.Target.BuildSettings[s] = str(s), s
		doc.Completeness.Sections[s] = facts.Section{State: facts.SectionPartial, Why: str(s)}
		checkAll(t, &doc)
	})
}

// FuzzDocument renders whatever can be read as a document.
func FuzzDocument(f *testing.F) {
	for _, name := range []string{"empty", "unknown", "snapshot"} {
		b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"crash":{"kind":"panic","frames":[null],"panics":[{}],"goroutine":1},"goroutines":{"groups":[{"id":1,"frames":[null,{"func":"a"}],"frames_elided":-1}],"list":[{"id":1,"group":7}]},"threads":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var doc facts.Document
		if json.Unmarshal(b, &doc) == nil {
			checkAll(t, &doc)
		}
	})
}

// TestTextOfMarkup tries short texts made of what has a meaning somewhere.
func TestTextOfMarkup(t *testing.T) {
	pieces := strings.Split("* _ ` ~ | \\ [ ] ( ) < > ! # - + = 1. : & $ ^ @ \n \r \t a b . .. ** __ `` ~~ (* http://x.y <b> &lt; [x] ]( ]: \xff \u202e é", " ")
	pieces = append(pieces, " ", "  ")
	r := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		s := ""
		for range 1 + r.IntN(12) {
			s += pieces[r.IntN(len(pieces))]
		}
		doc := panicked()
		doc.Verdict.Title, doc.Verdict.Severity, doc.Crash.Panics[0].Message = s, facts.Severity(s), str(s)
		doc.Goroutines.Groups[0].WaitReason, doc.Target.BuildSettings[s] = str(s), s
		doc.Crash.Frames[0].Func = s
		doc.Completeness.Sections[s] = facts.Section{State: facts.SectionPartial, Why: str(s)}
		doc.Heap = hostileHeap(s)
		checkAll(t, doc)
		if t.Failed() {
			t.Fatalf("with the text %q", s)
		}
	}
}
