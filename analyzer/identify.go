package analyzer

import (
	"cmp"
	"debug/elf"
	"path"

	"postmortem/analyzer/facts"
	"postmortem/coreread"
	"postmortem/coreread/elfcore"
)

// Identify writes down what a core says of its process without the binary.
func Identify(id *coreread.CoreIdentity, tool facts.Tool) *facts.Identity {
	core := id.Core
	out := &facts.Identity{
		Schema:    facts.IdentitySchema,
		Tool:      tool,
		BuildID:   known(id.BuildID),
		GoBuildID: known(id.GoBuildID),
		Core: facts.Core{
			Name:        core.FileName,
			Producer:    facts.Producer(core.Producer),
			Compression: cmp.Or(core.Compression, "none"),
			FileBytes:   facts.Some(core.FileBytes),
			MemoryBytes: facts.Some(core.MemoryBytes),
		},
		Process: facts.Process{Threads: facts.Some(len(core.Threads))},
	}
	if id.Executable != "" {
		out.Executable = facts.Some(path.Base(id.Executable))
	}
	switch core.Machine {
	case elf.EM_X86_64:
		out.GOARCH = facts.Some("amd64")
	case elf.EM_AARCH64:
		out.GOARCH = facts.Some("arm64")
	}
	if p := core.Process; p != nil {
		out.Process.PID, out.Process.Comm = facts.Some(p.PID), known(p.Comm)
	}
	if b := id.Build; b != nil {
		out.GoVersion, out.MainPackage = known(b.GoVersion), known(b.Path)
		if b.Main.Path != "" {
			out.MainModule = &facts.Module{Path: b.Main.Path, Version: known(b.Main.Version)}
		}
		for _, s := range b.Settings {
			switch s.Key {
			case "vcs.revision":
				out.VCSRevision = known(s.Value)
			case "vcs.modified":
				out.VCSModified = facts.Some(s.Value == "true")
			}
		}
	}
	out.DumpSignal = dumpSignal(core)
	return out
}

// dumpSignal is the signal that the core's own notes name.
func dumpSignal(core *elfcore.Core) *facts.Signal {
	info := core.Signal
	if info == nil {
		return nil
	}
	s := &facts.Signal{
		Number:   info.Signo,
		Name:     facts.Some(elfcore.SignalName(info.Signo)),
		Code:     facts.Some(info.Code),
		CodeName: facts.Some(elfcore.CodeName(info.Signo, info.Code)),
		Sender:   &facts.Sender{Who: facts.SenderKernel},
		Source:   facts.Some("NT_SIGINFO"),
	}
	if info.HasAddr() {
		s.FaultAddress = facts.Some(facts.Word(info.Addr))
	}
	if info.HasSender() {
		s.Sender = &facts.Sender{Who: facts.SenderOther, PID: facts.Some(info.PID)}
		if core.Process != nil && core.Process.PID == info.PID {
			s.Sender.Who = facts.SenderSelf
		}
	}
	return s
}
