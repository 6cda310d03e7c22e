package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestDocumentedCommands runs the commands of the documentation that use rules: in a
// directory that holds the page's rule file as pool.yaml, a core and its binary.
func TestDocumentedCommands(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	page := read(t, filepath.Join(root, "docs", "rules.md"))
	files := map[string]string{
		"pool.yaml": yamlBlock.FindStringSubmatch(page)[1],
		"core":      read(t, filepath.Join(root, "testdata/cores/dumps/small-nil-1.27.3-plain/core.zst")),
		"app":       read(t, filepath.Join(root, "testdata/cores/bin/small-1.27.3-plain.zst")),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, page := range []string{"rules.md", "usage.md"} {
		commands := shellLines(read(t, filepath.Join(root, "docs", page)))
		if len(commands) < 4 {
			t.Errorf("only %d commands in %s", len(commands), page)
		}
		for _, command := range commands {
			cmd := exec.Command("sh", "-c", command)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %s: %v\n%s", page, command, err, out)
			}
		}
	}
}
