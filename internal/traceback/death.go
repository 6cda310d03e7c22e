package traceback

import (
	"strconv"
	"strings"
)

const panicPrefix = "panic: "

// panics reads the panics from the line at hand on, up to the blank line behind them or the signal (panic.go, printpanics).
// Before Go 1.23 the lines of a value follow as they are: a value with a blank line in it ends early there.
func (p *parser) panics() {
	p.dying = true
	starts, values := []int{p.n}, [][]string{{p.line[len(panicPrefix):]}}
	for p.next() {
		if p.line == "" || strings.HasPrefix(p.line, "[signal ") {
			p.unread()
			break
		}
		// Goexit among the panics leaves a "panic: " without its tab.
		if value, ok := strings.CutPrefix(strings.TrimPrefix(p.line, "\t"), panicPrefix); ok {
			starts, values = append(starts, p.n), append(values, []string{value})
			continue
		}
		last := &values[len(values)-1]
		*last = append(*last, p.line)
	}
	for i, lines := range values {
		unindent(lines[1:])
		v := Panic{Line: starts[i], Value: strings.Join(lines, "\n")}
		v.mark()
		p.print.Panics = append(p.print.Panics, v)
	}
}

// unindent takes a tab off each of the lines, if all have one: Go 1.23 and newer write it, older ones do not.
func unindent(lines []string) {
	for _, line := range lines {
		if !strings.HasPrefix(line, "\t") {
			return
		}
	}
	for i := range lines {
		lines[i] = lines[i][1:]
	}
}

// mark takes the marks off the end of the value.
func (v *Panic) mark() {
	if s, ok := strings.CutSuffix(v.Value, " [recovered, repanicked]"); ok {
		v.Value, v.Recovered, v.Repanicked = s, true, true
	} else if s, ok := strings.CutSuffix(v.Value, " [recovered]"); ok {
		v.Value, v.Recovered = s, true
	}
}

// fatal reads the message of a throw; its further lines are indented from Go 1.23 on.
func (p *parser) fatal() {
	p.dying = true
	_, text, _ := strings.Cut(p.line, ": ")
	line, lines := p.n, []string{text}
	for strings.HasPrefix(p.peek(), "\t") {
		p.next()
		lines = append(lines, p.line[1:])
	}
	p.print.Fatal = append(p.print.Fatal, Fatal{Line: line, Text: strings.Join(lines, "\n")})
}

// signalInBrackets reads "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x45d2a1]" (panic.go, dopanic_m).
func (p *parser) signalInBrackets() bool {
	rest, ok := strings.CutPrefix(p.line, "[signal ")
	if !ok {
		return false
	}
	if rest, ok = strings.CutSuffix(rest, "]"); !ok {
		return false
	}
	s := Signal{Line: p.n, Panic: true, M: -1}
	name, numbers, ok := strings.Cut(rest, " code=")
	if !ok {
		return false
	}
	s.Name, s.Text, _ = strings.Cut(name, ": ")
	if !s.numbers("code=" + numbers) {
		return false
	}
	p.dying = true
	p.print.Signals = append(p.print.Signals, s)
	return true
}

// threadSignal reads "SIGQUIT: quit", "PC=0x45d2a1 m=0 sigcode=0" and "signal arrived during cgo execution", which a thread
// prints first (signal_unix.go, fatalsignal). Without the second line the first is nothing special.
func (p *parser) threadSignal() bool {
	numbers := p.peek()
	if !strings.HasPrefix(numbers, "PC=") {
		return false
	}
	s := Signal{Line: p.n, M: -1}
	s.Name, s.Text, _ = strings.Cut(p.line, ": ")
	if !s.numbers(numbers) {
		return false
	}
	p.next()
	if p.peek() == "signal arrived during cgo execution" {
		s.InCgo = true
		p.next()
	}
	p.dying = true
	p.print.Signals = append(p.print.Signals, s)
	if part := p.part(); part.Signal < 0 {
		part.Signal = len(p.print.Signals) - 1
	}
	return true
}

// numbers reads "key=value" words into s. Codes are printed in hexadecimal in brackets and in decimal else, where
// negative ones look like very large ones.
func (s *Signal) numbers(words string) bool {
	for _, w := range strings.Split(words, " ") {
		key, value, ok := strings.Cut(w, "=")
		if !ok {
			return false
		}
		n, err := strconv.ParseUint(value, 0, 64)
		if err != nil {
			return false
		}
		switch key {
		case "code", "sigcode":
			s.Code = int64(n)
			if n>>32 == 0 {
				s.Code = int64(int32(n))
			}
		case "addr":
			s.Addr, s.HasAddr = n, true
		case "pc", "PC":
			s.PC = n
		case "m":
			s.M = int64(n)
		}
	}
	return true
}

// register reads a line of a register dump: "rax    0x0" (signal_amd64.go, dumpregs). They follow a signal's stacks.
func (p *parser) register() bool {
	if p.part().Signal < 0 {
		return false
	}
	words := strings.Fields(p.line)
	if len(words) != 2 || strings.HasPrefix(p.line, " ") || strings.HasPrefix(p.line, "\t") {
		return false
	}
	v, err := parseHex(words[1])
	if err != nil {
		return false
	}
	part := p.part()
	part.Registers = append(part.Registers, Register{p.n, words[0], v})
	return true
}
