package traceback

import (
	"strconv"
	"strings"
)

// parseFrame reads a frame from the line at hand and the next one, and says how many lines it is.
func parseFrame(line, next string) (f Frame, lines int, ok bool) {
	if s, found := strings.CutPrefix(line, "non-Go function at pc="); found {
		pc, err := parseHex(s)
		return Frame{Func: "non-Go function", NonGo: true, HasPC: true, PC: pc}, 1, err == nil
	}
	if strings.HasPrefix(line, "\t") || line == "" {
		return f, 0, false
	}
	place, ok := parsePlace(next)
	if !ok {
		return f, 0, false
	}
	f = Frame{
		Func: line, File: place.file, Line: place.line, Offset: place.offset,
		HasPC: place.hasPC, FP: place.fp, SP: place.sp, PC: place.pc, NonGo: place.nonGo,
	}
	if place.nonGo {
		return f, 2, true // a name as the C side gives it, with or without parentheses
	}
	// Arguments have no parentheses; names have.
	name, args, ok := cutLast(line, "(")
	if !ok || name == "" {
		return f, 0, false
	}
	if args, ok = strings.CutSuffix(args, ")"); !ok {
		return f, 0, false
	}
	f.Func, f.Args = name, args
	f.Inlined = args == "..." && !place.hasPC && place.offset == 0
	return f, 2, true
}

// place is the second line of a frame.
type place struct {
	file       string
	line       int
	offset     uint64
	fp, sp, pc uint64
	hasPC      bool
	nonGo      bool // pc= alone: a frame of C code
}

// parsePlace reads "\tfile:line +0x1d fp=0x… sp=0x… pc=0x…", from the end, for file names can have spaces.
func parsePlace(s string) (place, bool) {
	var p place
	s, ok := strings.CutPrefix(s, "\t")
	if !ok {
		return p, false
	}
	found := map[string]bool{}
	for _, key := range []string{"pc", "sp", "fp"} {
		rest, value, ok := cutLast(s, key+"=")
		if !ok || rest != "" && !strings.HasSuffix(rest, " ") {
			continue
		}
		n, err := parseHex(value)
		if err != nil {
			continue
		}
		s, found[key] = strings.TrimSuffix(rest, " "), true
		switch key {
		case "pc":
			p.pc = n
		case "sp":
			p.sp = n
		case "fp":
			p.fp = n
		}
	}
	p.hasPC = found["pc"]
	p.nonGo = found["pc"] && !found["sp"] && !found["fp"]
	if p.nonGo && s == "" {
		return p, true // C code that the symbolizer knows nothing of
	}
	if rest, value, ok := cutLast(s, " +"); ok {
		if n, err := parseHex(value); err == nil {
			s, p.offset = rest, n
		}
	}
	file, line, ok := cutLast(s, ":")
	if !ok || file == "" {
		return p, false
	}
	n, err := strconv.Atoi(line)
	if err != nil || n < 0 {
		return p, false
	}
	p.file, p.line = file, n
	return p, true
}

// parseCreator reads "created by main.start in goroutine 1"; Go 1.20 and older do not say which goroutine.
func parseCreator(line string) (*Creator, bool) {
	s, ok := strings.CutPrefix(line, "created by ")
	if !ok {
		return nil, false
	}
	c := &Creator{Func: s}
	if name, id, ok := cutLast(s, " in goroutine "); ok {
		if n, err := strconv.ParseUint(id, 10, 64); err == nil {
			c.Func, c.Goroutine = name, n
		}
	}
	return c, true
}

// elision reads "...17 frames elided..." (Go 1.21 and newer) and "...additional frames elided...": -1.
func elision(line string) (count int, ok bool) {
	if line == "...additional frames elided..." {
		return -1, true
	}
	s, ok := strings.CutPrefix(line, "...")
	if !ok {
		return 0, false
	}
	if s, ok = strings.CutSuffix(s, " frames elided..."); !ok {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0
}

// originating reads "[originating from goroutine 7]:".
func originating(line string) (id uint64, ok bool) {
	s, ok := strings.CutPrefix(line, "[originating from goroutine ")
	if !ok {
		return 0, false
	}
	if s, ok = strings.CutSuffix(s, "]:"); !ok {
		return 0, false
	}
	id, err := strconv.ParseUint(s, 10, 64)
	return id, err == nil
}
