package analyzer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"runtime/debug"
	"slices"

	"postmortem/analyzer/facts"
)

// describeTarget says what the process was and what it was built from.
func (a *analysis) describeTarget(info *debug.BuildInfo) {
	t := &a.doc.Target
	bin, core := a.snap.Exe, a.snap.Core
	t.GoVersion = known(bin.GoVersion())
	t.Binary = &facts.Binary{
		Name:      bin.Name(),
		BuildID:   known(bin.GNUBuildID()),
		GoBuildID: known(bin.GoBuildID()),
		PIE:       bin.PIE(),
		LoadBias:  facts.Some(facts.Word(a.snap.Bias)),
		HasSymtab: bin.HasSymtab(),
		HasDWARF:  bin.HasDWARF(),
	}
	t.Core = &facts.Core{
		Name:        core.FileName,
		Producer:    facts.Producer(core.Producer),
		Compression: cmp.Or(core.Compression, "none"),
		FileBytes:   facts.Some(core.FileBytes),
		MemoryBytes: facts.Some(core.MemoryBytes),
	}
	t.Process = &facts.Process{Threads: facts.Some(len(core.Threads))}
	if p := core.Process; p != nil {
		t.Process.PID = facts.Some(p.PID)
		t.Process.Comm = known(p.Comm)
	}
	a.describeBuild(t, info)
	t.Time = a.lifetime()
	t.InstanceID = a.instanceID()
}

// describeBuild copies the build information that the linker left in the binary.
func (a *analysis) describeBuild(t *facts.Target, info *debug.BuildInfo) {
	t.GOOS = facts.Some("linux")
	t.GOARCH = known(a.snap.Runtime.GOARCH())
	if info == nil {
		return
	}
	t.MainPackage = known(info.Path)
	if info.Main.Path != "" {
		m := module(info.Main)
		t.MainModule = &m
	}
	t.Deps = make([]facts.Module, 0, len(info.Deps))
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			t.Deps = append(t.Deps, facts.Module{Path: dep.Path, Version: known(dep.Replace.Version)})
			continue
		}
		t.Deps = append(t.Deps, module(*dep))
	}
	slices.SortFunc(t.Deps, func(x, y facts.Module) int { return cmp.Compare(x.Path, y.Path) })
	t.BuildSettings = make(map[string]string, len(info.Settings))
	for _, s := range info.Settings {
		t.BuildSettings[s.Key] = s.Value
		switch s.Key {
		case "vcs.revision":
			t.VCSRevision = known(s.Value)
		case "vcs.modified":
			t.VCSModified = facts.Some(s.Value == "true")
		}
	}
}

func module(m debug.Module) facts.Module {
	return facts.Module{Path: m.Path, Version: known(m.Version)}
}

// known is a string that is unknown when it is empty.
func known(s string) facts.Maybe[string] {
	return facts.Maybe[string]{V: s, Known: s != ""}
}

// auxvRandom is AT_RANDOM: where the kernel put 16 random bytes for the process.
const auxvRandom = 25

// instanceID hashes what is equal in every core of one process and differs
// between processes: its random bytes, or else its pid and start.
func (a *analysis) instanceID() facts.Maybe[string] {
	core := a.snap.Core
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", a.snap.Exe.GNUBuildID(), a.snap.Exe.GoBuildID())
	if at, ok := core.Auxv[auxvRandom]; ok {
		if random, err := core.Image.Bytes(addr(at), 16); err == nil {
			h.Write(random)
			return facts.Some(hex.EncodeToString(h.Sum(nil))[:16])
		}
	}
	if core.Process == nil || a.clocks.Init == 0 {
		return facts.Maybe[string]{}
	}
	fmt.Fprintf(h, "%d\n%d\n", core.Process.PID, a.clocks.Init)
	return facts.Some(hex.EncodeToString(h.Sum(nil))[:16])
}

// programName is what people call the program: the last element of its main
// package's path, or the binary's name.
func (a *analysis) programName() string {
	t := &a.doc.Target
	for _, p := range []string{t.MainPackage.V, mainModulePath(t)} {
		if p != "" && p != "command-line-arguments" {
			return withoutMajorVersion(p)
		}
	}
	return cmp.Or(t.Binary.Name, t.Process.Comm.V, "the process")
}

func mainModulePath(t *facts.Target) string {
	if t.MainModule == nil {
		return ""
	}
	return t.MainModule.Path
}

// withoutMajorVersion returns the last element of an import path that is not a
// major version ("example.com/orders/v2" is "orders").
func withoutMajorVersion(p string) string {
	base := path.Base(p)
	if len(base) > 1 && base[0] == 'v' && base[1] >= '0' && base[1] <= '9' && path.Dir(p) != "." {
		return path.Base(path.Dir(p))
	}
	return base
}
