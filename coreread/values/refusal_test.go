package values_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postmortem/coreread/values"
)

// patched copies a file of testdata and changes the copy.
func patched(t testing.TB, name string, change func(f *os.File, size int64)) string {
	t.Helper()
	in, err := os.Open(unpacked(t, name))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	path := filepath.Join(t.TempDir(), name)
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := copySparse(out, in); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	change(f, info.Size())
	return path
}

// put writes value at offset, in the files' byte order.
func put(t testing.TB, f *os.File, offset int64, value any) {
	t.Helper()
	if err := binary.Write(io.NewOffsetWriter(f, offset), binary.LittleEndian, value); err != nil {
		t.Fatal(err)
	}
}

// Offsets in an ELF header and the size of a program header (elf.Header64, elf.Prog64).
const (
	machineAt, sectionsAt, sectionCountAt, segmentSize = 18, 40, 60, 56
)

// segment returns the offset of the program header of the first segment of that type.
func segment(t testing.TB, path string, typ elf.ProgType) int64 {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i, p := range f.Progs {
		if p.Type == typ {
			return int64(binary.Size(elf.Header64{}) + i*segmentSize)
		}
	}
	t.Fatalf("no %v", typ)
	return 0
}

func TestOldGo(t *testing.T) {
	binaryPath := patched(t, "optimised", func(f *os.File, size int64) {
		all := make([]byte, size)
		if _, err := f.ReadAt(all, 0); err != nil {
			t.Fatal(err)
		}
		f.WriteAt(bytes.ReplaceAll(all, []byte("go1.26.8"), []byte("go1.24.8")), 0)
	})
	_, err := values.Open(context.Background(), unpacked(t, "optimised-panic.core"), binaryPath)
	var unsupported *values.UnsupportedError
	if !errors.As(err, &unsupported) || !strings.HasSuffix(err.Error(), "values need Go 1.25 or newer; this is go1.24.8") {
		t.Errorf("error %v", err)
	}
}

// Without DWARF Delve would run debuginfod-find and warn on stderr.
func TestNoDWARF(t *testing.T) {
	binaryPath := patched(t, "optimised", func(f *os.File, _ int64) {
		put(t, f, sectionsAt, uint64(0))
		put(t, f, sectionCountAt, [2]uint16{})
	})
	tools := t.TempDir()
	ran := filepath.Join(tools, "ran")
	if err := os.WriteFile(filepath.Join(tools, "debuginfod-find"), []byte("#!/bin/sh\ntouch "+ran+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", tools+":"+os.Getenv("PATH"))
	said := captured(t, func() {
		if _, err := values.Open(context.Background(), unpacked(t, "optimised-panic.core"), binaryPath); !errors.Is(err, values.ErrNoDWARF) {
			t.Errorf("error %v", err)
		}
	})
	if _, err := os.Stat(ran); err == nil {
		t.Error("debuginfod-find was run")
	}
	if said != "" {
		t.Errorf("it wrote %q", said)
	}
}

// captured runs do and returns what it wrote to the standard streams.
func captured(t *testing.T, do func()) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "streams"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = f, f
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	do()
	said, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}

func TestSilent(t *testing.T) {
	said := captured(t, func() { read(t, "optimised-panic.core", "optimised", allFrames) })
	if said != "" {
		t.Errorf("it wrote %q", said)
	}
}

func TestRefusedCores(t *testing.T) {
	whole := unpacked(t, "optimised-panic.core")
	notes := segment(t, whole, elf.PT_NOTE)
	for _, test := range []struct {
		name, want string
		change     func(f *os.File, size int64)
	}{
		{"no notes", "no PT_NOTE", func(f *os.File, _ int64) { put(t, f, notes, uint32(elf.PT_NULL)) }},
		{"not a core", "not a core", func(f *os.File, _ int64) { put(t, f, 16, uint16(elf.ET_EXEC)) }},
		{"another machine", "machine", func(f *os.File, _ int64) { put(t, f, machineAt, uint16(elf.EM_AARCH64)) }},
		{"a note larger than the notes", "more than its segment has", func(f *os.File, _ int64) {
			var at uint64
			if err := binary.Read(io.NewSectionReader(f, notes+8, 8), binary.LittleEndian, &at); err != nil {
				t.Fatal(err)
			}
			put(t, f, int64(at)+4, ^uint32(0))
		}},
		{"no threads", "", func(f *os.File, _ int64) { put(t, f, notes+32, uint64(0)) }},
		{"cut in the notes", "cut", func(f *os.File, _ int64) { f.Truncate(4096) }},
		{"cut in the header", "", func(f *os.File, _ int64) { f.Truncate(40) }},
		{"empty", "", func(f *os.File, _ int64) { f.Truncate(0) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			core := patched(t, "optimised-panic.core", test.change)
			r, err := values.Open(context.Background(), core, unpacked(t, "optimised"))
			if err == nil {
				r.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "panicked") {
				t.Errorf("error %v, want %q in it", err, test.want)
			}
		})
	}
}

// A core that is cut in its memory gives what it can, never something else, and says what it lacks.
func TestCutCore(t *testing.T) {
	intact := read(t, "optimised-panic.core", "optimised", allFrames)
	for _, part := range []int64{1, 4, 8, 15} { // sixteenths of the file
		core := patched(t, "optimised-panic.core", func(f *os.File, size int64) { f.Truncate(size / 16 * part) })
		r, err := values.Open(context.Background(), core, unpacked(t, "optimised"))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		frames, err := r.Goroutine(context.Background(), 1, allFrames)
		if part == 1 && errors.Is(err, values.ErrNoGoroutine) {
			continue // the cut went through the heap
		}
		if err != nil || len(frames) != len(intact) {
			t.Fatalf("cut to %d/16: %d frames, error %v", part, len(frames), err)
		}
		for i, f := range frames {
			all := slices.Concat(f.Arguments, f.Locals)
			if want := slices.Concat(intact[i].Arguments, intact[i].Locals); len(all) != len(want) {
				t.Errorf("cut to %d/16: %s has %d variables, want %d", part, f.Func, len(all), len(want))
			}
			for _, v := range all {
				name, _, _ := strings.Cut(f.Func, "[")
				if v.Unreadable == "" && !strings.Contains(v.Value, "(unreadable: the core lacks ") {
					checkVariable(t, name, v, "panic", true)
				}
				// os.Args is at the end of the first thread's stack, which is at the end of the core.
				if v.Name == "how" && i == 0 && !strings.HasPrefix(v.Unreadable, "the core lacks ") {
					t.Errorf("cut to %d/16: %s has how = %q, reason %q", part, f.Func, v.Value, v.Unreadable)
				}
			}
		}
	}
}

func TestNoGoroutine(t *testing.T) {
	r, err := values.Open(context.Background(), unpacked(t, "optimised-panic.core"), unpacked(t, "optimised"))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []uint64{0, 999999, 1<<63 + 1, ^uint64(0)} {
		if frames, err := r.Goroutine(context.Background(), id, values.Limits{}); !errors.Is(err, values.ErrNoGoroutine) {
			t.Errorf("goroutine %d: %d frames, error %v", id, len(frames), err)
		}
	}
	if frames, err := r.Goroutine(context.Background(), 1, values.Limits{}); err != nil || len(frames) == 0 {
		t.Errorf("after that, goroutine 1: %d frames, error %v", len(frames), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if _, err := r.Goroutine(context.Background(), 1, values.Limits{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after closing: %v", err)
	}
}

func TestTimeIsOver(t *testing.T) {
	core, binaryPath := unpacked(t, "optimised-panic.core"), unpacked(t, "optimised")
	var abandoned *values.AbandonedError
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	if _, err := values.Open(ctx, core, binaryPath); !errors.As(err, &abandoned) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("opening: %v", err)
	}

	r, err := values.Open(context.Background(), core, binaryPath)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Goroutine(context.Background(), 1, values.Limits{Time: time.Nanosecond}); !errors.As(err, &abandoned) {
		t.Errorf("reading: %v", err)
	}
	if _, err := r.Goroutine(context.Background(), 1, values.Limits{}); !errors.As(err, &abandoned) {
		t.Errorf("reading once more: %v", err)
	}
}

// Open takes the paths of unlinked files.
func TestUnlinked(t *testing.T) {
	var paths []string
	for _, name := range []string{"optimised-panic.core", "optimised"} {
		path := patched(t, name, func(*os.File, int64) {})
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		os.Remove(path)
		paths = append(paths, filepath.Join("/proc/self/fd", fmt.Sprint(f.Fd())))
	}
	r, err := values.Open(context.Background(), paths[0], paths[1])
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	frames, err := r.Goroutine(context.Background(), 1, allFrames)
	if err != nil {
		t.Fatal(err)
	}
	check(t, frames, "panic", true)
}
