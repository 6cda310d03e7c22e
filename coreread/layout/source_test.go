package layout_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"postmortem/coreread/layout"
)

// source is the runtime of one toolchain, as Go source.
type source struct {
	root    string // GOROOT
	version string
	consts  *types.Scope
	arrays  map[string]*ast.CompositeLit
}

// sources are the installed toolchain's and, with LAYOUT_SWEEP set, those of
// every toolchain in the module cache.
func sources(t *testing.T) []*source {
	t.Helper()
	roots := []string{goEnv(t, "GOROOT")}
	if os.Getenv("LAYOUT_SWEEP") != "" {
		more, err := filepath.Glob(filepath.Join(goEnv(t, "GOMODCACHE"), "golang.org", "toolchain@*linux-amd64"))
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, more...)
	}
	var out []*source
	for _, root := range roots {
		out = append(out, readSource(t, root))
	}
	return out
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// readSource parses the files that declare the numbers. Their imports are not
// followed: constants that need none are evaluated all the same.
func readSource(t *testing.T, root string) *source {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "VERSION"))
	if err != nil {
		t.Fatal(err)
	}
	version, _, _ := strings.Cut(string(text), "\n")
	s := &source{root: root, version: version, arrays: make(map[string]*ast.CompositeLit)}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range []string{"runtime2.go", "proc.go", "panic.go", "mgc.go", "mheap.go", "sema.go", "stack.go", "sizeclasses.go", "mprof.go", "lock_spinbit.go", "lock_futex.go", "sigtab_linux_generic.go"} {
		f, err := parser.ParseFile(fset, filepath.Join(root, "src", "runtime", name), nil, parser.SkipObjectResolution)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
				if lit, ok := v.Values[0].(*ast.CompositeLit); ok {
					s.arrays[v.Names[0].Name] = lit
				}
			}
			return true
		})
	}
	conf := types.Config{Error: func(error) {}, IgnoreFuncBodies: true}
	pkg, _ := conf.Check("runtime", fset, files, nil)
	s.consts = pkg.Scope()
	return s
}

// number evaluates a constant; ok is false when the version has none.
func (s *source) number(name string) (n uint64, ok bool) {
	c, isConst := s.consts.Lookup(name).(*types.Const)
	if !isConst || c.Val().Kind() != constant.Int {
		return 0, false
	}
	if v, exact := constant.Int64Val(c.Val()); exact {
		return uint64(v), true
	}
	return constant.Uint64Val(c.Val())
}

// strings reads an array of strings that is keyed by constants.
func (s *source) strings(t *testing.T, name string) map[uint64]string {
	t.Helper()
	lit := s.arrays[name]
	if lit == nil {
		return nil
	}
	out := make(map[uint64]string)
	for _, e := range lit.Elts {
		kv := e.(*ast.KeyValueExpr)
		n, ok := s.number(kv.Key.(*ast.Ident).Name)
		if !ok {
			t.Fatalf("%s: constant %v is not to be had", s.version, kv.Key)
		}
		text, err := strconv.Unquote(kv.Value.(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		out[n] = text
	}
	return out
}

func (s *source) layout(t *testing.T, arch string) *layout.Layout {
	t.Helper()
	l, err := layout.ResolveSelf(s.version, arch, &layout.Self{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestWaitReasonsOfTheSource(t *testing.T) {
	for _, s := range sources(t) {
		l := s.layout(t, "amd64")
		want := s.strings(t, "waitReasonStrings")
		if len(want) < 27 {
			t.Fatalf("%s: only %d wait reasons in the source", s.version, len(want))
		}
		for n := range 256 {
			text, ok := want[uint64(n)]
			if !ok {
				text = fmt.Sprintf("unknown wait reason %d", n)
			}
			if got := l.WaitReason(uint8(n)); got != text || l.HasWaitReason(uint8(n)) != ok {
				t.Errorf("%s: wait reason %d is %q, the source has %q", s.version, n, got, text)
			}
		}
		for n, text := range s.strings(t, "stwReasonStrings") {
			if got := l.STWReason(uint8(n)); got != text {
				t.Errorf("%s: stop-the-world reason %d is %q, the source has %q", s.version, n, got, text)
			}
		}
		if got := len(s.strings(t, "stwReasonStrings")); got != 17 && l.Version().Minor >= 21 {
			t.Errorf("%s: %d stop-the-world reasons in the source", s.version, got)
		}
	}
}

func TestNumbersOfTheSource(t *testing.T) {
	for _, s := range sources(t) {
		l := s.layout(t, "amd64")
		for _, tt := range []struct {
			name string
			have uint64
			must bool // every version has it
		}{
			{"_Gidle", uint64(layout.GIdle), true}, {"_Grunnable", uint64(layout.GRunnable), true}, {"_Grunning", uint64(layout.GRunning), true},
			{"_Gsyscall", uint64(layout.GSyscall), true}, {"_Gwaiting", uint64(layout.GWaiting), true}, {"_Gmoribund_unused", uint64(layout.GMoribund), true},
			{"_Gdead", uint64(layout.GDead), true}, {"_Genqueue_unused", uint64(layout.GEnqueue), true}, {"_Gcopystack", uint64(layout.GCopystack), true},
			{"_Gpreempted", uint64(layout.GPreempted), true}, {"_Gleaked", uint64(layout.GLeaked), false}, {"_Gdeadextra", uint64(layout.GDeadExtra), false},
			{"_Gscan", uint64(layout.GScan), true},
			{"_Pidle", uint64(layout.PIdle), true}, {"_Prunning", uint64(layout.PRunning), true}, {"_Psyscall", uint64(layout.PSyscall), false},
			{"_Pgcstop", uint64(layout.PGCStop), true}, {"_Pdead", uint64(layout.PDead), true},
			{"_GCoff", uint64(layout.GCOff), true}, {"_GCmark", uint64(layout.GCMark), true}, {"_GCmarktermination", uint64(layout.GCMarkTermination), true},
			{"gcBackgroundMode", uint64(layout.GCBackground), true}, {"gcForceMode", uint64(layout.GCForce), true}, {"gcForceBlockMode", uint64(layout.GCForceBlock), true},
			{"mSpanDead", uint64(layout.SpanDead), true}, {"mSpanInUse", uint64(layout.SpanInUse), true}, {"mSpanManual", uint64(layout.SpanManual), true},
			{"throwTypeNone", uint64(layout.ThrowNone), l.Has(layout.ThrowingHasType)}, {"throwTypeUser", uint64(layout.ThrowUser), l.Has(layout.ThrowingHasType)},
			{"throwTypeRuntime", uint64(layout.ThrowRuntime), l.Has(layout.ThrowingHasType)},
			{"freezeStopWait", layout.FreezeStopWait, true}, {"semTabSize", layout.SemTableLen, true},
			{"mutexLocked", layout.MutexLocked, l.Has(layout.SpinbitMutex)}, {"mutexSleeping", layout.MutexSleeping, l.Has(layout.SpinbitMutex)},
			{"mutexSpinning", layout.MutexSpinning, l.Has(layout.SpinbitMutex)}, {"mutexStackLocked", layout.MutexStackLocked, l.Has(layout.SpinbitMutex)},
			{"mutexMMask", layout.MutexFlags, l.Has(layout.SpinbitMutex)}, {"mutexMLocksDelta", layout.MutexLocks, l.Has(layout.LocksCountMutexes)},
		} {
			got, ok := s.number(tt.name)
			if (tt.name == "mutexLocked" || tt.name == "mutexSleeping") && !l.Has(layout.SpinbitMutex) {
				continue // the same names, other numbers
			}
			switch {
			case ok && got != tt.have:
				t.Errorf("%s: %s is %d, the source has %d", s.version, tt.name, tt.have, got)
			case !ok && tt.must:
				t.Errorf("%s: the source has no %s", s.version, tt.name)
			}
		}
		for n := range uint8(64) {
			if k, ok := l.SpecialKind(n); ok {
				if got, have := s.number("_KindSpecial" + string(k)); !have || got != uint64(n) {
					t.Errorf("%s: special %d is %s, the source has %d (%v)", s.version, n, k, got, have)
				}
			}
		}
		for _, name := range s.consts.Names() {
			if kind, ok := strings.CutPrefix(name, "_KindSpecial"); ok {
				n, _ := s.number(name)
				if got, _ := l.SpecialKind(uint8(n)); string(got) != kind {
					t.Errorf("%s: special %d is %q, the source has %s", s.version, n, got, kind)
				}
			}
		}
	}
}

func TestSignalsOfTheSource(t *testing.T) {
	flags := map[string]layout.SigFlags{"_SigNotify": layout.SigNotify, "_SigKill": layout.SigKill, "_SigThrow": layout.SigThrow, "_SigPanic": layout.SigPanic,
		"_SigDefault": layout.SigDefault, "_SigSetStack": layout.SigSetStack, "_SigUnblock": layout.SigUnblock, "_SigIgn": layout.SigIgnored, "0": 0}
	for _, s := range sources(t) {
		for name, flag := range flags {
			if n, ok := s.number(name); name != "0" && (!ok || n != uint64(flag)) {
				t.Errorf("%s: %s is %d, the source has %d", s.version, name, flag, n)
			}
		}
		table := s.arrays["sigtable"].Elts
		if _, _, ok := layout.Signal(len(table)); ok || len(table) != 65 {
			t.Errorf("%s: the source has %d signals", s.version, len(table))
		}
		for n, e := range table {
			entry := e.(*ast.CompositeLit).Elts
			var want layout.SigFlags
			for _, term := range strings.Split(types.ExprString(entry[0]), " + ") {
				flag, ok := flags[term]
				if !ok {
					t.Fatalf("%s: signal %d has the flag %s", s.version, n, term)
				}
				want |= flag
			}
			got, text, ok := layout.Signal(n)
			if !ok || got != want || strconv.Quote(text) != types.ExprString(entry[1]) {
				t.Errorf("%s: signal %d is %#x %q, the source has %#x %s", s.version, n, got, text, want, types.ExprString(entry[1]))
			}
		}
		if n, _ := s.number("sigPerThreadSyscall"); n != 0 && n != layout.PerThreadSyscalls {
			t.Errorf("%s: system calls on every thread come by signal %d", s.version, n)
		}
	}
}

func TestSizeClassesOfTheSource(t *testing.T) {
	list := regexp.MustCompile(`\{([0-9, ]+)\}`)
	for _, s := range sources(t) {
		var text []byte
		for _, name := range []string{"runtime/sizeclasses.go", "internal/runtime/gc/sizeclasses.go"} {
			if b, err := os.ReadFile(filepath.Join(s.root, "src", filepath.FromSlash(name))); err == nil {
				text = b
			}
		}
		for _, tt := range []struct {
			name  string
			value func(objectBytes, pages uint64) uint64
		}{
			{`(?m)^var (class_to_size|SizeClassToSize) = .*$`, func(b, _ uint64) uint64 { return b }},
			{`(?m)^var (class_to_allocnpages|SizeClassToNPages) = .*$`, func(_, p uint64) uint64 { return p }},
		} {
			m := list.FindSubmatch(regexp.MustCompile(tt.name).Find(text))
			if m == nil {
				t.Fatalf("%s: no %s", s.version, tt.name)
			}
			words := strings.Split(string(m[1]), ",")
			if len(words) != layout.SizeClasses {
				t.Errorf("%s: %d size classes in the source", s.version, len(words))
			}
			for i, w := range words {
				b, p, ok := layout.SizeClass(uint8(i))
				if want := strings.TrimSpace(w); !ok || strconv.FormatUint(tt.value(b, p), 10) != want {
					t.Errorf("%s: class %d is %d bytes and %d pages, the source has %s", s.version, i, b, p, want)
				}
			}
		}
	}
}

// What the source shows where a feature is on. A marker that begins with "!"
// shows where it is off.
func TestFeaturesOfTheSource(t *testing.T) {
	for _, s := range sources(t) {
		for _, tt := range []struct {
			feature      layout.Feature
			file, marker string // no marker: that the file is there
		}{
			{layout.LabelsAreSlice, "runtime/pprof/label.go", "!type labelMap map"},
			{layout.SyscallKeepsP, "runtime/runtime2.go", "_Psyscall_unused"},
			{layout.ExtraMIsDeadExtra, "runtime/proc.go", `casgstatus\(gp, _Gidle, _Gdeadextra\)`},
			{layout.WaitingHasSemaphores, "runtime/sema.go", `\.waiting = `},
			{layout.STWHasReason, "runtime/proc.go", "waitReasonStoppingTheWorld"},
			{layout.GCSTWHasReason, "runtime/proc.go", `(?s)\nfunc stopTheWorldWithSema(?:[^\n]|\n[^}])*waitReasonStoppingTheWorld`},
			{layout.ThrowingHasType, "runtime/panic.go", "throwTypeUser"},
			{layout.LocksCountMutexes, "runtime/lock_spinbit.go", "mutexMLocksDelta"},
			{layout.SpinbitMutex, "runtime/lock_spinbit.go", ""},
			{layout.DeferSlots, "runtime/panic.go", "slotsPtr"},
			{layout.RecoverKeepsSigcode, "runtime/panic.go", `!gp\.sigcode0 = uintptr\(`},
			{layout.SigtrampIsTop, "runtime/sys_linux_amd64.s", `runtime·sigtramp\(SB\).*TOPFRAME`},
			{layout.SystemstackSwitchHasFrame, "runtime/asm_amd64.s", `systemstack_switch\+8`},
			{layout.CallerBPInMcall, "runtime/asm_amd64.s", `MOVQ\s\(BP\), BX`},
			{layout.AsyncPreemptVectorsApart, "runtime/preempt_xreg.go", ""},
			{layout.AllocHeaders, "runtime/mheap.go", "largeType"},
			{layout.SpanLimitIsObjects, "runtime/mheap.go", `s\.limit = s\.base\(\) \+ (uintptr\()?s\.elemsize`},
			{layout.CleanupGoroutines, "runtime/mcleanup.go", "func runCleanups"},
			{layout.ProfileCycleHasFlag, "runtime/mprof.go", "mProfCycleHolder"},
			{layout.MutexEventsScaled, "runtime/mprof.go", `cycles \+= rate \* cycles`},
			{layout.PhysicalProfileStacks, "runtime/mprof.go", "func fpTracebackPartialExpand"},
			{layout.HeapProfileHidesInternal, "runtime/pprof/protomem.go", `"internal/runtime/"`},
			{layout.ShortInlineTree, "runtime/symtab.go", "startLine"},
			{layout.TimersRewritten, "runtime/time.go", "type timers struct"},
			{layout.SwissMaps, "internal/runtime/maps/map.go", ""},
			{layout.TraceV2, "runtime/proc.go", `trace\.ok\(\)`},
		} {
			text, err := os.ReadFile(filepath.Join(s.root, "src", filepath.FromSlash(tt.file)))
			want := err == nil
			if marker, not := strings.CutPrefix(tt.marker, "!"); tt.marker != "" {
				want = want && regexp.MustCompile(marker).Match(text) != not
			}
			if got := s.layout(t, "amd64").Has(tt.feature); got != want {
				t.Errorf("%s: feature %d is %v, %s says %v", s.version, tt.feature, got, tt.file, want)
			}
		}
		// What the architectures do apart.
		arm := s.layout(t, "arm64")
		if !arm.Has(layout.SystemstackSwitchHasFrame) || arm.Has(layout.CallerBPInMcall) {
			t.Errorf("%s: arm64 saves another pc or frame pointer than its sources show", s.version)
		}
	}
}

func TestTaggedPointersOfTheSource(t *testing.T) {
	for _, s := range sources(t) {
		text := ""
		for _, name := range []string{"lfstack_64bit.go", "tagptr_64bit.go", "tagptr.go"} {
			b, err := os.ReadFile(filepath.Join(s.root, "src", "runtime", name))
			if err == nil {
				text += string(b)
			}
		}
		bits := constOf(t, s.version, text, `(?m)^\s+(?:defaultAddrBits|addrBits)\s*= ([0-9 +]+)$`, "")
		align := constOf(t, s.version, text, `(?m)tagAlignBits = ([0-9]+)$`, "3")
		for _, arch := range []string{"amd64", "arm64"} {
			l := s.layout(t, arch)
			addrs := []uint64{0xc000123000, 0x7f1234567000 &^ (1<<align - 1), 1 << (bits - 2)}
			if arch == "amd64" {
				addrs = append(addrs, 0xffff800012345000)
			}
			for _, addr := range addrs {
				for _, count := range []uint64{0, 1, 1<<(64-bits+align) - 1} {
					word := addr<<(64-bits) | count
					if got := l.UntagPointer(word); got != addr {
						t.Errorf("%s %s: %#x with counter %#x comes out as %#x", s.version, arch, addr, count, got)
					}
				}
			}
		}
	}
}

// constOf finds a sum of decimal numbers.
func constOf(t *testing.T, version, text, pattern, fallback string) uint64 {
	t.Helper()
	found := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
	sum := uint64(0)
	expr := fallback
	if len(found) > 0 {
		expr = slices.MinFunc(found, func(a, b []string) int { return cmp.Compare(len(a[1]), len(b[1])) })[1]
		for _, f := range found {
			if strings.Contains(f[0], "default") {
				expr = f[1]
			}
		}
	}
	for _, term := range strings.Split(expr, "+") {
		n, err := strconv.ParseUint(strings.TrimSpace(term), 10, 8)
		if err != nil {
			t.Fatalf("%s: %s: %v", version, pattern, err)
		}
		sum += n
	}
	return sum
}
