package values_test

import (
	"context"
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"postmortem/coreread/values"
)

// FuzzCore changes bytes of a core: each 5 bytes of the input are an offset and what is put there. Delve may fail, as
// it likes; it must not take the process with it, hang it, or put anything unprintable into the text.
func FuzzCore(f *testing.F) {
	const interesting = 0x44d000 // registers, notes, the binary's data and the Go heap; behind it the core is zero
	core := patched(f, "optimised-panic.core", func(*os.File, int64) {})
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 16, 0xff, 0, 0, 0, 32, 0x01})          // the ELF header
	f.Add([]byte{0, 0, 6, 0xd4, 0xff, 0, 0, 6, 0xdb, 0x7f})      // the first note
	f.Add([]byte{0, 0, 7, 0x60, 0x41, 0, 0, 7, 0x98, 0})         // the first thread's registers
	f.Add([]byte{0, 0x04, 0xe0, 0, 1, 0, 0x05, 0, 0, 0x80})      // heap
	f.Add([]byte{0, 1, 0x80, 0, 0xff, 0, 0, 0xe1, 0x20, 0x0f})   // data
	f.Add([]byte{0, 0, 0xdf, 0xff, 0xff, 0, 0x17, 0x70, 0, 0xc}) // data's ends
	f.Fuzz(func(t *testing.T, changes []byte) {
		undo := apply(t, core, changes, interesting)
		defer undo()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		r, err := values.Open(ctx, core, unpacked(t, "optimised"))
		if err != nil {
			return
		}
		defer r.Close()
		frames, _ := r.Goroutine(ctx, 1, allFrames)
		for _, f := range frames {
			for _, v := range slices.Concat(f.Arguments, f.Locals) {
				if (v.Value == "") == (v.Unreadable == "") {
					t.Errorf("%s: value %q, reason %q", v.Name, v.Value, v.Unreadable)
				}
				if strings.ContainsAny(v.Name+v.Type+v.Value+v.Unreadable, "\n\r\x00\x1b") {
					t.Errorf("%s %s = %q %q is not one line", v.Name, v.Type, v.Value, v.Unreadable)
				}
			}
		}
	})
}

// apply changes the file in place and returns what undoes it.
func apply(t *testing.T, path string, changes []byte, size uint32) (undo func()) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	type change struct {
		at  int64
		old [1]byte
	}
	var done []change
	for len(changes) >= 5 {
		c := change{at: int64(binary.BigEndian.Uint32(changes) % size)}
		if _, err := file.ReadAt(c.old[:], c.at); err != nil {
			t.Fatal(err)
		}
		file.WriteAt(changes[4:5], c.at)
		done, changes = append(done, c), changes[5:]
	}
	return func() {
		for _, c := range slices.Backward(done) {
			file.WriteAt(c.old[:], c.at)
		}
		file.Close()
	}
}
