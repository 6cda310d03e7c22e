package values_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"

	"postmortem/coreread/values"
)

// unpacked returns the path of a file of testdata, unpacked once for all tests.
func unpacked(t testing.TB, name string) string {
	t.Helper()
	files.Lock()
	defer files.Unlock()
	if path, ok := files.paths[name]; ok {
		return path
	}
	in, err := os.Open(filepath.Join("testdata", name+".zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	z, err := zstd.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	path := filepath.Join(files.dir, name)
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := copySparse(out, z); err != nil {
		t.Fatal(err)
	}
	files.paths[name] = path
	return path
}

var files struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "values")
	if err != nil {
		panic(err)
	}
	files.dir, files.paths = dir, map[string]string{}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// copySparse writes r to out, leaving holes where a block is zero: cores are tens of megabytes, nearly all of it zero.
func copySparse(out *os.File, r io.Reader) error {
	defer out.Close()
	block, zero := make([]byte, 1<<16), make([]byte, 1<<16)
	size := int64(0)
	for {
		n, err := io.ReadFull(r, block)
		if string(block[:n]) != string(zero[:n]) {
			if _, err := out.WriteAt(block[:n], size); err != nil {
				return err
			}
		}
		size += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return out.Truncate(size)
		}
		if err != nil {
			return err
		}
	}
}

// open opens a core and its binary until the test's end.
func open(t testing.TB, core, binary string) *values.Reader {
	t.Helper()
	r, err := values.Open(context.Background(), unpacked(t, core), unpacked(t, binary))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// read opens a core and reads goroutine 1, in which all of the test program runs.
func read(t testing.TB, core, binary string, limits values.Limits) []values.FrameValues {
	t.Helper()
	frames, err := open(t, core, binary).Goroutine(context.Background(), 1, limits)
	if err != nil {
		t.Fatal(err)
	}
	return frames
}

var address = regexp.MustCompile(`0x[0-9a-f]{6,}`)

// stable replaces addresses, which differ from dump to dump.
func stable(text string) string { return address.ReplaceAllString(text, "@") }
