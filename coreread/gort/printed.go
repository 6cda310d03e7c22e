package gort

import (
	"fmt"
	"strings"

	"postmortem/coreread/image"
)

// printBacklogBytes is the size of runtime.printBacklog, the same since Go 1.18
// (runtime/print.go).
const printBacklogBytes = 512

// PrintTail returns the end of what the process printed through the builtin
// print functions and the runtime itself. The runtime keeps it only while no
// thread is crashing: the line of a fatal error is there, that of a panic and
// tracebacks are not. When the runtime has printed more than it keeps, the text
// begins somewhere in a line.
func (p *Process) PrintTail() (string, error) {
	ring, err := p.global("runtime.printBacklog")
	if err != nil {
		return "", err
	}
	index, err := p.global("runtime.printBacklogIndex")
	if err != nil {
		return "", err
	}
	next, err := p.Image.Uint64(index)
	if err != nil {
		return "", fmt.Errorf("what the runtime printed: %w", err)
	}
	if next >= printBacklogBytes {
		return "", fmt.Errorf("what the runtime printed: its index at %v is %d, beyond the %d bytes it keeps", index, next, printBacklogBytes)
	}
	data, err := p.Image.Bytes(ring, printBacklogBytes)
	if err != nil {
		return "", fmt.Errorf("what the runtime printed: %w", err)
	}
	// The part behind the index is zero until the ring has been filled once.
	return strings.TrimLeft(string(data[next:]), "\x00") + string(data[:next]), nil
}

// fatalPrefix begins the line that runtime.throw and runtime.fatal print.
const fatalPrefix = "fatal error: "

// fatalLines returns the texts of the fatal errors in what the runtime printed,
// in order. A text may go over several lines: since Go 1.23 the further ones
// begin with a tab.
func fatalLines(tail string) []string {
	var texts []string
	for _, line := range strings.SplitAfter(tail, "\n") {
		// Behind a panic that was under way the line is indented (1.26).
		text, ok := strings.CutPrefix(strings.TrimPrefix(line, "\t"), fatalPrefix)
		switch {
		case ok:
			texts = append(texts, text)
		case len(texts) > 0 && strings.HasPrefix(line, "\t"):
			texts[len(texts)-1] += line
		}
	}
	for i := range texts {
		texts[i] = strings.TrimSuffix(texts[i], "\n")
	}
	return texts
}

// thrownText returns the text that a frame of runtime.throw or runtime.fatal was
// given: they print it from a closure, which their frame holds as the address of
// its code, the text's data and its length.
func (p *Process) thrownText(f Frame, name string) (string, bool) {
	closure, ok := p.Exe.Funcs().ByName(name + ".func1")
	if ok && f.FP > f.SP && f.FP-f.SP <= maxThrowFrame {
		code := closure.Entry().Add(p.Bias)
		for at := f.SP; at+24 <= f.FP; at += 8 {
			if word, err := p.Image.Addr(at); err != nil || word != code {
				continue
			}
			if text, ok := p.plausibleText(at + 8); ok {
				return text, true
			}
		}
	}
	if data, n, ok := p.argumentPair(f); ok {
		return p.textOf(image.Addr(data), n)
	}
	return "", false
}

const (
	maxThrowFrame = 1 << 12 // bytes; the frames of throw and fatal have some 100
	maxThrowText  = 1 << 12 // bytes
)

// plausibleText reads the string whose header is at a, if it looks like one.
func (p *Process) plausibleText(a image.Addr) (string, bool) {
	c := p.Image.Cursor()
	data, n := c.Addr(a), c.Uint64(a+8)
	if c.Err() != nil {
		return "", false
	}
	return p.textOf(data, n)
}

// textOf reads n bytes at data, if they look like a message.
func (p *Process) textOf(data image.Addr, n uint64) (string, bool) {
	if n == 0 || n > maxThrowText {
		return "", false
	}
	b, err := p.Image.Bytes(data, n)
	if err != nil {
		return "", false
	}
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return "", false
		}
	}
	return string(b), true
}
