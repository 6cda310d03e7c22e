package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestProfilesAreWrittenWhole: one that fails leaves no file, and the others stand.
func TestProfilesAreWrittenWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "p")
	p := profiles{dir: dir}
	if err := p.validate(false); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space")
	text := func(s string, err error) func(io.Writer) error {
		return func(w io.Writer) error { return errors.Join(second(io.WriteString(w, s)), err) }
	}
	p.write([]profile{{"heap", text("h", nil)}, {"retained", text("half", full)}, {"mutex", text("m", nil)}})
	if got := strings.Join(p.written, " "); got != "heap.pb.gz mutex.pb.gz" {
		t.Errorf("written: %s", got)
	}
	var exit *exitError
	if !errors.As(p.err, &exit) || exit.code != exitInput || !errors.Is(p.err, full) {
		t.Errorf("the error is %v", p.err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name()+"="+read(t, filepath.Join(dir, e.Name())))
	}
	if got := strings.Join(names, " "); got != "heap.pb.gz=h mutex.pb.gz=m" {
		t.Errorf("the directory holds %s", got)
	}
	var b strings.Builder
	p.announce(&b)
	if want := "postmortem: wrote heap.pb.gz, mutex.pb.gz to " + dir + "\n"; b.String() != want {
		t.Errorf("says %q, want %q", b.String(), want)
	}
}

func second(_ int, err error) error { return err }

// TestNoProfilesWithoutTheFlag: nothing is written or said.
func TestNoProfilesWithoutTheFlag(t *testing.T) {
	var p profiles
	p.write([]profile{{"heap", func(io.Writer) error { t.Error("written"); return nil }}})
	var b strings.Builder
	p.announce(&b)
	if b.Len() != 0 {
		t.Errorf("says %q", b.String())
	}
}
