package values_test

import (
	"os"
	"strings"
	"testing"
)

// faultLine returns the line of the test program's source that writes through a nil pointer.
func faultLine(t *testing.T) int {
	t.Helper()
	source, err := os.ReadFile("testdata/crash/main.go")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(source), "\n") {
		if strings.Contains(line, "p.Y = int32(code)") {
			return i + 1
		}
	}
	t.Fatal("no such line")
	return 0
}
