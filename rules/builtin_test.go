package rules_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"postmortem/rules"
)

// sections are the headings of a rule's documentation, in this order.
var sections = []string{"## What it means", "## What to do", "## Example", "## Known false positives"}

// TestBuiltinRulesAreWhole: each rule lies in a folder of its name without dashes,
// is documented, and has tests named TestFires… and TestClear…
func TestBuiltinRulesAreWhole(t *testing.T) {
	last := ""
	for _, r := range rules.Builtin() {
		t.Run(r.ID, func(t *testing.T) {
			if r.ID <= last {
				t.Errorf("it comes after %s: rules are listed by id, once", last)
			}
			last = r.ID
			if r.Title == "" || r.Severity == "" || (r.Check == nil) == (r.Evaluate == nil) {
				t.Errorf("title %q, severity %q, and exactly one of Check and Evaluate", r.Title, r.Severity)
			}
			at := 0
			for _, s := range sections {
				i := strings.Index(r.Doc[at:], "\n"+s+"\n\n")
				if i < 0 {
					t.Errorf("the documentation lacks the section %q, or has it in another place", s)
					continue
				}
				at += i + len(s)
			}
			if !strings.HasPrefix(r.Doc, "# "+r.ID+"\n") {
				t.Errorf("the documentation does not begin with the heading %q", "# "+r.ID)
			}
			tests := testsIn(t, strings.ReplaceAll(r.ID, "-", ""))
			for _, prefix := range []string{"TestFires", "TestClear"} {
				if !strings.Contains(tests, " "+prefix) {
					t.Errorf("no test %s… in its folder", prefix)
				}
			}
		})
	}
}

// testsIn lists the tests of a folder, a space before each.
func testsIn(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names strings.Builder
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				names.WriteString(" " + fn.Name.Name)
			}
		}
	}
	return names.String()
}
