package coreread

import (
	"fmt"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/exe"
)

// moduleDataPrefix is the part of runtime.moduledata that the linker fills with
// addresses and lengths, that nothing changes at run time and that has the same
// layout in Go 1.18 to 1.27: pcHeader to enoptrbss, in bytes.
const moduleDataPrefix = 256

// compareModuleData decides by the linker's own table of what is where, as it
// stands in the process's writable memory.
func compareModuleData(id *Identity, core *elfcore.Core, bin *exe.Binary, bias int64) {
	at := bin.Module().Addr
	want, err := bin.Image().Bytes(at, moduleDataPrefix)
	if err != nil {
		return
	}
	got, err := core.Image.Bytes(at.Add(bias), moduleDataPrefix)
	if err != nil {
		if core.Cut != nil {
			return // it may have been in what is cut off
		}
		// Every producer writes a process's writable memory: this one had none there.
		id.State, id.Basis = Mismatch, "moduledata"
		if id.CoreBuild == "" {
			id.CoreBuild = fmt.Sprintf("a process without memory at %v, where this binary keeps its moduledata", at.Add(bias))
		}
		return
	}
	id.Basis = "moduledata"
	order := core.Image.ByteOrder()
	differ := 0
	for off := 0; off < moduleDataPrefix; off += 8 {
		w, g := order.Uint64(want[off:]), order.Uint64(got[off:])
		// A pointer moved with the binary, a length did not.
		if g != w && g != w+uint64(bias) {
			differ++
		}
	}
	if differ == 0 {
		id.State = Verified
		if id.CoreBuild == "" {
			id.CoreBuild = id.BinaryBuild
		}
		return
	}
	id.State = Mismatch
	if id.CoreBuild == "" {
		id.CoreBuild = fmt.Sprintf("a build whose moduledata differs in %d of %d words", differ, moduleDataPrefix/8)
	}
}
