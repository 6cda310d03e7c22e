package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testCommand is the README's command that passes the tests. This test is one of
// them, so it cannot run it: .ci/run does.
const testCommand = "go test ./..."

// TestReadme runs every command of the README, in its order, and compares the
// sample of a report with what the first one prints.
func TestReadme(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, filepath.Join(root, "README.md"))
	commands := shellLines(text)
	if len(commands) < 5 {
		t.Fatalf("only %d commands in the README", len(commands))
	}
	t.Cleanup(func() { os.Remove(filepath.Join(root, "report.json")) })
	var printed []string
	for _, command := range commands {
		if command == testCommand {
			if !strings.Contains(read(t, filepath.Join(root, ".ci/run")), "\n"+testCommand+"\n") {
				t.Errorf(".ci/run does not run %q", testCommand)
			}
			continue
		}
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir = root
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v", command, err)
		}
		printed = append(printed, string(out))
	}
	sample := sampleReport(text)
	if sample == "" || !strings.HasPrefix(printed[0], sample) {
		t.Errorf("the sample in the README is not how the report of its first command begins:\n%s", printed[0][:min(len(printed[0]), len(sample)+200)])
	}
}

var (
	shellBlock  = regexp.MustCompile("(?s)```sh\n(.*?)```")
	sampleBlock = regexp.MustCompile("(?s)````markdown\n(.*?)````")
)

func shellLines(text string) (lines []string) {
	for _, block := range shellBlock.FindAllStringSubmatch(text, -1) {
		lines = append(lines, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	return lines
}

func sampleReport(text string) string {
	if m := sampleBlock.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
