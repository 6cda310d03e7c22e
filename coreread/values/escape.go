package values

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxReason and maxType cap reasons and type names, in bytes.
const (
	maxReason = 160
	maxType   = 200
)

// printable returns text with everything that is not printable escaped as in a Go string, cut after limit bytes.
func printable(text string, limit int) string {
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		part := text[:size]
		if r == utf8.RuneError && size == 1 || !strconv.IsPrint(r) {
			part = strings.Trim(strconv.Quote(part), `"`)
		}
		if b.Len()+len(part) > limit {
			b.WriteString("…")
			break
		}
		b.WriteString(part)
		text = text[size:]
	}
	return b.String()
}

// quoted returns the first bytes of a string whose whole length is given, in quotes; what is not there is counted.
func quoted(text string, length int64) string {
	if int64(len(text)) >= length {
		return strconv.Quote(text)
	}
	text = wholeRunes(text)
	return strconv.Quote(text) + "…" + strconv.FormatInt(length-int64(len(text)), 10) + " bytes more"
}

// wholeRunes cuts off a last rune that a length limit has split.
func wholeRunes(text string) string {
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if start := len(text) - i; utf8.RuneStart(text[start]) {
			if !utf8.FullRuneInString(text[start:]) {
				return text[:start]
			}
			break
		}
	}
	return text
}
