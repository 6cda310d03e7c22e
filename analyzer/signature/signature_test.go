package signature_test

import (
	"slices"
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/signature"
)

func TestNormalise(t *testing.T) {
	for name, want := range map[string]string{
		"main.main":                                   "main.main",
		"main.(*Server).serve":                        "main.(*Server).serve",
		"main.(*Server).serve.func1":                  "main.(*Server).serve",
		"main.(*Server).serve.func1.2":                "main.(*Server).serve",
		"main.(*Server).serve.func2.1.gowrap3":        "main.(*Server).serve",
		"main.serve.deferwrap1":                       "main.serve",
		"main.serve·dwrap·2":                          "main.serve",
		"main.all-range1":                             "main.all",
		"main.(*Server).serve-fm":                     "main.(*Server).serve",
		"main.Map[...]":                               "main.Map",
		"main.Map[go.shape.int,go.shape.string]":      "main.Map",
		"main.Map[go.shape.[]int].func1":              "main.Map",
		"main.(*List[...]).Push":                      "main.(*List).Push",
		"example.com/orders/v2/api.(*Handler).Create": "example.com/orders/api.(*Handler).Create",
		"example.com/orders/v2.Open":                  "example.com/orders.Open",
		"gopkg.in/yaml%2ev3.Unmarshal":                "gopkg.in/yaml.Unmarshal",
		"main.glob..func1":                            "main.init",
		"main.init.func1":                             "main.init",
		"example.com/v8engine.Run":                    "example.com/v8engine.Run",
		"main.v2.run":                                 "main.v2.run",
	} {
		if got := signature.Normalise(name); got != want {
			t.Errorf("Normalise(%q) = %q, want %q", name, got, want)
		}
	}
}

func frames(names ...string) (out []*facts.Frame) {
	for _, n := range names {
		out = append(out, &facts.Frame{Func: n, InApp: n[:5] == "main."})
	}
	return out
}

func TestOf(t *testing.T) {
	one := signature.Of("crash", "panic", frames("main.a.func1", "main.a", "sort.Slice", "main.b", "main.c", "main.d"), nil)
	if want := []string{"main.a", "main.b", "main.c", "main.d"}; !slices.Equal(one.Frames, want) {
		t.Errorf("frames %v, want %v", one.Frames, want)
	}
	sameStart := signature.Of("crash", "panic", frames("main.a", "main.b", "main.c", "main.e"), nil)
	if one.Coarse != sameStart.Coarse || one.Fine == sameStart.Fine {
		t.Errorf("stacks with three frames in common: %+v, %+v", one, sameStart)
	}
	if other := signature.Of("crash", "fatal", frames("main.a", "main.b", "main.c", "main.d"), nil); other.Coarse == one.Coarse {
		t.Error("another kind of crash has the same coarse hash")
	}
	if none := signature.Of("crash", "panic", frames("sort.Slice"), nil); none != nil {
		t.Errorf("no function of the program's own, and the signature is %+v", none)
	}
}

// TestRunawayRecursion ends at another place of its round from run to run.
func TestRunawayRecursion(t *testing.T) {
	cycle := &facts.Cycle{Funcs: []string{"main.a", "main.b"}}
	x := signature.Of("crash", "fatal", frames("main.a", "main.b", "main.a", "main.b", "main.run"), cycle)
	y := signature.Of("crash", "fatal", frames("main.b", "main.a", "main.b", "main.a", "main.b", "main.run"), cycle)
	if x.Fine != y.Fine || x.Coarse != y.Coarse {
		t.Errorf("one recursion: %+v, %+v", x, y)
	}
}
