package input_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"postmortem/coreread/input"
)

// What is unpacked must not fill the disk: some of it stays free. A disk that
// is small enough can be had only as root.
func TestFreeSpaceBoundsWhatIsUnpacked(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=80m"); err != nil {
		t.Skipf("mounting a small disk: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	zeros := make([]byte, 100<<20)
	full := make([]byte, 40<<20)
	for i := range full {
		full[i] = byte(i >> 10)
	}
	var limit *input.LimitError
	_, err := input.Open(context.Background(), write(t, pack(t, "zstd", full)), input.Options{TmpDir: dir})
	if !errors.As(err, &limit) || limit.Dir != dir || limit.Limit > 16<<20 {
		t.Errorf("40 MiB on a disk with 80: %v, want a LimitError at 16 MiB at most", err)
	}
	f := open(t, write(t, pack(t, "zstd", zeros)), input.Options{TmpDir: dir})
	if f.Size() != int64(len(zeros)) {
		t.Errorf("holes: %d bytes", f.Size())
	}
}

// A few bytes may claim a window of 2 GiB: only what is used of it may be taken.
// The test runs in a process of its own: in one that has freed much memory
// before, Go clears such a window as a whole, and so touches it.
func TestLargestWindowTakesLittleMemory(t *testing.T) {
	const alone = "POSTMORTEM_TEST_ALONE"
	if os.Getenv(alone) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), alone+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	frame := []byte{
		0x28, 0xb5, 0x2f, 0xfd,
		0x00,                  // no checksum, no content size
		(31 - 10) << 3,        // window of 1<<31 bytes
		0x01 | 5<<3, 0x0, 0x0, // last block, raw, 5 bytes
		'h', 'e', 'l', 'l', 'o',
	}
	before := peakMemory(t)
	f := open(t, write(t, frame), input.Options{})
	if string(f.Data()) != "hello" || f.Truncated() != nil {
		t.Errorf("%q, %v", f.Data(), f.Truncated())
	}
	if took := peakMemory(t) - before; took > 100<<20 {
		t.Errorf("%d bytes of memory taken", took)
	}
	runtime.KeepAlive(f)
}

// peakMemory returns the most resident memory that this process ever had.
func peakMemory(t *testing.T) int64 {
	t.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return usage.Maxrss << 10
}

// TestNotAccepted stops unpacking what the caller has no use for after its
// first bytes.
func TestNotAccepted(t *testing.T) {
	plain := content(32 << 20)
	for _, compression := range []string{"", "zstd", "gzip", "xz", "lz4"} {
		t.Run(compression, func(t *testing.T) {
			data := plain
			if compression != "" {
				data = pack(t, compression, plain)
			}
			path := write(t, data)
			for _, wanted := range []bool{true, false} {
				var taken int64
				f, err := input.Open(context.Background(), path, input.Options{
					Progress: func(done, _ int64) { taken = done },
					Accept: func(head []byte) bool {
						if !bytes.HasPrefix(plain, head) || len(head) < 512 {
							t.Errorf("asked for %d bytes that the content does not begin with", len(head))
						}
						return wanted
					},
				})
				var format *input.FormatError
				switch {
				case wanted && err != nil:
					t.Error(err)
				case wanted:
					f.Close()
				case !errors.As(err, &format):
					t.Errorf("%v, want a FormatError", err)
				case taken > int64(len(data))/2:
					t.Errorf("%d of %d bytes were taken", taken, len(data))
				}
			}
		})
	}
}
