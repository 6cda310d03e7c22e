package exe_test

import (
	"bufio"
	"bytes"
	"debug/buildinfo"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/go-delve/delve/pkg/dwarf/frame"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
)

// The tests of this file build testdata/program in several ways and hold what
// the package says against other tools and against the running program.

// toolchainsEnv names Go toolchains, separated by spaces, that are tried
// besides the installed one ("go1.18.10 go1.27.3"); they must be at hand.
const toolchainsEnv = "POSTMORTEM_TOOLCHAINS"

// variant is a way to build a program.
type variant struct {
	name   string
	flags  []string
	cgo    bool
	goarch string // "" is the host's
	once   bool   // enough with the installed toolchain: rebuilds the standard library, or tries the C linker
	needs  string // what the C linker's help must mention
	file   string // of the C compiler, which must be there
}

var variants = []variant{
	{name: "plain"},
	{name: "w", flags: []string{"-ldflags=-w"}},
	{name: "pie", flags: []string{"-buildmode=pie"}},
	{name: "cgo", cgo: true},
	{name: "cgo-pie", flags: []string{"-buildmode=pie", "-ldflags=-linkmode=external"}, cgo: true},
	{name: "stripped", flags: []string{"-ldflags=-s -w"}},
	{name: "stripped-pie", flags: []string{"-ldflags=-s -w", "-buildmode=pie"}},
	{name: "arm64", goarch: "arm64"},
	{name: "arm64-pie", goarch: "arm64", flags: []string{"-buildmode=pie"}, once: true},
	{name: "relr", flags: []string{"-buildmode=pie", "-ldflags=-linkmode=external -extldflags=-Wl,-z,pack-relative-relocs"}, cgo: true, once: true, needs: "pack-relative-relocs"},
	{name: "gold", flags: []string{"-buildmode=pie", "-ldflags=-linkmode=external -extldflags=-fuse-ld=gold"}, cgo: true, once: true, file: "ld.gold"},
	{name: "static", flags: []string{"-ldflags=-linkmode=external -extldflags=-static"}, cgo: true, once: true, file: "libc.a"},
	{name: "static-pie", flags: []string{"-buildmode=pie", "-ldflags=-linkmode=external -extldflags=-static-pie"}, cgo: true, once: true, file: "rcrt1.o"},
}

// build builds the program and returns its path.
func (v *variant) build(t *testing.T, toolchain string) string {
	t.Helper()
	if v.cgo {
		if _, err := exec.LookPath("gcc"); err != nil {
			t.Skip("no C compiler")
		}
	}
	if v.needs != "" {
		if help, _ := exec.Command("ld", "--help").CombinedOutput(); !bytes.Contains(help, []byte(v.needs)) {
			t.Skipf("the linker knows no %s", v.needs)
		}
	}
	if v.file != "" {
		// gcc repeats the name when it does not find the file; linkers are on the path.
		found, err := exec.Command("gcc", "-print-file-name="+v.file).Output()
		if _, pathErr := exec.LookPath(v.file); pathErr != nil && (err != nil || !filepath.IsAbs(strings.TrimSpace(string(found)))) {
			t.Skipf("no %s", v.file)
		}
	}
	path := filepath.Join(t.TempDir(), v.name)
	cmd := exec.Command("go", append(append([]string{"build", "-o", path}, v.flags...), ".")...)
	cmd.Dir = filepath.Join("testdata", "program")
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+map[bool]string{true: "1", false: "0"}[v.cgo], "GOFLAGS=-buildvcs=false", "GOWORK=off")
	if v.goarch != "" {
		cmd.Env = append(cmd.Env, "GOARCH="+v.goarch)
	}
	if toolchain != "" {
		cmd.Env = append(cmd.Env, "GOTOOLCHAIN="+toolchain)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return path
}

// built is a program and what another reader says of it.
type built struct {
	*exe.Binary
	path   string
	plain  *elf.File
	native bool // it runs here
}

func TestBuiltPrograms(t *testing.T) {
	for _, toolchain := range append([]string{""}, strings.Fields(os.Getenv(toolchainsEnv))...) {
		for _, v := range variants {
			if v.once && toolchain != "" {
				continue
			}
			t.Run(v.name+toolchain, func(t *testing.T) {
				path := v.build(t, toolchain)
				plain, err := elf.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer plain.Close()
				b := &built{openFile(t, path), path, plain, v.goarch == "" || v.goarch == runtime.GOARCH}
				t.Run("identity", b.testIdentity)
				t.Run("symbols", b.testSymbols)
				t.Run("positions", b.testPositions)
				t.Run("dwarf", b.testDWARF)
				t.Run("module", b.testModule)
				t.Run("types", b.testTypes)
				t.Run("memory", b.testMemory)
				t.Run("in memory", b.testInMemory)
				t.Run("without sections", b.testWithoutSections)
				t.Run("of a future version", b.testFuture)
				t.Run("thread-local g", b.testTLSG)
			})
		}
	}
}

func (b *built) testIdentity(t *testing.T) {
	want, err := buildinfo.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.BuildInfo()
	if err != nil || got.String() != want.String() || b.GoVersion() != want.GoVersion {
		t.Errorf("BuildInfo = %v, %v, GoVersion %s, want %v", got, err, b.GoVersion(), want)
	}
	id, err := exec.Command("go", "tool", "buildid", b.path).Output()
	if err != nil || b.GoBuildID() != strings.TrimSpace(string(id)) || b.GoBuildID() == "" {
		t.Errorf("GoBuildID = %q, `go tool buildid` says %q, %v", b.GoBuildID(), id, err)
	}
	if notes, err := exec.Command("readelf", "-n", b.path).Output(); err == nil {
		_, gnu, _ := strings.Cut(string(notes), "Build ID: ")
		gnu, _, _ = strings.Cut(gnu, "\n")
		if b.GNUBuildID() != gnu {
			t.Errorf("GNUBuildID = %q, readelf says %q", b.GNUBuildID(), gnu)
		}
	}
	if b.PIE() != (b.plain.Type == elf.ET_DYN) || b.Machine() != b.plain.Machine || uint64(b.Entry()) != b.plain.Entry {
		t.Errorf("PIE %v, machine %v, entry %v, want %v, %v, %#x", b.PIE(), b.Machine(), b.Entry(), b.plain.Type, b.plain.Machine, b.plain.Entry)
	}
	_, err = b.plain.DWARF()
	if _, mine := b.DWARF(); b.HasDWARF() != (b.plain.Section(".debug_info") != nil || b.plain.Section(".zdebug_info") != nil) || b.HasDWARF() && (mine == nil) != (err == nil) || !b.HasDWARF() && !errors.Is(mine, exe.ErrNoDWARF) {
		t.Errorf("HasDWARF %v, DWARF: %v; debug/elf: %v", b.HasDWARF(), mine, err)
	}
}

func (b *built) testSymbols(t *testing.T) {
	symbols, err := b.plain.Symbols()
	if err != nil {
		if _, _, err := b.Global("runtime.allgs"); !errors.Is(err, exe.ErrStripped) || b.HasSymtab() {
			t.Errorf("Global in a stripped binary: %v, HasSymtab %v, want ErrStripped", err, b.HasSymtab())
		}
		return
	}
	globals, funcs := 0, 0
	for _, s := range symbols {
		name := linkerName(s.Name)
		switch kind := elf.ST_TYPE(s.Info); {
		case kind == elf.STT_OBJECT && strings.HasPrefix(s.Name, "runtime."):
			addr, how, err := b.Global(s.Name)
			if err != nil || how != exe.FromSymtab || uint64(addr) != s.Value {
				t.Errorf("Global(%s) = %v, %v, %v, want %#x", s.Name, addr, how, err, s.Value)
			}
			globals++
		case kind == elf.STT_FUNC && b.Funcs().Range().Contains(image.Addr(s.Value)) && s.Size > 0:
			f, ok := b.Funcs().Find(image.Addr(s.Value))
			if !ok || uint64(f.Entry()) != s.Value {
				continue // C
			}
			if n := linkerName(f.Name()); n != name {
				// Two symbols may share an address.
				if !slices.ContainsFunc(symbols, func(o elf.Symbol) bool { return o.Value == s.Value && linkerName(o.Name) == n }) {
					t.Errorf("function at %#x is %q, the symbol table says %q", s.Value, n, s.Name)
				}
			}
			if end := image.Addr(s.Value + s.Size); f.End() < end {
				t.Errorf("%s ends at %v, the symbol table says %v", name, f.End(), end)
			}
			funcs++
		}
	}
	if globals < 200 || funcs < 1000 {
		t.Errorf("%d variables and %d functions compared, want hundreds and thousands", globals, funcs)
	}
	if _, _, err := b.Global("runtime.noSuchVariable"); !errors.Is(err, exe.ErrNoSymbol) {
		t.Errorf("Global of no variable: %v", err)
	}
	if s, ok := b.Symbol("main.Counter"); !ok || s.Size != 8 {
		t.Errorf("Symbol(main.Counter) = %v, %v", s, ok)
	}
}

// minor returns the minor version of Go that built the binary.
func (b *built) minor(t *testing.T) (minor int) {
	t.Helper()
	if _, err := fmt.Sscanf(b.GoVersion(), "go1.%d", &minor); err != nil {
		t.Fatal(err)
	}
	return minor
}

// linkerName is what a function's name in the symbol table and in the function
// table have in common.
func linkerName(name string) string {
	return shorten(strings.ReplaceAll(strings.TrimSuffix(name, ".abi0"), "·", "."))
}

// samples returns addresses spread over all functions.
func (b *built) samples(n int) []image.Addr {
	rng := rand.New(rand.NewPCG(5, 6))
	var pcs []image.Addr
	for len(pcs) < n {
		f, ok := b.Funcs().Func(rng.IntN(b.Funcs().Len()))
		if size := uint64(f.End() - f.Entry()); ok && size > 0 {
			pc := f.Entry() + image.Addr(rng.Uint64N(size))
			if b.Machine() == elf.EM_AARCH64 {
				pc &^= 3
			}
			pcs = append(pcs, pc)
		}
	}
	return pcs
}

// testPositions compares with `go tool addr2line`, which knows functions and
// lines, not inlining.
func (b *built) testPositions(t *testing.T) {
	pcs := b.samples(3000)
	var in, out bytes.Buffer
	for _, pc := range pcs {
		fmt.Fprintln(&in, pc)
	}
	cmd := exec.Command("go", "tool", "addr2line", b.path)
	cmd.Stdin, cmd.Stdout = &in, &out
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	answers := strings.Split(out.String(), "\n")
	compared := 0
	for i, pc := range pcs {
		name, position := answers[2*i], answers[2*i+1]
		f, ok := b.Funcs().Find(pc)
		if name == "?" {
			continue // addr2line finds no function where it finds no line
		}
		compared++
		file, line := f.Position(pc)
		if !ok || f.Name() != name {
			t.Errorf("function at %v is %s, %v, addr2line says %s", pc, f.Name(), ok, name)
		}
		if got := fmt.Sprintf("%s:%d", file, line); got != position && !(file == "" && strings.HasPrefix(position, ":-")) {
			t.Errorf("position of %v is %s, addr2line says %s", pc, got, position)
		}
	}
	if compared < 2500 {
		t.Errorf("addr2line answered for %d of %d addresses", compared, len(pcs))
	}
}

// testDWARF compares inlined calls and stack depths with what the compiler says
// in DWARF, which is another encoding of the same facts.
func (b *built) testDWARF(t *testing.T) {
	data, err := b.plain.DWARF()
	if err != nil || !b.HasDWARF() {
		t.Skip("no DWARF")
	}
	inlining := readInlining(t, data)
	frames := b.readFrames(t)
	depth, chains, deep := 0, 0, 0
	for _, pc := range b.samples(3000) {
		f, _ := b.Funcs().Find(pc)
		if want, ok := inlining.at(uint64(pc)); ok && f.Name() != "" {
			var got []string
			for _, frame := range f.Frames(pc) {
				got = append(got, shorten(frame.Func))
			}
			chains++
			if len(want) > 1 {
				deep++
			}
			// The DWARF of 1.18 and 1.19 leaves out what is inlined into generated
			// wrappers; their runtime names it.
			if b.minor(t) < 20 && f.IsWrapper() && len(want) == 1 {
				want = append(got[:len(got)-1:len(got)-1], want...)
			}
			if !slices.Equal(got, want) {
				t.Errorf("functions at %v: %v, DWARF says %v", pc, got, want)
			}
		}
		b.checkDepth(t, frames, f, pc, &depth)
	}
	if f, ok := b.Funcs().ByName("runtime.asyncPreempt"); ok {
		// Every instruction: on arm64 the last one stands above the frame.
		for pc := f.Entry(); pc < f.End(); pc += 4 {
			b.checkDepth(t, frames, f, pc, &depth)
		}
	}
	if chains < 1000 || deep < 100 || depth < 1000 {
		t.Errorf("compared %d addresses, %d of them inlined, and %d stack depths: too few", chains, deep, depth)
	}
}

// checkDepth compares the stack's depth at pc, where DWARF tells it.
func (b *built) checkDepth(t *testing.T, frames frame.FrameDescriptionEntries, f exe.Func, pc image.Addr, compared *int) {
	t.Helper()
	fde, err := frames.FDEForPC(uint64(pc))
	if err != nil {
		return
	}
	context, err := fde.EstablishFrame(uint64(pc))
	if err != nil {
		t.Fatal(err)
	}
	cfa := context.CFA.Offset
	if b.Machine() == elf.EM_X86_64 {
		cfa -= 8 // the return address
	}
	*compared++
	if delta, ok := f.SPDelta(pc); !ok || delta != cfa {
		t.Errorf("stack depth at %v in %s is %d, %v, DWARF says %d", pc, f.Name(), delta, ok, cfa)
	}
}

func (b *built) testModule(t *testing.T) {
	m := b.Module()
	described, err := b.Types().Struct("runtime.moduledata")
	if err != nil {
		t.Fatal(err)
	}
	if described.Size != m.Bytes() {
		t.Errorf("moduledata takes %d bytes, its descriptor says %d", m.Bytes(), described.Size)
	}
	for _, f := range described.Fields {
		if off, ok := m.Offset(f.Name); f.Name != "NotInHeap" && (!ok || off != f.Offset) {
			t.Errorf("moduledata.%s at %d, %v, its descriptor says %d", f.Name, off, ok, f.Offset)
		}
	}
	if !b.HasSymtab() {
		return
	}
	for name, got := range map[string]image.Addr{
		"runtime.firstmoduledata": m.Addr, "runtime.text": m.Text, "runtime.etext": m.EText, "runtime.pclntab": m.PCHeader,
		"runtime.bss": m.BSS, "runtime.ebss": m.EBSS, "runtime.data": m.Data, "runtime.edata": m.EData,
		"runtime.noptrdata": m.NoPtrData, "runtime.enoptrbss": m.ENoPtrBSS, "runtime.types": m.Types, "runtime.etypes": m.ETypes,
		"runtime.gcdata": m.GCData, "runtime.end": m.End,
	} {
		if want, ok := b.Symbol(name); ok && want.Addr != got {
			t.Errorf("%s = %v, the symbol table says %v", name, got, want.Addr)
		}
	}
}

// testTypes compares descriptors of the runtime's structs with DWARF.
func (b *built) testTypes(t *testing.T) {
	names := []string{"runtime.g", "runtime.m", "runtime.p", "runtime.sudog", "runtime._panic", "runtime._defer", "runtime.hchan", "runtime.mspan", "runtime.timer", "runtime.itab", "internal/abi.ITab", "runtime.special", "runtime.noSuchStruct", "runtime.pollDesc"}
	found, err := b.Types().Structs(names...)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < len(names)-3 || found["runtime.noSuchStruct"] != nil {
		t.Errorf("%d of %d structs have descriptors", len(found), len(names))
	}
	if _, err := b.Types().Struct("runtime.noSuchStruct"); !errors.Is(err, exe.ErrNoType) {
		t.Errorf("Struct of no struct: %v", err)
	}
	data, err := b.plain.DWARF()
	if err != nil || !b.HasDWARF() {
		return
	}
	compared := 0
	for r := data.Reader(); ; {
		entry, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if entry == nil {
			break
		}
		name, _ := entry.Val(dwarf.AttrName).(string)
		got := found[name]
		if entry.Tag != dwarf.TagStructType || got == nil {
			continue
		}
		typ, err := data.Type(entry.Offset)
		if err != nil {
			t.Fatal(err)
		}
		want := typ.(*dwarf.StructType)
		if got.Size != uint64(want.ByteSize) || len(got.Fields) != len(want.Field) {
			t.Errorf("%s: %d bytes, %d fields, DWARF says %d, %d", name, got.Size, len(got.Fields), want.ByteSize, len(want.Field))
			continue
		}
		for i, f := range got.Fields {
			if w := want.Field[i]; f.Name != w.Name || f.Offset != uint64(w.ByteOffset) || f.Size != uint64(max(w.Type.Size(), 0)) {
				t.Errorf("%s.%s at %d of %d bytes, DWARF says %s at %d of %d bytes", name, f.Name, f.Offset, f.Size, w.Name, w.ByteOffset, w.Type.Size())
			}
		}
		compared++
	}
	if compared < 10 {
		t.Errorf("%d structs compared", compared)
	}
}

// mapping is a piece of the running program's memory.
type mapping struct {
	image.Range
	data []byte
}

// run starts the program and returns its bias, the address of Counter, and the read-only memory of its file.
func (b *built) run(t *testing.T) (bias int64, counter image.Addr, maps []mapping) {
	t.Helper()
	cmd := exec.Command(b.path)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	r := bufio.NewReader(bytes.NewReader(out))
	var main image.Addr
	if _, err := fmt.Fscanf(r, "%x %x\n", &main, &counter); err != nil {
		t.Fatal(err)
	}
	f, ok := b.Funcs().ByName("main.main")
	if !ok {
		t.Fatal("no main.main")
	}
	for {
		var start image.Addr
		var n int
		if _, err := fmt.Fscanf(r, "%x %x\n", &start, &n); err != nil {
			break
		}
		data := make([]byte, n)
		if _, err := io.ReadFull(r, data); err != nil {
			t.Fatal(err)
		}
		maps = append(maps, mapping{image.Range{Start: start, End: start + image.Addr(n)}, data})
	}
	return main.Sub(f.Entry()), counter, maps
}

// foreignWords counts the words that another library's address goes into, and
// those that the loader keeps for itself.
func foreignWords(t *testing.T, f *elf.File) int {
	t.Helper()
	n := 2 // in .got.plt
	if s := f.Section(".dynamic"); s != nil {
		n += int(s.Size / 8)
	}
	for _, s := range f.Sections {
		if s.Type != elf.SHT_RELA {
			continue
		}
		data, err := s.Data()
		if err != nil {
			t.Fatal(err)
		}
		for ; len(data) >= 24; data = data[24:] {
			if kind := f.ByteOrder.Uint32(data[8:]); kind != uint32(elf.R_X86_64_RELATIVE) {
				n++
			}
		}
	}
	return n
}

// testMemory runs the program and compares its read-only memory with Loaded.
func (b *built) testMemory(t *testing.T) {
	if !b.native {
		t.Skip("does not run here")
	}
	bias, counter, maps := b.run(t)
	if b.HasSymtab() {
		if got, _, err := b.Global("main.Counter"); err != nil || got.Add(bias) != counter {
			t.Errorf("Global(main.Counter) = %v, %v, it is at %v with bias %#x", got, err, counter, bias)
		}
	}
	if b.PIE() == (bias == 0) {
		t.Errorf("PIE %v, loaded at bias %#x", b.PIE(), bias)
	}
	loaded, err := b.Loaded(bias)
	if err != nil {
		t.Fatal(err)
	}
	memory := image.New(b.plain.ByteOrder)
	var bytesOf uint64
	for _, l := range loaded {
		if memory.Add(l.Start, l.Data, image.FromBinary) != uint64(len(l.Data)) {
			t.Errorf("%d bytes at %v overlap others", len(l.Data), l.Start)
		}
		bytesOf += uint64(len(l.Data))
	}
	missing, total := 0, uint64(0)
	for _, m := range maps {
		total += m.Len()
		for i, want := range m.data {
			got, err := memory.Uint8(m.Start + image.Addr(i))
			if err != nil {
				missing++
			} else if got != want {
				t.Fatalf("byte at %v is %#x, in the process %#x", m.Start+image.Addr(i), got, want)
			}
		}
	}
	if bytesOf > total || total < 500_000 {
		t.Errorf("%d bytes that the process does not map, of %d", bytesOf-total, total)
	}
	limit := 8 * foreignWords(t, b.plain)
	if !slices.ContainsFunc(b.plain.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		// The program protected it, in whole pages, having written to it.
		for _, p := range b.plain.Progs {
			if p.Type == elf.PT_GNU_RELRO {
				limit += int((p.Vaddr+p.Memsz+0xfff)&^0xfff - p.Vaddr&^0xfff)
			}
		}
	}
	if missing > limit {
		t.Errorf("%d bytes of the process's read-only memory are not given, want at most %d", missing, limit)
	}
}

// loadAt returns the memory of a process that loaded the binary at bias, as far
// as the file tells it: data segments too.
func (b *built) loadAt(t *testing.T, bias int64) *image.Image {
	t.Helper()
	m := image.New(b.plain.ByteOrder)
	for _, p := range b.plain.Progs {
		if p.Type == elf.PT_LOAD {
			data, err := io.ReadAll(p.Open())
			if err != nil {
				t.Fatal(err)
			}
			m.Add(image.Addr(p.Vaddr).Add(bias), data, image.FromCore)
		}
	}
	return m
}

// testInMemory identifies the binary by what a process has of it.
func (b *built) testInMemory(t *testing.T) {
	const bias = 0x5550_0000_0000
	m := b.loadAt(t, bias)
	base := image.Addr(^uint64(0))
	for _, s := range b.Segments() {
		base = min(base, s.Start&^0xfff)
	}
	gnu, goid, err := exe.BuildIDsIn(m, base.Add(bias))
	if err != nil || gnu != b.GNUBuildID() || goid != b.GoBuildID() {
		t.Errorf("BuildIDsIn = %q, %q, %v, want %q, %q", gnu, goid, err, b.GNUBuildID(), b.GoBuildID())
	}
	want, _ := b.BuildInfo()
	got, err := exe.BuildInfoIn(m, base.Add(bias))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("BuildInfoIn = %v, %v, want %v", got, err, want)
	}
	var fault *image.FaultError
	if _, _, err := exe.BuildIDsIn(m, base); !errors.As(err, &fault) {
		t.Errorf("BuildIDsIn where nothing is mapped: %v, want a fault", err)
	}
	if _, _, err := exe.BuildIDsIn(m, base.Add(bias+64)); err == nil {
		t.Error("BuildIDsIn where no ELF file begins succeeded")
	}
}

// testWithoutSections opens the binary as strip and sstrip leave it: nothing
// but segments.
func (b *built) testWithoutSections(t *testing.T) {
	data, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	clear(data[40:48]) // e_shoff
	clear(data[58:64]) // e_shentsize, e_shnum, e_shstrndx
	bare, err := exe.Open(input.Memory("bare", data))
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	if got, want := bare.Module(), b.Module(); got.Addr != want.Addr || got.Types != want.Types || bare.Funcs().Len() != b.Funcs().Len() {
		t.Errorf("module data at %v, types at %v, %d functions, want %v, %v, %d", got.Addr, got.Types, bare.Funcs().Len(), want.Addr, want.Types, b.Funcs().Len())
	}
	if bare.GoVersion() != b.GoVersion() || bare.GoBuildID() != b.GoBuildID() || bare.HasSymtab() || bare.HasDWARF() {
		t.Errorf("version %q, build id %q, symbols %v, DWARF %v", bare.GoVersion(), bare.GoBuildID(), bare.HasSymtab(), bare.HasDWARF())
	}
	if _, err := bare.Types().Struct("runtime.g"); err != nil {
		t.Error(err)
	}
}

// testFuture opens the binary as if a version had built it that no table knows:
// what it says of itself must do.
func (b *built) testFuture(t *testing.T) {
	data, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte("\xff Go buildinf:"))
	if at < 0 || !bytes.HasPrefix(data[at+33:], []byte("go1.")) {
		t.Fatal("no build information")
	}
	copy(data[at+37:], "99")
	future, err := exe.Open(input.Memory("future", data))
	if err != nil {
		t.Fatal(err)
	}
	defer future.Close()
	if !strings.HasPrefix(future.GoVersion(), "go1.99") {
		t.Fatalf("version %s", future.GoVersion())
	}
	if got, want := future.Module(), b.Module(); got.Types != want.Types || got.ETypes != want.ETypes || got.GoFunc != want.GoFunc || got.TypeLinks != want.TypeLinks || got.TextSectMap != want.TextSectMap {
		t.Errorf("module data %+v, want %+v", got, want)
	}
	want, _ := b.Funcs().ByName("main.main")
	if got, ok := future.Funcs().ByName("main.main"); !ok || got.Entry() != want.Entry() {
		t.Errorf("main.main at %v, %v, want %v", got.Entry(), ok, want.Entry())
	}
}

// testTLSG compares with the instructions that load g.
func (b *built) testTLSG(t *testing.T) {
	off, ok := b.TLSG()
	if b.Machine() == elf.EM_AARCH64 {
		// The variants for arm64 are without cgo, and then g is in a register only.
		if ok {
			t.Errorf("TLSG = %d, want none", off)
		}
		return
	}
	if !ok || off >= 0 || off%8 != 0 {
		t.Fatalf("TLSG = %d, %v, want a word below FS", off, ok)
	}
	if b.PIE() || !b.HasSymtab() {
		return // the offset is in the global offset table
	}
	code, err := exec.Command("go", "tool", "objdump", "-s", `^runtime\.morestack(\.abi0)?$`, b.path).Output()
	if want := fmt.Sprintf("FS:%#x", uint32(off)); err != nil || !bytes.Contains(code, []byte(want)) {
		t.Errorf("runtime.morestack does not load g from %s, %v:\n%s", want, err, code)
	}
}
