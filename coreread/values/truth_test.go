package values_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"postmortem/coreread/values"
)

// truth is what testdata/crash/main.go puts into its variables. The optimiser may have dropped any of them.
var truth = map[string]map[string]string{
	"main.die": {
		"code": "42", "why": `"scalars"`, "how": "HOW", "note": `"dying of scalars"`, "p": "nil",
	},
	"main.scalars": {
		"i": "42", "i8": "-8", "u16": "65535", "f32": "1.1", "f64": "2.5", "b": "true", "r": "233", "how": "HOW",
		"c": "(1-2i)", "word": "0x1234", "d": "1.5s", "s": "2 (broken)", "when": "2026-01-02T03:04:05.0000006Z",
		"empty": `""`, "text": `"tab\there, bell \a, \u202eright to left, invalid \xff"`,
		"long": `"` + strings.Repeat("abcdefghijklmnopqrstuvwxyz", 10)[:256] + `"…744 bytes more`,
		"pad":  "{Small: 1, Large: 2}",
	},
	"main.composites": {
		"pt": "{X: -1, Y: 2}", "pp": "@ &{X: 5, Y: 6}", "nilp": "nil", "sl": "len 3 [1, 2, 3]", "nilsl": "nil",
		"arr": "[7, 8, 9]", "raw": `len 16 "GET / HTTP/1.1\r\n"`, "how": "HOW",
		"big":    "len 1000 cap 2000 [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, …984 more]",
		"ring":   `@ &{Name: "a", Next: @ &{Name: "b", Next: @}}`,
		"chain":  `@ &{Name: "1", Next: @ &{Name: "2", Next: @ &{Name: "3", Next: @}}}`,
		"d":      "{Level: 1, A: {B: {C: {…}}}}",
		"w":      "{" + wideFields(32) + ", …8 more}",
		"points": "len 2 [{X: 1, Y: 2}, {X: 3, Y: 4}]",
		"cut":    "len 1 cap 2 [{X: 1, Y: 2}]",
		"grid":   "[64, 63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, …48 more]",
		"folded": "len 1 [{X: 1, Y: 2}]",
	},
	"main.references": {
		"m": `len 2 {"a": 1, "b": 2}`, "nilm": "nil", "e": `*errors.errorString(@ &{s: "bad \n news"})`, "nile": "nil",
		"any1": "float64(3.5)", "sq": "main.square{Side: 2}", "ci": "*main.circle(@ &{R: 3})", "how": "HOW",
		"numbers": `len 3 {-1: "minus one", 9: "nine", 10: "ten"}`, "large": "LARGE",
		"structs": "len 1 {{X: 1, Y: 2}: @ &{X: 3, Y: 4}}", "typednil": "*main.circle(nil)",
		"ch": "@ len 2 cap 3", "closed": "@ len 0 cap 0 closed", "nilch": "nil", "captured": "7",
		"f": "main.references.func1 {captured: 7}", "fn": "main.longText", "nilfn": "nil", "ptr": "@",
		"ctx": `*context.valueCtx(@ &{Context: context.backgroundCtx{emptyCtx: {}}, key: main.point{X: 1, Y: 1}, val: string("v")})`,
	},
	"main.generic": {
		"v": "@ &{X: 8, Y: 9}", "k": `"key"`, "list": "len 1 [@ &{X: 1, Y: 1}]", "how": "HOW", "result": "5",
		"local": "@", // shown as v already
	},
	"main.(*server).serve": {
		"s": serverText, "n": "50", "how": "HOW",
		"err": `*errors.errorString(@ &{s: "inner"})`, "(err)": `*errors.errorString(@ &{s: "outer"})`,
	},
	"main.inlined": {"s": serverText, "weight": "100", "how": "HOW", "half": "50"},
	"main.main":    {"s": serverText, "weight": "100", "mapped": "len 11 (unreadable: the core lacks @)"},
}

const serverText = `@ &{Addr: "localhost:80", Limit: 3, conns: len 1 {"x": @ &{X: 1, Y: 2}}, since: 2026-01-02T03:04:05.0000006Z}`

func wideFields(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("F%02d: 0", i))
	}
	return strings.Join(all, ", ")
}

// stack is every frame of the test program, innermost first.
var stack = []string{
	"main.die", "main.scalars", "main.composites", "main.references", "main.generic", "main.(*server).serve",
	"main.inlined", "main.main",
}

var allFrames = values.Limits{Frames: 20}

// check holds frames against the truth. When optimised, a variable may be unreadable, but never wrong; and of a
// generic function, pointers may be without the type that they point to.
func check(t *testing.T, frames []values.FrameValues, how string, optimised bool) (readable int) {
	t.Helper()
	var names []string
	for _, f := range frames {
		name, _, _ := strings.Cut(f.Func, "[")
		names = append(names, name)
		if f.Problem != "" {
			t.Errorf("%s: problem %q", f.Func, f.Problem)
		}
		want := len(truth[name])
		if name == "main.die" && how != "fault" {
			want-- // p is declared in another block
		}
		if got := len(f.Arguments) + len(f.Locals); !optimised && got != want {
			t.Errorf("%s: %d variables, want %d", f.Func, got, want)
		}
		for _, v := range slices.Concat(f.Arguments, f.Locals) {
			readable += checkVariable(t, name, v, how, optimised)
		}
	}
	if !slices.Equal(names, stack) {
		t.Errorf("frames %q, want %q", names, stack)
	}
	return readable
}

func checkVariable(t *testing.T, function string, v values.Variable, how string, optimised bool) (readable int) {
	t.Helper()
	name := v.Name
	if v.Shadowed {
		name = "(" + name + ")"
	}
	want, ok := truth[function][name]
	want = strings.ReplaceAll(want, "HOW", strconv.Quote(how))
	got := stable(v.Value)
	switch {
	case !ok:
		t.Errorf("%s: variable %s is not in the source", function, name)
	case (v.Value == "") == (v.Unreadable == ""):
		t.Errorf("%s: %s has value %q and reason %q, want one of them", function, name, v.Value, v.Unreadable)
	case v.Unreadable != "":
		if !optimised {
			t.Errorf("%s: %s is unreadable: %s", function, name, v.Unreadable)
		}
		return 0
	case want == "LARGE":
		checkLarge(t, v.Value)
	case got == want:
	case optimised && strings.Contains(v.Type, "go.shape.") && got == withoutTargets.ReplaceAllString(want, "@"):
	default:
		t.Errorf("%s: %s %s = %s, want %s", function, name, v.Type, got, want)
	}
	return 1
}

var withoutTargets = regexp.MustCompile(`@ &\{[^}]*\}`)

// checkLarge holds a map of 500 squares, of which any 16 may be shown, against what a map is.
func checkLarge(t *testing.T, got string) {
	t.Helper()
	body, ok := strings.CutPrefix(got, "len 500 {")
	body, more := strings.CutSuffix(body, ", …484 more}")
	entries := strings.Split(body, ", ")
	if !ok || !more || len(entries) != 16 {
		t.Fatalf("large = %s", got)
	}
	last := -1
	for _, e := range entries {
		var k, v int
		if n, _ := fmt.Sscanf(e, "%d: %d", &k, &v); n != 2 || v != k*k || k <= last || k >= 500 {
			t.Errorf("large: entry %q after key %d", e, last)
		}
		last = k
	}
}

// An optimised program's panic: nothing may be wrong, and as much readable as the compiler has kept: counted by hand
// in the output of dlv for this core, less the words that dlv makes up.
func TestPanicOfOptimisedProgram(t *testing.T) {
	frames := read(t, "optimised-panic.core", "optimised", allFrames)
	if got, want := check(t, frames, "panic", true), 67; got != want {
		t.Errorf("%d variables are readable, want %d", got, want)
	}
	if f := frames[6]; !f.Inlined || f.PC != frames[7].PC {
		t.Errorf("%s is not inlined into %s", f.Func, frames[7].Func)
	}
}

// An arm64 program. Its core is one of QEMU's, which dumps also what a kernel leaves out: the mapped file.
func TestPanicOnArm64(t *testing.T) {
	frames := read(t, "arm64-panic.core", "arm64", allFrames)
	if got, want := valueOf(frames, "main.main", "mapped"), `len 11 "mapped data"`; got != want {
		t.Errorf("mapped = %s, want %s", got, want)
	}
	last := &frames[len(frames)-1]
	last.Locals = slices.DeleteFunc(last.Locals, func(v values.Variable) bool { return v.Name == "mapped" })
	if got, want := check(t, frames, "panic", true), 66; got != want {
		t.Errorf("%d variables are readable, want %d", got, want)
	}
}

// Go 1.27 describes more than there is: parts of variables as variables, and stack slots that may be reused.
func TestPanicOfGo127Program(t *testing.T) {
	frames := read(t, "optimised27-panic.core", "optimised27", allFrames)
	if got, want := check(t, frames, "panic", true), 67; got != want {
		t.Errorf("%d variables are readable, want %d", got, want)
	}
}

// Without optimisation every variable has its place. This core is of a position-independent executable.
func TestPanicOfUnoptimisedProgram(t *testing.T) {
	frames := read(t, "plain-pie-panic.core", "plain-pie", allFrames)
	check(t, frames, "panic", false)
}

func TestFault(t *testing.T) {
	frames := read(t, "optimised-fault.core", "optimised", allFrames)
	check(t, frames, "fault", true)
	if f := frames[0]; !strings.HasSuffix(f.File, "main.go") || f.Line != faultLine(t) {
		t.Errorf("the fault is at %s:%d, want line %d", f.File, f.Line, faultLine(t))
	}
}

func TestParked(t *testing.T) {
	check(t, read(t, "optimised-wait.core", "optimised", allFrames), "wait", true)
}
