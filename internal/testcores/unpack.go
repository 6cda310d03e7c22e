package testcores

import (
	"archive/tar"
	"bytes"
	"errors"
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
	files = map[packed]*file{}
)

// packed names a file compressed with zstd, or a member of such an archive.
type packed struct{ file, member string }

// unpacked is the path of the plain content of a packed file, which goes with the last test that uses it.
func unpacked(t testing.TB, from packed, name string) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	f := files[from]
	if f == nil {
		dir, err := os.MkdirTemp("", "testcores")
		if err != nil {
			t.Fatal(err)
		}
		f = &file{path: filepath.Join(dir, name)}
		if err := unpack(from, f.path); err != nil {
			os.RemoveAll(dir)
			t.Fatalf("unpacking %s %s: %v", from.file, from.member, err)
		}
		files[from] = f
	}
	f.users++
	t.Cleanup(func() { release(from, f) })
	return f.path
}

func release(from packed, f *file) {
	mu.Lock()
	defer mu.Unlock()
	if f.users--; f.users == 0 {
		delete(files, from)
		os.RemoveAll(filepath.Dir(f.path))
	}
}

// block is the unit in which zeros become holes, in bytes.
const block = 64 << 10

// unpack writes the content of a zstd file, blocks of zeros as holes.
func unpack(from packed, to string) error {
	in, err := os.Open(from.file)
	if err != nil {
		return err
	}
	defer in.Close()
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close()
	content := io.Reader(z)
	if from.member != "" {
		if content, err = member(z, from.member); err != nil {
			return err
		}
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if err := copySparse(out, content); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// member is the content of an archive's member.
func member(archive io.Reader, name string) (io.Reader, error) {
	r := tar.NewReader(archive)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil, errors.New("not in the archive")
		}
		if err != nil {
			return nil, err
		}
		if h.Name == name {
			return r, nil
		}
	}
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
