package traceback

import (
	"strconv"
	"strings"
)

// parseHeader reads "goroutine 7 gp=0xc000 m=3 mp=0xc100 [chan receive, 3 minutes, locked to thread]:" and its older and
// newer forms (traceback.go, goroutineheader).
func parseHeader(line string) (Goroutine, bool) {
	g := Goroutine{M: -1}
	rest, ok := strings.CutPrefix(line, "goroutine ")
	if !ok {
		return g, false
	}
	rest, ok = strings.CutSuffix(rest, ":")
	if !ok {
		return g, false
	}
	head, rest, ok := strings.Cut(rest, " [")
	if !ok || !parseIdentity(head, &g) {
		return g, false
	}
	status, labels, ok := cutStatus(rest)
	if !ok {
		return g, false
	}
	parseStatus(status, &g)
	if labels != "" {
		if g.Labels, ok = parseLabels(labels); !ok {
			return g, false
		}
	}
	return g, true
}

// parseIdentity reads what stands before the bracket: the id, and from Go 1.23 on gp=, m= and mp=.
func parseIdentity(s string, g *Goroutine) bool {
	words := strings.Split(s, " ")
	id, err := strconv.ParseUint(words[0], 10, 64)
	if err != nil {
		return false
	}
	g.ID = id
	for _, w := range words[1:] {
		key, value, ok := strings.Cut(w, "=")
		if !ok {
			return false
		}
		var err error
		switch key {
		case "gp":
			g.HasM = true
			g.GP, err = parseHex(value)
		case "mp":
			g.MP, err = parseHex(value)
		case "m":
			if value != "nil" {
				g.M, err = strconv.ParseInt(value, 10, 64)
			}
		default:
			return false
		}
		if err != nil {
			return false
		}
	}
	return true
}

// cutStatus divides `status labels:{…}]` (Go 1.26) and `status] {…}` (Go 1.27) after the opening bracket. Statuses have no
// bracket and no brace, label values can.
func cutStatus(s string) (status, labels string, ok bool) {
	if status, labels, ok = strings.Cut(s, " labels:{"); ok && !strings.Contains(status, "]") {
		labels, ok = strings.CutSuffix(labels, "}]")
		return status, labels, ok
	}
	status, labels, ok = strings.Cut(s, "]")
	if !ok || labels == "" {
		return status, "", ok
	}
	labels, ok = strings.CutPrefix(labels, " {")
	if !ok {
		return "", "", false
	}
	labels, ok = strings.CutSuffix(labels, "}")
	return status, labels, ok
}

// parseStatus reads the words between the brackets.
func parseStatus(s string, g *Goroutine) {
	parts := strings.Split(s, ", ")
	status := parts[0]
	for cut := true; cut; {
		var leaked, scan, durable bool
		status, leaked = strings.CutSuffix(status, " (leaked)")
		status, scan = strings.CutSuffix(status, " (scan)")
		status, durable = strings.CutSuffix(status, " (durable)")
		g.Leaked, g.Scan, g.Durable = g.Leaked || leaked, g.Scan || scan, g.Durable || durable
		cut = leaked || scan || durable
	}
	g.Status = status
	for _, part := range parts[1:] {
		if n, ok := strings.CutSuffix(part, " minutes"); ok {
			if v, err := strconv.ParseInt(n, 10, 64); err == nil {
				g.Minutes = v
				continue
			}
		}
		switch word, n, _ := cutLast(part, " "); {
		case part == "locked to thread":
			g.Locked = true
		case word == "synctest bubble", word == "synctest group":
			g.Bubble, _ = strconv.ParseUint(n, 10, 64)
		default:
			g.Status += ", " + part // not a form that is known: part of the reason's text
		}
	}
}

// parseLabels reads `"key": "value", key2: value2`: Go 1.26 quotes always, Go 1.27 where it must.
func parseLabels(s string) ([]Label, bool) {
	var l []Label
	for {
		key, rest, ok := labelWord(s)
		if !ok {
			return nil, false
		}
		if rest, ok = strings.CutPrefix(rest, ": "); !ok {
			return nil, false
		}
		value, rest, ok := labelWord(rest)
		if !ok {
			return nil, false
		}
		l = append(l, Label{key, value})
		if rest == "" {
			return l, true
		}
		if s, ok = strings.CutPrefix(rest, ", "); !ok {
			return nil, false
		}
	}
}

// labelWord takes a quoted or a plain word from the front of s. Plain words have letters, digits, '.', '/' and '_' only.
func labelWord(s string) (word, rest string, ok bool) {
	if strings.HasPrefix(s, `"`) {
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return "", "", false
		}
		word, err = strconv.Unquote(quoted)
		return word, s[len(quoted):], err == nil
	}
	n := strings.IndexAny(s, ":,")
	if n < 0 {
		n = len(s)
	}
	return s[:n], s[n:], true
}

// parseHex reads 0x…, as the runtime's print(hex(x)) writes it.
func parseHex(s string) (uint64, error) {
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseUint(digits, 16, 64)
}

// cutLast cuts s around the last sep.
func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
