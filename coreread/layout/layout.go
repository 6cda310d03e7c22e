// Package layout says where the fields of the Go runtime's structs are, and
// what the runtime's numbers mean, for the version and architecture of one
// binary. It reads no memory of a process and knows no addresses.
//
// The binary describes itself: its type descriptors come first. Structs that
// have none come from committed tables, made from the toolchains by
// internal/gen; a version that no table knows, from the binary's DWARF.
// A difference between versions is a row in a table, never a condition in a
// reader: readers ask for fields by path (Struct), for numbers by name
// (WaitReason, SpecialKind) and for behaviour by feature (Has).
package layout

//go:generate go run ./internal/gen

import (
	"debug/elf"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"postmortem/coreread/exe"
	"postmortem/coreread/layout/internal/shape"
)

// UnsupportedError is something that was recognised and that no table, no
// descriptor and no DWARF explains.
type UnsupportedError = exe.UnsupportedError

// Layout is the layout of one binary's runtime. It is safe for concurrent use.
type Layout struct {
	version Version
	arch    string // GOARCH
	self    self
	dwarf   func() (*shape.DWARF, error) // nil, nil when the binary has none

	mu       sync.Mutex
	structs  map[string]found
	warnings []*Warning

	waitReasons, stwReasons func() []string // by number
}

// self is what a binary says about its own runtime.
type self interface {
	// descriptor describes a struct from the type descriptors; the error says why it cannot.
	descriptor(name string) (*shape.Type, error)
	// dwarf indexes the debugging information; nil, nil when there is none.
	dwarf() (*shape.DWARF, error)
	// variableSize is the size in bytes of a variable by the symbol table.
	variableSize(name string) (uint64, bool)
	// strings reads an array of strings from the initialised data.
	strings(name string) ([]string, bool)
}

// found is the result of one look-up.
type found struct {
	shape  *shape.Type
	source Source
	err    error
}

// Resolve prepares the layout of a binary's runtime. Structs are looked up when
// they are asked for. The error is an *UnsupportedError: a binary of another
// architecture, or of a Go version older than 1.18 or one that cannot be read.
func Resolve(b *exe.Binary) (*Layout, error) {
	v, err := ParseVersion(b.GoVersion())
	if err != nil {
		return nil, &UnsupportedError{What: "the binary's Go version cannot be read, so that its layouts are unknown", Version: b.GoVersion()}
	}
	return resolve(v, b.Machine(), &binary{b})
}

func resolve(v Version, machine elf.Machine, s self) (*Layout, error) {
	arch, ok := map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}[machine]
	if !ok {
		return nil, &UnsupportedError{What: fmt.Sprintf("%v: only amd64 and arm64 are known", machine), Version: v.String()}
	}
	if v.Minor < 18 {
		return nil, &UnsupportedError{What: "Go older than 1.18", Version: v.String()}
	}
	l := &Layout{version: v, arch: arch, self: s, structs: make(map[string]found)}
	l.dwarf = sync.OnceValues(s.dwarf)
	l.waitReasons = sync.OnceValue(func() []string { return l.readStrings("runtime.waitReasonStrings", waitReasons) })
	l.stwReasons = sync.OnceValue(func() []string { return l.readStrings("runtime.stwReasonStrings", stwReasons) })
	return l, nil
}

// Version returns the binary's Go version.
func (l *Layout) Version() Version { return l.version }

// Arch returns the binary's architecture as GOARCH names it.
func (l *Layout) Arch() string { return l.arch }

// Struct looks a struct up by its name in the runtime ("runtime.g",
// "internal/runtime/maps.Map"). It never returns nil: what is wrong, Err says.
// Every call returns a Struct with an error of its own.
//
// The variable work of 1.18 has an unnamed type: it is "runtime.workType"
// always. Other unnamed types go by their variable ("runtime.trace",
// "runtime.debug"), or by their place ("runtime.schedt.gFree"); the element of
// an array of them has "[]" at its end ("runtime.semtable[]").
func (l *Layout) Struct(name string) *Struct {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.structs[name]
	if !ok {
		f = l.find(name)
		l.structs[name] = f
	}
	return &Struct{name: name, shape: f.shape, source: f.source, err: f.err}
}

// Warnings returns the structs whose layout may not be the binary's, by name,
// of those that were asked for so far.
func (l *Layout) Warnings() []*Warning {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.Clone(l.warnings)
	slices.SortFunc(out, func(a, b *Warning) int { return strings.Compare(a.Struct, b.Struct) })
	return out
}

// find tries the sources in order.
func (l *Layout) find(name string) found {
	t, descErr := l.fromDescriptor(name)
	if descErr == nil {
		return found{shape: t, source: FromDescriptor}
	}
	doubt := l.doubtOf(name)
	t, inTable := fromTable(name, l.version, l.arch)
	if !inTable {
		t, inTable = l.fromGap(name)
	}
	_, confirmed := l.self.variableSize(variables[name])
	if inTable && (doubt == NoDoubt || confirmed && doubt.small()) && l.plausible(name, t) == nil {
		l.warn(name, doubt, confirmed)
		return found{shape: t, source: FromTable}
	}
	d, dwarfErr := l.fromDWARF(name)
	if dwarfErr == nil {
		return found{shape: d, source: FromDWARF}
	}
	if !inTable {
		what := fmt.Sprintf("the layout of %s is unknown: no type descriptor (%v), no table, no DWARF (%v); a binary with DWARF would tell", name, descErr, dwarfErr)
		return found{err: &UnsupportedError{What: what, Version: l.version.String()}}
	}
	if err := l.plausible(name, t); err != nil {
		what := fmt.Sprintf("the layout of %s in the tables is not this binary's (%v), and there is no DWARF to tell (%v)", name, err, dwarfErr)
		return found{err: &UnsupportedError{What: what, Version: l.version.String()}}
	}
	l.warn(name, doubt, confirmed)
	return found{shape: t, source: FromTable}
}

func (l *Layout) warn(name string, doubt Doubt, confirmed bool) {
	if doubt != NoDoubt {
		l.warnings = append(l.warnings, &Warning{Struct: name, Version: l.version, Doubt: doubt, SizeConfirmed: confirmed})
	}
}

var errNeverDescribed = errors.New("no binary has one")

// fromDescriptor asks the binary, unless the tables know that it cannot say:
// a search for what is not there reads every descriptor.
func (l *Layout) fromDescriptor(name string) (*shape.Type, error) {
	if _, known := newest(l.version.Minor); known {
		if tab := tableOf(name); tab != nil && !tab.described {
			return nil, errNeverDescribed
		}
	}
	t, err := l.self.descriptor(name)
	if err != nil {
		return nil, err
	}
	return t, l.plausible(name, t)
}

// fromGap decides between the layouts before and after a change that the
// tables do not pin to one patch release: the size of the variable tells.
func (l *Layout) fromGap(name string) (t *shape.Type, ok bool) {
	size, known := l.self.variableSize(variables[name])
	if !known {
		return nil, false
	}
	for _, candidate := range fromNeighbours(name, l.version, l.arch) {
		if candidate.Size != size {
			continue
		}
		if ok {
			return nil, false // both have it
		}
		t, ok = candidate, true
	}
	return t, ok
}

var errNoDWARF = errors.New("the binary has none")

func (l *Layout) fromDWARF(name string) (*shape.Type, error) {
	d, err := l.dwarf()
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, errNoDWARF
	}
	t, ok, err := d.Type(name)
	if !ok {
		// A type without a name of its own, or without one in this version.
		bare := strings.TrimSuffix(name, "[]")
		variable := bare
		if v, named := variables[bare]; named {
			variable = v
		}
		if t, ok, err = d.Variable(variable, bare); ok && err == nil && bare != name {
			if t.Elem == nil {
				return nil, fmt.Errorf("%s is no array", bare)
			}
			t = t.Elem
		}
	}
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, fmt.Errorf("it has no %s", name)
	}
	return t, l.plausible(name, t)
}

// variables are runtime variables by the struct that is their type. The size
// that the symbol table gives them must be the struct's.
var variables = map[string]string{
	"runtime.g":                 "runtime.g0",
	"runtime.m":                 "runtime.m0",
	"runtime.schedt":            "runtime.sched",
	"runtime.mheap":             "runtime.mheap_",
	"runtime.workType":          "runtime.work",
	"runtime.gcControllerState": "runtime.gcController",
	"runtime.mstats":            "runtime.memstats",
	"runtime.moduledata":        "runtime.firstmoduledata",
	"runtime.gcCPULimiterState": "runtime.gcCPULimiter",
	"runtime.sweepdata":         "runtime.sweep",
	"runtime.trace":             "runtime.trace",
	"runtime.debug":             "runtime.debug",
	"runtime.cleanupQueue":      "runtime.gcCleanups",
	"runtime.forcegcstate":      "runtime.forcegc",
	"runtime.cpuProfile":        "runtime.cpuprof",
	"runtime.pollCache":         "runtime.pollcache",
	"runtime.stackLarge":        "runtime.stackLarge",
	"runtime.scavenge":          "runtime.scavenge",
}

// maxStruct bounds the size of a struct: the largest, heapArena of 1.18, has 2165776.
const maxStruct = 1 << 24

// plausible returns an error when t cannot be the struct of that name.
func (l *Layout) plausible(name string, t *shape.Type) error {
	if !t.IsStruct() || t.Size > maxStruct {
		return fmt.Errorf("%s is described as %d fields in %d bytes", name, len(t.Fields), t.Size)
	}
	if err := t.Check(); err != nil {
		return err
	}
	if v, ok := variables[name]; ok {
		if size, ok := l.self.variableSize(v); ok && size != 0 && size != t.Size {
			return fmt.Errorf("%s is described with %d bytes, and the variable %s has %d", name, t.Size, v, size)
		}
	}
	return nil
}
