package image_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"postmortem/coreread/image"
)

// TestAgainstFlatMemory holds the image against the plainest model there is:
// one array of optional bytes, where the first writer of a byte wins.
func TestAgainstFlatMemory(t *testing.T) {
	const size = 512
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		m := image.New(binary.LittleEndian)
		var flat [size]int // value+1, 0 is absent
		for range rng.IntN(12) {
			start, n := rng.IntN(size), rng.IntN(64)
			n = min(n, size-start)
			data := make([]byte, n)
			var want uint64
			for i := range data {
				data[i] = byte(rng.Uint32())
				if flat[start+i] == 0 {
					flat[start+i] = int(data[i]) + 1
					want++
				}
			}
			if got := m.Add(image.Addr(start), data, image.FromCore); got != want {
				t.Fatalf("Add(%d, %d bytes) = %d, want %d", start, n, got, want)
			}
		}
		for range 200 {
			start, n := rng.IntN(size), rng.IntN(80)
			n = min(n, size-start)
			checkRead(t, m, flat[:], start, n)
		}
	}
}

func checkRead(t *testing.T, m *image.Image, flat []int, start, n int) {
	t.Helper()
	missing, first := 0, -1
	for i, v := range flat[start : start+n] {
		if v == 0 {
			missing++
			if first < 0 {
				first = start + i
			}
		}
	}
	r := image.Range{Start: image.Addr(start), End: image.Addr(start + n)}
	if got := m.Missing(r); got != uint64(missing) {
		t.Fatalf("Missing(%v) = %d, want %d", r, got, missing)
	}
	data, err := m.Bytes(image.Addr(start), uint64(n))
	if missing > 0 {
		var fault *image.FaultError
		if !errors.As(err, &fault) || fault.Addr != image.Addr(first) {
			t.Fatalf("Bytes(%d, %d) = %v, want a fault at %d", start, n, err, first)
		}
		return
	}
	if err != nil || len(data) != n {
		t.Fatalf("Bytes(%d, %d) = %d bytes, %v", start, n, len(data), err)
	}
	for i, b := range data {
		if int(b)+1 != flat[start+i] {
			t.Fatalf("byte at %d = %d, want %d", start+i, b, flat[start+i]-1)
		}
	}
}

func TestReadAcrossTheEndOfTheAddressSpace(t *testing.T) {
	m := image.New(binary.LittleEndian)
	top := ^image.Addr(0) - 7
	if n := m.Add(top, make([]byte, 64), image.FromCore); n > 8 {
		t.Fatalf("Add past the end of the address space added %d bytes, want at most 8", n)
	}
	if _, err := m.Bytes(top, 64); err == nil {
		t.Fatal("Bytes past the end of the address space succeeded")
	}
	if _, err := m.Bytes(4, ^uint64(0)); err == nil {
		t.Fatal("Bytes of the whole address space succeeded")
	}
}

func TestCursorKeepsTheFirstError(t *testing.T) {
	m := image.New(binary.LittleEndian)
	m.Add(0x1000, []byte{1, 2, 3, 4, 5, 6, 7, 8}, image.FromCore)
	c := m.Cursor()
	if got := c.Uint64(0x1000); got != 0x0807060504030201 {
		t.Fatalf("Uint64 = %#x", got)
	}
	if c.Uint32(0x2000) != 0 || c.Uint8(0x1000) != 0 {
		t.Fatal("reads after a fault must be zero")
	}
	var fault *image.FaultError
	if !errors.As(c.Err(), &fault) || fault.Addr != 0x2000 {
		t.Fatalf("Err = %v, want a fault at 0x2000", c.Err())
	}
}
