package coreread

import (
	"fmt"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/exe"
	"postmortem/coreread/image"
)

// IdentityState says whether a binary is the one that the process ran.
type IdentityState uint8

const (
	Unverifiable IdentityState = iota // the core holds nothing to compare
	Verified
	Mismatch
)

// Identity is how core and binary were compared, and the outcome.
type Identity struct {
	State       IdentityState
	Basis       string // what was compared: "GNU build id", "Go build id", "moduledata"
	CoreBuild   string // which build the core is of, as far as it tells
	BinaryBuild string
}

// MismatchError is a binary that is not the core's.
type MismatchError struct {
	Core, Binary     string // file names
	CoreIs, BinaryIs string // what each was built as
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s is not the binary of %s: the core is of %s, the binary is %s; give the binary that ran, or --force to go on regardless",
		e.Binary, e.Core, e.CoreIs, e.BinaryIs)
}

// auxvPHDR is AT_PHDR of the auxiliary vector (include/uapi/linux/auxvec.h):
// where the program headers are.
const auxvPHDR = 3

// pageSize is the smallest page of any machine: load addresses are multiples of it.
const pageSize = 4096

// identify finds where the binary was loaded and whether it is the core's.
func identify(core *elfcore.Core, bin *exe.Binary) (bias int64, id Identity) {
	id.BinaryBuild = describeBuild(bin.GNUBuildID(), bin.GoBuildID())
	base, haveBase := elfBase(core)
	bias = loadBias(core, bin, base, haveBase)
	if haveBase {
		if gnu, goID, err := exe.BuildIDsIn(core.Image, base); err == nil {
			if compareBuildIDs(&id, gnu, goID, bin) {
				return bias, id
			}
		}
	}
	if bias%pageSize != 0 {
		id.State, id.Basis = Mismatch, "load address"
		id.CoreBuild = fmt.Sprintf("a program whose entry lies %#x bytes from this binary's, which no loader does", bias)
		return bias, id
	}
	compareModuleData(&id, core, bin, bias)
	return bias, id
}

func describeBuild(gnu, goID string) string {
	switch {
	case gnu != "":
		return "GNU build id " + gnu
	case goID != "":
		return "Go build id " + goID
	}
	return "a build without an id"
}

// compareBuildIDs decides by the ids in the core's own memory, if both sides have one of a kind.
func compareBuildIDs(id *Identity, gnu, goID string, bin *exe.Binary) bool {
	var same bool
	switch {
	case gnu != "" && bin.GNUBuildID() != "":
		id.Basis, same = "GNU build id", gnu == bin.GNUBuildID()
		id.CoreBuild = describeBuild(gnu, "")
	case goID != "" && bin.GoBuildID() != "":
		id.Basis, same = "Go build id", goID == bin.GoBuildID()
		id.CoreBuild = describeBuild("", goID)
		id.BinaryBuild = describeBuild("", bin.GoBuildID())
	case gnu != "" || goID != "":
		// One side has a kind of id that the other's linker would have written too.
		id.CoreBuild = describeBuild(gnu, goID)
		return false
	default:
		return false
	}
	id.State = Mismatch
	if same {
		id.State = Verified
	}
	return true
}

// elfBase returns where the ELF header of the process's executable is in memory.
func elfBase(core *elfcore.Core) (image.Addr, bool) {
	if phdr := image.Addr(core.Auxv[auxvPHDR]); phdr != 0 {
		// The program headers follow the ELF header in the first page.
		if base := phdr &^ 0xfff; isELF(core.Image, base) {
			return base, true
		}
	}
	if entry, ok := core.Entry(); ok {
		if mapped, ok := core.FileAt(entry); ok {
			for _, f := range core.Files {
				if f.Path == mapped.Path && f.Offset == 0 && isELF(core.Image, f.Start) {
					return f.Start, true
				}
			}
		}
	}
	return 0, false
}

func isELF(m *image.Image, at image.Addr) bool {
	b, err := m.Bytes(at, 4)
	return err == nil && string(b) == "\x7fELF"
}

// loadBias returns how far from its own addresses the binary was loaded.
func loadBias(core *elfcore.Core, bin *exe.Binary, base image.Addr, haveBase bool) int64 {
	if !bin.PIE() {
		return 0
	}
	if entry, ok := core.Entry(); ok {
		return entry.Sub(bin.Entry())
	}
	if haveBase {
		return base.Sub(headerAddr(bin))
	}
	for _, f := range core.Files {
		if f.Offset == 0 && isELF(core.Image, f.Start) {
			return f.Start.Sub(headerAddr(bin))
		}
	}
	return 0
}

// headerAddr returns where the binary's own ELF header is in its own addresses:
// the start of the segment that begins the file.
func headerAddr(bin *exe.Binary) image.Addr {
	for _, s := range bin.Segments() {
		if s.Offset == 0 {
			return s.Start
		}
	}
	return 0
}
