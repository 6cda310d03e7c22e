package coreread_test

import (
	"context"
	"debug/buildinfo"
	"errors"
	"os"
	"testing"

	"postmortem/coreread"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
	"postmortem/internal/testcores"
)

// sample returns one core of each binary.
func sample(t *testing.T) []*testcores.Core {
	t.Helper()
	var out []*testcores.Core
	seen := make(map[string]bool)
	for _, c := range testcores.All(t) {
		if c.Cut == 0 && !seen[c.Binary] {
			seen[c.Binary] = true
			out = append(out, c)
		}
	}
	return out
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestWrongBinaryIsRefused pairs cores with the binaries of others: other
// programs, and the same program built by another Go version or in another way.
func TestWrongBinaryIsRefused(t *testing.T) {
	cores := sample(t)
	if len(cores) < 6 {
		t.Fatalf("only %d binaries: too few to tell apart", len(cores))
	}
	for i, c := range cores {
		core := input.Memory("core", readFile(t, c.CorePath(t)))
		for _, step := range []int{1, 2, len(cores) / 2} {
			other := cores[(i+step)%len(cores)]
			bin := input.Memory("bin", readFile(t, other.BinaryPath(t)))
			_, err := coreread.Load(core, bin, false)
			var mismatch *coreread.MismatchError
			if !errors.As(err, &mismatch) {
				t.Errorf("core of %s with the binary of %s: %v, want a mismatch", c.Name, other.Name, err)
			}
		}
	}
}

// TestIdentityByModuleData takes the ELF header out of the core's memory, so
// that only the runtime's own tables can tell.
func TestIdentityByModuleData(t *testing.T) {
	cores := sample(t)
	for i, c := range cores {
		data := readFile(t, c.CorePath(t))
		right := input.Memory("bin", readFile(t, c.BinaryPath(t)))
		other := cores[(i+1)%len(cores)]
		wrong := input.Memory("other", readFile(t, other.BinaryPath(t)))
		hideHeader(t, data, right)
		core := input.Memory("core", data)
		snap, err := coreread.Load(core, right, false)
		if err != nil {
			t.Errorf("%s without its ELF header: %v", c.Name, err)
			continue
		}
		if snap.Identity.State != coreread.Verified || snap.Identity.Basis != "moduledata" {
			t.Errorf("%s without its ELF header: %+v, want verified by moduledata", c.Name, snap.Identity)
		}
		var mismatch *coreread.MismatchError
		if _, err := coreread.Load(core, wrong, false); !errors.As(err, &mismatch) {
			t.Errorf("%s without its ELF header, with the binary of %s: %v, want a mismatch", c.Name, other.Name, err)
		}
	}
}

// hideHeader overwrites the magic number of the executable's ELF header in a core.
func hideHeader(t *testing.T, core []byte, bin *input.File) {
	t.Helper()
	snap, err := coreread.Load(input.Memory("core", core), bin, false)
	if err != nil {
		t.Fatal(err)
	}
	at := image.Addr(0)
	for _, s := range snap.Exe.Segments() {
		if s.Offset == 0 {
			at = s.Start.Add(snap.Bias)
		}
	}
	for _, s := range snap.Core.Segments {
		if s.Contains(at) && s.FileBytes > 0 {
			copy(core[s.Offset+uint64(at-s.Start):], "none")
			return
		}
	}
	t.Fatal("the core does not hold its binary's ELF header")
}

// TestForce goes on with a wrong binary, and says so.
func TestForce(t *testing.T) {
	cores := sample(t)
	core := input.Memory("core", readFile(t, cores[0].CorePath(t)))
	bin := input.Memory("bin", readFile(t, cores[1].BinaryPath(t)))
	snap, err := coreread.Load(core, bin, true)
	if err != nil {
		t.Fatal(err)
	}
	if snap.Identity.State != coreread.Mismatch {
		t.Errorf("identity is %+v, want a mismatch", snap.Identity)
	}
}

// TestIdentify compares what a core says by itself with what the Go tools say of its binary.
func TestIdentify(t *testing.T) {
	for _, c := range sample(t) {
		want, err := buildinfo.ReadFile(c.BinaryPath(t))
		if err != nil {
			t.Fatal(err)
		}
		id, err := coreread.Identify(context.Background(), c.CorePath(t), input.Options{})
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if id.Build == nil || id.Build.String() != want.String() {
			t.Errorf("%s: build information %v, want %v", c.Name, id.Build, want)
		}
		snap := open(t, c)
		if id.BuildID != snap.Exe.GNUBuildID() || id.GoBuildID != snap.Exe.GoBuildID() {
			t.Errorf("%s: build ids %q %q, the binary has %q %q", c.Name, id.BuildID, id.GoBuildID, snap.Exe.GNUBuildID(), snap.Exe.GoBuildID())
		}
		if err := id.Close(); err != nil {
			t.Error(err)
		}
	}
}
