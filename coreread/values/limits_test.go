package values_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"postmortem/coreread/values"
)

// Every limit holds, whatever the others are.
func TestLimits(t *testing.T) {
	r := open(t, "plain-pie-panic.core", "plain-pie")
	for _, l := range []values.Limits{
		{},
		{Frames: 3},
		{Variables: 2},
		{StringBytes: 5},
		{Elements: 2},
		{Fields: 1},
		{Depth: 1},
		{ValueBytes: 20},
		{FrameBytes: 300},
		{TotalBytes: 1000},
		{ValueBytes: 1, FrameBytes: 10, TotalBytes: 50},
		{ReadBytes: 1},
	} {
		frames, err := r.Goroutine(context.Background(), 1, l)
		if err != nil {
			t.Fatal(err)
		}
		if want := orDefault(l.Frames, 8); len(frames) > want {
			t.Errorf("%+v: %d frames", l, len(frames))
		}
		total := 0
		for _, f := range frames {
			if n := len(f.Arguments) + len(f.Locals); n > orDefault(l.Variables, 48) {
				t.Errorf("%+v: %s has %d variables", l, f.Func, n)
			}
			size := 0
			for _, v := range append(f.Arguments, f.Locals...) {
				size += len(v.Name) + len(v.Type) + len(v.Value) + len(v.Unreadable)
				if limit := max(orDefault(l.ValueBytes, 1<<10), len("…")); len(v.Value) > limit {
					t.Errorf("%+v: %s is %d bytes long", l, v.Name, len(v.Value))
				}
				if !utf8.ValidString(v.Value) || strings.ContainsAny(v.Value, "\n\r\t\x00\u202e") {
					t.Errorf("%+v: %s = %q is not printable", l, v.Name, v.Value)
				}
			}
			total += size
			// The last variable may end beyond the limit by its name, type and reason.
			if size > orDefault(l.FrameBytes, 8<<10)+600 {
				t.Errorf("%+v: %s takes %d bytes", l, f.Func, size)
			}
		}
		if total > orDefault(l.TotalBytes, 64<<10)+600 {
			t.Errorf("%+v: all takes %d bytes", l, total)
		}
	}
}

func orDefault(n, def int) int {
	if n == 0 {
		return def
	}
	return n
}

func TestWhatLimitsShow(t *testing.T) {
	frames := read(t, "plain-pie-panic.core", "plain-pie",
		values.Limits{Frames: 8, StringBytes: 5, Elements: 2, Fields: 1, Depth: 1})
	for _, want := range []struct{ function, variable, value string }{
		{"main.scalars", "long", `"abcde"…995 bytes more`},
		{"main.composites", "raw", `len 16 "GET /"…11 bytes more`},
		{"main.composites", "sl", "len 3 [1, 2, …1 more]"},
		{"main.composites", "w", "{F00: 0, …39 more}"},
		{"main.composites", "chain", `@ &{Name: "1", …1 more}`},
	} {
		if got := stable(valueOf(frames, want.function, want.variable)); got != want.value {
			t.Errorf("%s: %s = %s, want %s", want.function, want.variable, got, want.value)
		}
	}
}

func valueOf(frames []values.FrameValues, function, variable string) string {
	for _, f := range frames {
		for _, v := range append(f.Arguments, f.Locals...) {
			if f.Func == function && v.Name == variable {
				return v.Value
			}
		}
	}
	return ""
}

// Two readings of one core are equal, addresses included.
func TestStable(t *testing.T) {
	first := read(t, "optimised-panic.core", "optimised", allFrames)
	for range 3 {
		if again := read(t, "optimised-panic.core", "optimised", allFrames); !reflect.DeepEqual(first, again) {
			t.Fatal("two readings of one core differ")
		}
	}
}
