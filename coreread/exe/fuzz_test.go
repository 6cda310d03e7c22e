package exe_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postmortem/coreread/exe"
	"postmortem/coreread/input"
)

// release turns a fuzzed byte into a minor version and its name.
func release(b byte) (minor int, version string) {
	minor = 18 + int(b)%10
	return minor, fmt.Sprintf("go1.%d.1", minor)
}

// maxFuzzTime is far more than a file of a few kilobytes may take.
const maxFuzzTime = time.Second

func openFuzzed(t *testing.T, data []byte) {
	defer checkTime(t, maxFuzzTime)()
	b, err := exe.Open(input.Memory("fuzzed", data))
	if err != nil {
		return
	}
	exercise(t, b)
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// checkTime begins to measure the processor time of the caller's thread; the
// function it returns complains of more than limit. Other processes do not matter to it.
func checkTime(t testing.TB, limit time.Duration) func() {
	runtime.LockOSThread()
	spent := func() time.Duration {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start := spent()
	return func() {
		defer runtime.UnlockOSThread()
		if d := spent() - start; d > limit {
			t.Errorf("took %v of processor time, want at most %v", d, limit)
		}
	}
}

// FuzzOpen reads hostile files.
func FuzzOpen(f *testing.F) {
	f.Fuzz(openFuzzed)
}

// FuzzPCLNTab reads hostile function tables in a sound file.
func FuzzPCLNTab(f *testing.F) {
	f.Fuzz(func(t *testing.T, pcln, tree []byte, b byte) {
		minor, version := release(b)
		openFuzzed(t, synProgram(minor, version, synTables{pcln, tree}, func(start uint64) synTypes {
			return synPointerToStruct(minor, start, "runtime", "g")
		}))
	})
}

// FuzzTypes reads hostile type descriptors in a sound file.
func FuzzTypes(f *testing.F) {
	f.Fuzz(func(t *testing.T, types []byte, link uint32, b byte) {
		minor, version := release(b)
		openFuzzed(t, synProgram(minor, version, synPCLN(minor, synFuncs), func(uint64) synTypes {
			return synTypes{data: types, link: link}
		}))
	})
}

// seeds are what the committed corpus holds; TestSeeds writes it when
// POSTMORTEM_UPDATE is set.
func seeds() map[string]string {
	out := make(map[string]string)
	for _, minor := range []int{18, 22, 27} {
		b, version := byte(minor-18), fmt.Sprintf("go1.%d.1", minor)
		tables := synPCLN(minor, synFuncs)
		// The types' addresses depend on where they stand in synProgram's file.
		var types synTypes
		sound := synProgram(minor, version, tables, func(start uint64) synTypes {
			types = synPointerToStruct(minor, start, "runtime", "g")
			return types
		})
		pcln := fmt.Sprintf("[]byte(%q)\n", tables.pcln)
		out[fmt.Sprintf("FuzzOpen/sound%d", minor)] = fmt.Sprintf("[]byte(%q)\n", sound)
		out[fmt.Sprintf("FuzzPCLNTab/sound%d", minor)] = pcln + fmt.Sprintf("[]byte(%q)\nbyte('\\x%02x')\n", tables.tree, b)
		out[fmt.Sprintf("FuzzTypes/sound%d", minor)] = fmt.Sprintf("[]byte(%q)\nuint32(%d)\nbyte('\\x%02x')\n", types.data, types.link, b)
		if minor == 22 {
			cyclic := bytes.Clone(tables.tree)
			binary.LittleEndian.PutUint32(cyclic[8:], 8) // an inlined call that was inlined into itself
			out["FuzzOpen/cut"] = fmt.Sprintf("[]byte(%q)\n", sound[:len(sound)*2/3])
			out["FuzzPCLNTab/recursive"] = pcln + fmt.Sprintf("[]byte(%q)\nbyte('\\x%02x')\n", cyclic, b)
			out["FuzzTypes/unaligned"] = fmt.Sprintf("[]byte(%q)\nuint32(%d)\nbyte('\\x%02x')\n", types.data, types.link+1, b)
		}
	}
	return out
}

func TestSeeds(t *testing.T) {
	for name, text := range seeds() {
		path := filepath.Join("testdata", "fuzz", filepath.FromSlash(name))
		want := "go test fuzz v1\n" + text
		if os.Getenv("POSTMORTEM_UPDATE") != "" {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("seed %s is not what its writer makes now: run with POSTMORTEM_UPDATE=1", name)
		}
	}
}
