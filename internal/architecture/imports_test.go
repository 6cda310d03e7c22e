package architecture_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// module is the import path that every package of ours begins with.
const module = "postmortem"

// street lists for each package which packages of ours it may import. A pattern
// ends in /... for everything below and in /* for the direct children. A package
// that no line names may not exist.
var street = []struct {
	packages string
	imports  []string
}{
	{"coreread/image", nil},
	{"coreread/input", nil},
	{"coreread/elfcore", []string{"coreread/image", "coreread/input"}},
	{"coreread/exe", []string{"coreread/image", "coreread/input"}},
	{"coreread/layout/internal/gen", []string{"coreread/exe", "coreread/image", "coreread/input", "coreread/layout", "coreread/layout/..."}},
	{"coreread/layout/...", []string{"coreread/exe", "coreread/image", "coreread/layout/..."}},
	{"coreread/gort", []string{"coreread/elfcore", "coreread/exe", "coreread/image", "coreread/layout"}},
	{"coreread/gotypes", []string{"coreread/elfcore", "coreread/exe", "coreread/gort", "coreread/image", "coreread/layout"}},
	{"coreread/goheap", []string{"coreread/elfcore", "coreread/exe", "coreread/gort", "coreread/gotypes", "coreread/image", "coreread/layout", "internal/bulk", "internal/parallel"}},
	{"coreread/goroots", []string{"coreread/elfcore", "coreread/exe", "coreread/goheap", "coreread/gort", "coreread/gotypes", "coreread/image", "coreread/layout"}},
	{"coreread/goprof", []string{"coreread/elfcore", "coreread/exe", "coreread/goheap", "coreread/gort", "coreread/image", "coreread/layout"}},
	{"coreread/gosync", []string{"coreread/elfcore", "coreread/exe", "coreread/gort", "coreread/image", "coreread/layout", "internal/parallel"}},
	{"coreread/gopoll", []string{"coreread/elfcore", "coreread/exe", "coreread/gort", "coreread/image", "coreread/layout"}},
	{"coreread/values", nil},
	{"coreread", []string{"coreread/*"}},
	{"analyzer/facts", nil},
	{"analyzer/frames", []string{"analyzer/facts", "coreread", "coreread/*"}},
	{"analyzer/signature", []string{"analyzer/facts"}},
	{"analyzer/groups", []string{"analyzer/facts", "analyzer/frames", "coreread", "coreread/*"}},
	{"internal/bulk", nil},
	{"internal/parallel", nil},
	{"analyzer/dominator", []string{"internal/bulk"}},
	{"analyzer/graph", []string{"analyzer/dominator", "coreread", "coreread/*", "internal/bulk", "internal/parallel"}},
	{"analyzer/typing", []string{"analyzer/graph", "coreread", "coreread/*", "internal/bulk"}},
	{"analyzer/heap", []string{"analyzer/dominator", "analyzer/facts", "analyzer/frames", "analyzer/graph", "analyzer/groups", "analyzer/typing", "coreread", "coreread/*", "internal/bulk", "internal/parallel"}},
	{"analyzer/leaks", []string{"analyzer/dominator", "analyzer/facts", "analyzer/graph", "analyzer/heap", "analyzer/typing", "coreread", "coreread/*", "internal/bulk", "internal/parallel"}},
	{"analyzer/locks", []string{"analyzer/facts", "analyzer/frames", "analyzer/graph", "analyzer/heap", "analyzer/typing", "coreread", "coreread/*"}},
	{"analyzer/waits", []string{"analyzer/facts", "analyzer/frames", "analyzer/graph", "analyzer/heap", "analyzer/leaks", "analyzer/locks", "analyzer/typing", "coreread", "coreread/*", "internal/parallel"}},
	{"analyzer", []string{"analyzer/*", "coreread", "coreread/*"}},
	{"internal/units", nil},
	{"rules/rule", []string{"analyzer/facts", "internal/units"}},
	{"rules/user", []string{"analyzer/facts", "internal/units", "rules/rule"}},
	{"rules/*", []string{"analyzer/facts", "internal/units", "rules/rule"}},
	{"rules", []string{"analyzer/facts", "analyzer/signature", "rules/*"}},
	{"report/...", []string{"analyzer/facts", "internal/units", "report/..."}},
	{"cmd/postmortem", []string{"analyzer", "analyzer/facts", "coreread", "coreread/input", "coreread/layout", "report", "rules", "rules/rule", "rules/user", "internal/bulk", "internal/parallel", "internal/units"}},
	{"internal/architecture", nil},
	{"internal/bench", nil},
	{"internal/corewriter", nil},
	{"internal/traceback", nil},
	{"internal/testcores", []string{"coreread/input"}},
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func TestImportsGoOneWay(t *testing.T) {
	for _, p := range listPackages(t) {
		from := strings.TrimPrefix(p.ImportPath, module+"/")
		allowed, known := lanes(from)
		if !known {
			t.Errorf("package %s is not on the street: give it a place", from)
			continue
		}
		for _, imported := range p.Imports {
			to, ours := strings.CutPrefix(imported, module+"/")
			if ours && !matchesAny(allowed, to) {
				t.Errorf("%s imports %s, which the architecture does not allow", from, to)
			}
		}
	}
}

// TestStreetIsOneWay makes sure that the table itself has no circle.
func TestStreetIsOneWay(t *testing.T) {
	for _, a := range street {
		for _, b := range street {
			nested := matches(a.packages, b.packages) || matches(b.packages, a.packages)
			if !nested && matchesAny(a.imports, strings.TrimSuffix(b.packages, "/...")) &&
				matchesAny(b.imports, strings.TrimSuffix(a.packages, "/...")) {
				t.Errorf("%s and %s may import each other", a.packages, b.packages)
			}
		}
	}
}

func lanes(pkg string) ([]string, bool) {
	for _, s := range street {
		if matches(s.packages, pkg) {
			return s.imports, true
		}
	}
	return nil, false
}

func matchesAny(patterns []string, pkg string) bool {
	for _, p := range patterns {
		if matches(p, pkg) {
			return true
		}
	}
	return false
}

func matches(pattern, pkg string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == base || strings.HasPrefix(pkg, base+"/")
	}
	if base, ok := strings.CutSuffix(pattern, "/*"); ok {
		return path.Dir(pkg) == base
	}
	return pattern == pkg
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	touchSources(t)
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("reading the output of go list: %v", err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 5 {
		t.Fatalf("go list found %d packages of module %s", len(packages), module)
	}
	return packages
}

// touchSources looks at every Go file of the module: what a command reads, a cached
// result of this test would not depend on.
func touchSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".go" {
			return err
		}
		_, err = os.Stat(name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
