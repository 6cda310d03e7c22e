package input

import (
	"fmt"
	"strings"
)

// FormatError is a file that is not what it should be.
type FormatError struct {
	File   string // base name
	Offset int64  // bytes from the start of the plain content
	Want   string // what should be there
	Got    string // what is there
	Hint   string // what to do about it; may be empty
}

func (e *FormatError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Offset != 0 {
		fmt.Fprintf(&b, " at offset %#x", e.Offset)
	}
	fmt.Fprintf(&b, ": want %s, got %s", e.Want, e.Got)
	if e.Hint != "" {
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

// StreamError says that a compressed stream ended early or is corrupt. What
// came out before it is kept.
type StreamError struct {
	File        string
	Compression string
	Taken       int64 // bytes of the packed input that were read
	Kept        int64 // bytes of plain content that came out
	Err         error // from the decompressor
}

func (e *StreamError) Error() string {
	return fmt.Sprintf("%s: the %s stream is cut or corrupt after %d bytes; %d bytes came out and are kept: %v",
		e.File, e.Compression, e.Taken, e.Kept, e.Err)
}

func (e *StreamError) Unwrap() error { return e.Err }

// LimitError says that the plain content is larger than there is room for.
type LimitError struct {
	File  string
	Limit int64  // bytes that were allowed, or were free
	Dir   string // the temporary directory that has no more room; "" when Options.MaxBytes was reached
}

func (e *LimitError) Error() string {
	if e.Dir == "" {
		return fmt.Sprintf("%s: unpacks to more than the allowed %d bytes", e.File, e.Limit)
	}
	return fmt.Sprintf("%s: unpacks to more than the %d bytes that may be used in %s: name a larger directory for temporary files",
		e.File, e.Limit, e.Dir)
}
