package traceback_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postmortem/internal/traceback"
)

// prints are what real processes wrote: those beside the committed cores (GOTRACEBACK=crash), and those here, with
// other settings.
func prints(t testing.TB) []string {
	t.Helper()
	var l []string
	for pattern, atLeast := range map[string]int{"testdata/prints/*.txt": 14, "../../testdata/cores/dumps/*/stderr.txt": 30} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if len(files) < atLeast {
			t.Fatalf("%d files match %s, want %d and more", len(files), pattern, atLeast)
		}
		l = append(l, files...)
	}
	return l
}

// minorOf finds the version in the name of a print or of its folder.
var minorOf = regexp.MustCompile(`-1\.(\d+)[-.]`)

// TestRealPrints writes what it has read of each real print back and compares it, line by line, with the print.
func TestRealPrints(t *testing.T) {
	for _, file := range prints(t) {
		name := filepath.Base(file)
		if name == "stderr.txt" {
			name = filepath.Base(filepath.Dir(file))
		}
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			m := minorOf.FindStringSubmatch(name)
			if m == nil {
				t.Fatal("no Go version in the name")
			}
			minor, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, line := range strings.Split(string(b), "\n") {
				if line != "" {
					want = append(want, line)
				}
			}
			p := traceback.Parse(string(b))
			if diff := cmp.Diff(want, rewrite(p, minor)); diff != "" {
				t.Errorf("read and written back (-print +ours):\n%s", diff)
			}
			checkNotes(t, p)
		})
	}
}

// known are the lines of real prints that belong to nothing.
var known = regexp.MustCompile(`^(runtime: |unexpected fault address |\d{4}/\d\d/\d\d |exit status |--- FAIL|FAIL|instruction bytes)`)

func checkNotes(t *testing.T, p *traceback.Print) {
	t.Helper()
	notes := p.Notes
	for _, b := range p.Blocks {
		notes = append(notes, b.Notes...)
	}
	for _, n := range notes {
		if !known.MatchString(n.Text) {
			t.Errorf("line %d is not understood: %s", n.Line, n.Text)
		}
	}
}

// TestBlocksAreComplete counts headers and frames with a different reader: regular expressions over the whole text.
func TestBlocksAreComplete(t *testing.T) {
	headers := regexp.MustCompile(`(?m)^(goroutine \d+ .*\[.*:|runtime stack:)$`)
	frames := regexp.MustCompile(`(?m)^\t\S.*:\d+(| \+0x[0-9a-f]+)(| fp=0x[0-9a-f]+ sp=0x[0-9a-f]+ pc=0x[0-9a-f]+)$`)
	creators := regexp.MustCompile(`(?m)^created by `)
	for _, file := range prints(t) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "lines\n") {
			continue // a panic value that looks like a header, on purpose
		}
		p := traceback.Parse(string(b))
		all := append(append([]traceback.Block{}, p.Earlier...), p.Blocks...)
		gotFrames, gotCreators := 0, 0
		for _, b := range all {
			gotFrames += len(b.Frames)
			for _, a := range b.Ancestors {
				gotFrames += len(a.Frames)
				gotCreators += btoi(a.CreatedBy != nil)
			}
			gotCreators += btoi(b.CreatedBy != nil)
		}
		if want := len(headers.FindAll(b, -1)); len(all) != want {
			t.Errorf("%s: %d blocks, %d headers in the text", file, len(all), want)
		}
		if want := len(frames.FindAll(b, -1)); gotFrames+gotCreators != want {
			t.Errorf("%s: %d frames and %d creators, %d places in the text", file, gotFrames, gotCreators, want)
		}
		if want := len(creators.FindAll(b, -1)); gotCreators != want {
			t.Errorf("%s: %d creators, %d in the text", file, gotCreators, want)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
