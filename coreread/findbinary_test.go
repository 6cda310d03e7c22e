package coreread_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postmortem/coreread"
	"postmortem/internal/testcores"
)

// TestBinaryDir finds a core's binary, packed and behind links, among files that
// are something else.
func TestBinaryDir(t *testing.T) {
	c := testcores.Get(t, "small-nil-1.27.3-plain")
	other := testcores.Get(t, "small-nil-1.22.12-plain")
	dir := t.TempDir()
	bins := filepath.Join(dir, "bins")
	if err := os.Mkdir(bins, 0o700); err != nil {
		t.Fatal(err)
	}
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link(c.CorePath(t), "bins/1-core")
	link(c.PackedCore(), "bins/2-core.zst")
	link(other.PackedBinary(), "bins/3-other.zst")
	link(filepath.Join(dir, "nowhere"), "bins/4-dangling")
	if err := os.WriteFile(filepath.Join(bins, "5-text"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	link("bins", "linked")
	open := func(dir string) (*coreread.Snapshot, error) {
		return coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), BinaryDir: dir})
	}
	for dir, want := range map[string]string{
		filepath.Join(dir, "linked"):  "no file in linked has",
		filepath.Join(dir, "nowhere"): "no such file or directory",
	} {
		if snap, err := open(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", dir, snap, err)
		}
	}
	link(c.PackedBinary(), "bins/6-wanted.zst")
	snap, err := open(filepath.Join(dir, "linked"))
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if snap.Identity.State != coreread.Verified {
		t.Errorf("identity %+v", snap.Identity)
	}
}
