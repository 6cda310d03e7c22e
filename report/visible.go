package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible makes text of any origin fit for one line of a terminal or a ticket:
// what is not printable (control characters, line breaks, bidirectional
// overrides, invalid UTF-8) is written as a Go escape.
func visible(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case unicode.IsPrint(r):
			b.WriteString(s[i : i+n])
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += n
	}
	return b.String()
}

// clean reports whether every rune of s is printable.
func clean(s string) bool {
	for i := 0; i < len(s); {
		if c := s[i]; c >= ' ' && c < 0x7f {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || !unicode.IsPrint(r) {
			return false
		}
		i += n
	}
	return true
}

// visibleLines splits text at its line breaks, drops empty lines at the end and
// makes each line visible. Tabs become four spaces. Of more than n lines the first
// n-1 stay; each is cut at width bytes.
func visibleLines(s string, n, width int) []string {
	s = strings.TrimRight(s, "\n")
	var out []string
	for rest := s; ; {
		line, more, found := strings.Cut(rest, "\n")
		if found && len(out) == n-1 {
			return append(out, fmt.Sprintf("… %s more", plural(strings.Count(rest, "\n")+1, "line")))
		}
		line = strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", "    ")
		out = append(out, cutText(visible(line), width))
		if !found {
			return out
		}
		rest = more
	}
}

// oneLine is visible text of at most width bytes.
func oneLine(s string, width int) string { return cutText(visible(cutText(s, 4*width)), width) }
