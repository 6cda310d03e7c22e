package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestWriteWhole: whoever reads the file sees the old content or the new, whatever
// goes wrong, and nothing is left beside it.
func TestWriteWhole(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "report.md")
	link := filepath.Join(dir, "link.md")
	if err := os.Symlink("report.md", link); err != nil {
		t.Fatal(err)
	}
	content := func(s string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
	}
	fails := errors.New("no more")
	for _, step := range []struct {
		path  string
		write func(io.Writer) error
		err   error
		want  string
	}{
		{file, content("old"), nil, "old"},
		{file, func(w io.Writer) error { io.WriteString(w, "half"); return fails }, fails, "old"},
		{file, content("new"), nil, "new"},
		{link, content("through the link"), nil, "through the link"},
	} {
		if err := writeWhole(step.path, step.write); !errors.Is(err, step.err) {
			t.Errorf("writeWhole = %v, want %v", err, step.err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != step.want {
			t.Errorf("the file holds %q, %v; want %q", got, err, step.want)
		}
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", info, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
}

func TestWriteWholeLeavesDevices(t *testing.T) {
	if err := writeWhole(os.DevNull, func(w io.Writer) error { _, err := io.WriteString(w, "x"); return err }); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode()&os.ModeDevice == 0 {
		t.Fatalf("%s is no device any more", os.DevNull)
	}
}

func TestByteSize(t *testing.T) {
	for in, want := range map[string]int64{"1": 1, "1k": 1024, "1KiB": 1024, "2MiB": 2 << 20, "1.5GiB": 3 << 29, "3g": 3 << 30, "1 TiB": 1 << 40, "10B": 10} {
		var s byteSize
		if err := s.Set(in); err != nil || int64(s) != want {
			t.Errorf("Set(%q) = %d, %v; want %d", in, s, err, want)
		}
	}
	for _, in := range []string{"", "x", "-1", "0", "1x", "NaN", "Inf", "9999999999TiB", "1kk"} {
		var s byteSize
		if err := s.Set(in); err == nil {
			t.Errorf("Set(%q) = %d, want an error", in, s)
		}
	}
}
