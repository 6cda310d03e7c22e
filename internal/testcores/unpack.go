package testcores

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// A file is an unpacked file that tests of this process share.
type file struct {
	path  string
	users int
}

var (
	mu    sync.Mutex
	files = map[string]*file{} // by the path of the packed file
)

// unpacked is the path of the plain content of a packed file, which goes with the last test that uses it.
func unpacked(t testing.TB, packed, name string) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	f := files[packed]
	if f == nil {
		dir, err := os.MkdirTemp("", "testcores")
		if err != nil {
			t.Fatal(err)
		}
		f = &file{path: filepath.Join(dir, name)}
		if err := unpack(packed, f.path); err != nil {
			os.RemoveAll(dir)
			t.Fatalf("unpacking %s: %v", packed, err)
		}
		files[packed] = f
	}
	f.users++
	t.Cleanup(func() { release(packed, f) })
	return f.path
}

func release(packed string, f *file) {
	mu.Lock()
	defer mu.Unlock()
	if f.users--; f.users == 0 {
		delete(files, packed)
		os.RemoveAll(filepath.Dir(f.path))
	}
}

// block is the unit in which zeros become holes, in bytes.
const block = 64 << 10

// unpack writes the content of a zstd file, blocks of zeros as holes.
func unpack(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if err := copySparse(out, z); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

func copySparse(out *os.File, in io.Reader) error {
	buf, zeros := make([]byte, block), make([]byte, block)
	for off := int64(0); ; {
		n, err := io.ReadFull(in, buf)
		if n > 0 && !bytes.Equal(buf[:n], zeros[:n]) {
			if _, err := out.WriteAt(buf[:n], off); err != nil {
				return err
			}
		}
		off += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return out.Truncate(off)
		}
		if err != nil {
			return err
		}
	}
}
