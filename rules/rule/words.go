package rule

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"postmortem/analyzer/facts"
	"postmortem/internal/units"
)

// TitleCap is how long a title may be, in characters: a ticket's subject line.
const TitleCap = 120

// Line makes s one line of at most n characters.
func Line(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// Count writes a number with thousands separators: 48,212.
func Count[T int | int64 | uint64](n T) string { return units.Count(n) }

// Plural writes "1 goroutine", "2 goroutines".
func Plural[T int | int64 | uint64](n T, one string) string { return units.Plural(n, one) }

// Size writes bytes in IEC units: 512 B, 1.5 KiB, 1.93 GiB.
func Size(n uint64) string { return units.Size(n) }

// Duration writes nanoseconds, cut, not rounded: 3h12m, 6m20s, 12s, 155ms.
func Duration(ns int64) string { return units.Duration(ns) }

// Percent writes a part of a whole: 75%.
func Percent(part, whole uint64) string {
	if whole == 0 {
		return "0%"
	}
	return strconv.FormatFloat(100*float64(part)/float64(whole), 'f', 0, 64) + "%"
}

// Goid writes a goroutine's id: g17.
func Goid(id int64) string { return units.Goroutine(id) }

// importPath is an import path and what is qualified by it, in a type's name or a step
// of a path on the heap.
var importPath = regexp.MustCompile(`[\w.~-]+(?:/[\w.~-]+)+`)

// TypeName leaves of each package in a type's name, or in a step of a path on the
// heap, the last element of its path: map[string]storage.Family.
func TypeName(name string) string { return importPath.ReplaceAllStringFunc(name, FuncName) }

// FuncName leaves of a function's package the last element of its path.
func FuncName(name string) string {
	head, typeArguments, generic := strings.Cut(name, "[")
	short := path.Base(head)
	if pkg, rest, ok := strings.Cut(short, "."); ok && path.Dir(head) != "." {
		short = lastElement(path.Join(path.Dir(head), pkg)) + "." + rest
	}
	if generic {
		short += "[" + typeArguments
	}
	return short
}

// lastElement returns the last element of an import path that is no major version:
// "orders" of example.com/orders/v2.
func lastElement(p string) string {
	base := path.Base(p)
	if len(base) > 1 && base[0] == 'v' && base[1] >= '0' && base[1] <= '9' && path.Dir(p) != "." {
		return path.Base(path.Dir(p))
	}
	return base
}

// At writes a frame: "main.(*Server).serve (server/serve.go:12)".
func At(f *facts.Frame) string { return at(f.Func, f.Source, f.File, f.Line) }

// AtSite writes a place like At.
func AtSite(s *facts.Site) string { return at(s.Func, facts.Maybe[string]{}, s.File, s.Line) }

func at(fn string, source, file facts.Maybe[string], line facts.Maybe[int]) string {
	pos := source.V
	if !source.Known {
		if dir, base := path.Split(file.V); file.Known {
			pos = path.Join(path.Base(dir), base)
		}
	}
	if pos == "" {
		return FuncName(fn)
	}
	if line.Known {
		pos += ":" + strconv.Itoa(line.V)
	}
	return FuncName(fn) + " (" + pos + ")"
}

// Program is what people call the program: the last element of its main package's
// path, or the binary's name.
func Program(doc *facts.Document) string {
	t := &doc.Target
	paths := []string{t.MainPackage.V}
	if t.MainModule != nil {
		paths = append(paths, t.MainModule.Path)
	}
	for _, p := range paths {
		if p != "" && p != "command-line-arguments" {
			return lastElement(p)
		}
	}
	if t.Binary != nil && t.Binary.Name != "" {
		return t.Binary.Name
	}
	if t.Process != nil && t.Process.Comm.V != "" {
		return t.Process.Comm.V
	}
	return "the process"
}

// OnCall is a step for whoever is on call, Developer one for whoever wrote the code.
func OnCall(action string) facts.NextStep {
	return facts.NextStep{Who: facts.WhoOnCall, Action: action}
}

// Developer is a step for whoever wrote the code.
func Developer(action string) facts.NextStep {
	return facts.NextStep{Who: facts.WhoDeveloper, Action: action}
}
