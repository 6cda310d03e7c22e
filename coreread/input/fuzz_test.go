package input_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"postmortem/coreread/input"
)

// FuzzInput opens files of any content.
func FuzzInput(f *testing.F) {
	plain := content(20000)
	for compression := range tools {
		f.Add(packWithLibrary(f, compression, plain))
	}
	f.Add(plain)
	f.Add([]byte("\x50\x2a\x4d\x18\x01\x00\x00\x00a\x28\xb5\x2f\xfd"))
	f.Add([]byte("\x50\x2a\x4d\x18\xff\xff\xff\xff"))
	// A process per input would be slow: the library takes the program's place.
	os.Setenv("PATH", "")
	path := filepath.Join(f.TempDir(), "input")
	const limit = 4 << 20
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := input.Open(context.Background(), path, input.Options{MaxBytes: limit})
		if err != nil {
			var format *input.FormatError
			var tooLarge *input.LimitError
			if !errors.As(err, &format) && !errors.As(err, &tooLarge) {
				t.Fatalf("%v is neither a FormatError nor a LimitError", err)
			}
			return
		}
		defer file.Close()
		if file.Size() == 0 || int64(len(file.Data())) != file.Size() || file.FileBytes() != int64(len(data)) {
			t.Fatalf("%d bytes of data, size %d, file of %d", len(file.Data()), file.Size(), file.FileBytes())
		}
		if file.Compression() == "" {
			if !bytes.Equal(file.Data(), data) || file.Truncated() != nil {
				t.Fatalf("a plain file is not as it was: %v", file.Truncated())
			}
		} else if file.Size() > limit {
			t.Fatalf("%d bytes came out, past the limit", file.Size())
		}
	})
}
