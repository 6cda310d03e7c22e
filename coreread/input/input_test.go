package input_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postmortem/coreread/input"
)

// tools are the programs that people pack cores with; where one is missing the
// library's own packer stands in (see pack).
var tools = map[string][]string{
	"zstd": {"zstd", "-q", "-c"},
	"gzip": {"gzip", "-c"},
	"xz":   {"xz", "-0", "-c"},
	"lz4":  {"lz4", "-q", "-c"},
}

func pack(t testing.TB, compression string, plain []byte) []byte {
	t.Helper()
	cmd := exec.Command(tools[compression][0], tools[compression][1:]...)
	cmd.Stdin = bytes.NewReader(plain)
	packed, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return packWithLibrary(t, compression, plain)
	}
	if err != nil {
		t.Fatalf("%s: %v", compression, err)
	}
	return packed
}

// content is like a core: random bytes, zeros of every length, a tail that is
// no whole block.
func content(size int) []byte {
	rng := rand.New(rand.NewPCG(3, uint64(size)))
	out := make([]byte, 0, size)
	for len(out) < size {
		n := 1 + rng.IntN(30000)
		for i := range n {
			switch {
			case len(out)/7000%2 == 0:
				out = append(out, 0)
			default:
				out = append(out, byte(rng.Uint32())&byte(i))
			}
		}
	}
	return out[:size]
}

func write(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "core.1")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string, opt input.Options) *input.File {
	t.Helper()
	f, err := input.Open(context.Background(), path, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestEveryCompressionGivesBackTheContent(t *testing.T) {
	for _, size := range []int{1, 4095, 4096, 4097, 1 << 20, 3<<20 + 17} {
		plain := content(size)
		for compression := range tools {
			path := write(t, pack(t, compression, plain))
			f := open(t, path, input.Options{TmpDir: t.TempDir()})
			if !bytes.Equal(f.Data(), plain) {
				t.Fatalf("%s of %d bytes: got %d other bytes", compression, size, len(f.Data()))
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if f.Compression() != compression || f.Size() != int64(size) || f.FileBytes() != info.Size() ||
				f.Truncated() != nil || f.Name() != "core.1" {
				t.Fatalf("%s of %d bytes: %q, size %d, file %d, %v", compression, size, f.Compression(), f.Size(), f.FileBytes(), f.Truncated())
			}
			if got, err := io.ReadAll(io.NewSectionReader(f.OSFile(), 0, 1<<40)); err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("%s: OSFile holds %d other bytes, %v", compression, len(got), err)
			}
		}
	}
}

func TestSeveralStreamsInARow(t *testing.T) {
	a, b := content(70000), content(12345)
	skippable := append([]byte{0x5e, 0x2a, 0x4d, 0x18, 5, 0, 0, 0}, "12345"...)
	for compression := range tools {
		packed := append(pack(t, compression, a), pack(t, compression, b)...)
		want := append(bytes.Clone(a), b...)
		variants := map[string][]byte{"two": packed}
		if compression == "zstd" || compression == "lz4" {
			variants["skippable first"] = append(bytes.Clone(skippable), packed...)
		}
		if compression == "gzip" || compression == "xz" {
			variants["zeros behind"] = append(bytes.Clone(packed), make([]byte, 512)...)
		}
		for name, data := range variants {
			f := open(t, write(t, data), input.Options{})
			if !bytes.Equal(f.Data(), want) || f.Truncated() != nil {
				t.Errorf("%s, %s: %d bytes, want %d, %v", compression, name, f.Size(), len(want), f.Truncated())
			}
		}
	}
}

// The unpacked file has no name and takes no more disk than its non-zero blocks.
func TestUnpackedFileIsSparseAndHasNoName(t *testing.T) {
	plain := make([]byte, 64<<20)
	copy(plain[20<<20:], content(100000))
	plain[40<<20] = 1
	dir := t.TempDir()
	f := open(t, write(t, pack(t, "zstd", plain)), input.Options{TmpDir: dir})
	if !bytes.Equal(f.Data(), plain) {
		t.Fatal("content differs")
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
		t.Fatalf("the temporary directory holds %v, %v", names, err)
	}
	info, err := f.OSFile().Stat()
	if err != nil {
		t.Fatal(err)
	}
	if disk := info.Sys().(*syscall.Stat_t).Blocks * 512; disk > 1<<20 {
		t.Fatalf("%d bytes on disk, want those of the non-zero blocks only", disk)
	}
}

func TestPlainFileIsMappedInPlace(t *testing.T) {
	plain := content(100001)
	path := write(t, plain)
	f := open(t, path, input.Options{TmpDir: "/nonexistent"})
	if !bytes.Equal(f.Data(), plain) || f.Compression() != "" || f.FileBytes() != f.Size() {
		t.Fatalf("%d bytes, %q", f.Size(), f.Compression())
	}
	now, err := f.OSFile().Stat()
	if err != nil {
		t.Fatal(err)
	}
	if was, err := os.Stat(path); err != nil || !os.SameFile(now, was) {
		t.Fatalf("OSFile is not the input itself: %v", err)
	}
}

// Every cut of a packed file leaves a prefix of the content, or an error when
// nothing came out.
func TestCutStreamKeepsWhatCameOut(t *testing.T) {
	plain := content(1 << 20)
	for compression := range tools {
		packed := pack(t, compression, plain)
		kept := int64(0)
		for _, at := range []int{3, 20, len(packed) / 3, len(packed) / 2, len(packed) - 1} {
			f, err := input.Open(context.Background(), write(t, packed[:at]), input.Options{})
			if err != nil {
				var format *input.FormatError
				if !errors.As(err, &format) {
					t.Errorf("%s cut at %d: %v, want a FormatError", compression, at, err)
				}
				continue
			}
			var stream *input.StreamError
			if at > 6 && !errors.As(f.Truncated(), &stream) {
				t.Errorf("%s cut at %d of %d: Truncated = %v", compression, at, len(packed), f.Truncated())
			}
			if at > 6 && !bytes.HasPrefix(plain, f.Data()) {
				t.Errorf("%s cut at %d: content is no prefix", compression, at)
			}
			if stream != nil && stream.Kept != f.Size() {
				t.Errorf("%s cut at %d: Kept = %d, Size = %d", compression, at, stream.Kept, f.Size())
			}
			kept = max(kept, f.Size())
			f.Close()
		}
		if kept < int64(len(plain))/4 {
			t.Errorf("%s: no cut kept more than %d of %d bytes", compression, kept, len(plain))
		}
	}
}

func TestCorruptStreamSaysSo(t *testing.T) {
	plain := content(2 << 20)
	for compression := range tools {
		packed := pack(t, compression, plain)
		packed[len(packed)*3/4] ^= 0x55
		f, err := input.Open(context.Background(), write(t, packed), input.Options{})
		if err != nil {
			t.Errorf("%s: %v", compression, err)
			continue
		}
		if f.Truncated() == nil {
			t.Errorf("%s: a corrupt stream passed as whole", compression)
		}
		f.Close()
	}
	f := open(t, write(t, append(pack(t, "gzip", plain), "junk"...)), input.Options{})
	if f.Truncated() == nil || !bytes.Equal(f.Data(), plain) {
		t.Errorf("junk behind a stream: %d bytes, %v", f.Size(), f.Truncated())
	}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for path, want := range map[string]string{
		dir:                               "a directory",
		"/dev/null":                       "a character device",
		socket:                            "a socket",
		write(t, nil):                     "empty",
		write(t, pack(t, "gzip", nil)):    "nothing",
		write(t, []byte("\x1f\x8b junk")): "corrupt",
	} {
		_, err := input.Open(context.Background(), path, input.Options{})
		var format *input.FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), want) || format.File != filepath.Base(path) {
			t.Errorf("Open(%s) = %v, want a FormatError with %q", path, err, want)
		}
	}
	if _, err := input.Open(context.Background(), filepath.Join(dir, "none"), input.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestLimits(t *testing.T) {
	plain := content(3 << 20)
	path := write(t, pack(t, "zstd", plain))
	var limit *input.LimitError
	if _, err := input.Open(context.Background(), path, input.Options{MaxBytes: 3<<20 - 1}); !errors.As(err, &limit) || limit.Dir != "" {
		t.Errorf("one byte too large: %v", err)
	}
	open(t, path, input.Options{MaxBytes: 3 << 20})
}

// A pipe that stays silent must not outlive the context.
func TestCancelWhileAPipeIsSilent(t *testing.T) {
	plain := content(1 << 20)
	for compression := range tools {
		fifo := filepath.Join(t.TempDir(), "fifo")
		if err := unix.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		w, err := os.OpenFile(fifo, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		packed := pack(t, compression, plain)
		if _, err := w.Write(packed[:min(len(packed)/2, 50000)]); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(150*time.Millisecond, cancel)
		start := time.Now()
		if _, err := input.Open(ctx, fifo, input.Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", compression, err)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s: cancelling took %v", compression, d)
		}
		w.Close()
	}
}

// The end of the xz program ends the reading of a pipe that would go on.
func TestBrokenStreamOfASilentPipe(t *testing.T) {
	for _, compression := range []string{"gzip", "xz"} {
		packed := pack(t, compression, content(1<<20))
		for i := range 64 {
			packed[len(packed)/3+i] ^= 0xa5
		}
		fifo := filepath.Join(t.TempDir(), "fifo")
		if err := unix.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		w, err := os.OpenFile(fifo, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		go w.Write(packed)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		f, err := input.Open(ctx, fifo, input.Options{})
		if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: a broken stream waited for more input", compression)
		} else if err == nil {
			if f.Truncated() == nil {
				t.Errorf("%s: broken stream passed as whole", compression)
			}
			f.Close()
		}
		cancel()
		w.Close()
	}
}

func TestProgressReachesTheEnd(t *testing.T) {
	path := write(t, pack(t, "zstd", content(4<<20)))
	var done, total int64
	f := open(t, path, input.Options{Progress: func(d, n int64) {
		if d < done {
			t.Errorf("progress went back from %d to %d", done, d)
		}
		done, total = d, n
	}})
	if done != f.FileBytes() || total != f.FileBytes() {
		t.Errorf("last progress %d of %d, want %d", done, total, f.FileBytes())
	}
}

// withStdin runs body with standard input taken from file.
func withStdin(t *testing.T, file *os.File, body func()) {
	t.Helper()
	saved, err := unix.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Dup3(int(file.Fd()), 0, 0); err != nil {
		t.Fatal(err)
	}
	defer func() {
		unix.Dup3(saved, 0, 0)
		unix.Close(saved)
	}()
	body()
}

func TestStandardInput(t *testing.T) {
	plain := content(200001)
	path := write(t, plain)
	for name, stdin := range map[string]func() (*os.File, []byte){
		"a file": func() (*os.File, []byte) {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			return f, plain
		},
		"a file that was read in part": func() (*os.File, []byte) {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			f.Seek(1000, io.SeekStart)
			return f, plain[1000:]
		},
		"a pipe": func() (*os.File, []byte) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				w.Write(plain)
				w.Close()
			}()
			return r, plain
		},
		"a packed pipe": func() (*os.File, []byte) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			packed := pack(t, "gzip", plain)
			go func() {
				w.Write(packed)
				w.Close()
			}()
			return r, plain
		},
	} {
		file, want := stdin()
		withStdin(t, file, func() {
			f := open(t, "-", input.Options{})
			if !bytes.Equal(f.Data(), want) || f.Name() != "stdin" || f.FileBytes() == 0 {
				t.Errorf("%s: %q, %d bytes of %d in the file, want %d", name, f.Name(), f.Size(), f.FileBytes(), len(want))
			}
		})
		file.Close()
	}
}

func TestXZWithoutTheProgram(t *testing.T) {
	plain := content(300000)
	packed := pack(t, "xz", plain)
	t.Setenv("PATH", t.TempDir())
	f := open(t, write(t, packed), input.Options{})
	if !bytes.Equal(f.Data(), plain) || f.Truncated() != nil {
		t.Fatalf("%d bytes, %v", f.Size(), f.Truncated())
	}
	f = open(t, write(t, packed[:len(packed)*2/3]), input.Options{})
	if !bytes.HasPrefix(plain, f.Data()) || f.Truncated() == nil {
		t.Fatalf("cut: %d bytes, %v", f.Size(), f.Truncated())
	}
}

func TestKind(t *testing.T) {
	tar := make([]byte, 600)
	copy(tar, "core.1")
	copy(tar[257:], "ustar")
	for want, head := range map[string][]byte{
		"a tar archive":         tar,
		"a zip archive":         []byte("PK\x03\x04..."),
		"bzip2-compressed data": []byte("BZh91AY"),
		"zero bytes":            make([]byte, 20),
		"text":                  []byte("goroutine 1 [running]:\nmain.main()\n\té"),
		"text, perhaps JSON":    []byte(" {\"a\": 1}"),
		"nothing":               nil,
		"data of no known kind": {1, 2, 3, 0xff},
	} {
		if got := input.Kind(head); got != want {
			t.Errorf("Kind(%.20q) = %q, want %q", head, got, want)
		}
	}
}
