package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"postmortem/analyzer/facts"
)

// renderJSON writes the whole document. It walks the facts and writes as it goes,
// so its memory does not grow with the document.
func renderJSON(w io.Writer, doc *facts.Document) error {
	return writeJSON(w, reflect.ValueOf(doc).Elem(), nil)
}

// limits bounds what is written of each value; nil is no bound.
type limits struct {
	elems  int            // of an array or of an object with free keys
	text   int            // bytes of a string, before escaping
	byName map[string]int // elems of the arrays with this key
}

func (l *limits) elemsOf(name string) int {
	if n, ok := l.byName[name]; ok {
		return min(n, l.elems)
	}
	return l.elems
}

// writeJSON writes v as the contract lays it out: keys in the order of the struct's
// fields, two spaces of indent, arrays of scalars on one line, a final newline.
// What limits cut is followed by NAME_total: elements of an array or object,
// bytes of a text.
func writeJSON(w io.Writer, v reflect.Value, lim *limits) error {
	bw := bufio.NewWriterSize(w, 64<<10)
	j := &jsonWriter{w: bw, lim: lim, keys: map[reflect.Type][]jsonField{}}
	j.value(v, "", 0)
	bw.WriteByte('\n')
	if j.err != nil {
		return j.err
	}
	return bw.Flush()
}

// jsonWriter carries the state of one document. Errors of w stick in the
// bufio.Writer, the writer's own in err.
type jsonWriter struct {
	w       *bufio.Writer
	lim     *limits
	keys    map[reflect.Type][]jsonField
	scratch []byte
	err     error
}

// jsonField is one struct field with its key as written: `"key": `.
type jsonField struct {
	index int
	name  string
	quote string
	total bool // the struct has a field NAME_total of its own
}

var (
	wordType  = reflect.TypeFor[facts.Word]()
	factsPath = wordType.PkgPath()
)

// isMaybe reports whether t is some facts.Maybe.
func isMaybe(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == factsPath && strings.HasPrefix(t.Name(), "Maybe[")
}

// deref follows pointers and Maybes to a value; ok is false for null.
func deref(v reflect.Value) (_ reflect.Value, ok bool) {
	for {
		switch {
		case v.Kind() == reflect.Pointer:
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		case isMaybe(v.Type()):
			if !v.Field(1).Bool() {
				return v, false
			}
			v = v.Field(0)
		case v.Kind() == reflect.Slice || v.Kind() == reflect.Map:
			return v, !v.IsNil()
		default:
			return v, true
		}
	}
}

// value writes v, whose key is name, at an indent; it reports what the limits cut
// it down from, or -1.
func (j *jsonWriter) value(v reflect.Value, name string, indent int) (total int) {
	total = -1
	v, ok := deref(v)
	if !ok {
		j.w.WriteString("null")
		return total
	}
	if v.Type() == wordType {
		j.scratch = append(strconv.AppendUint(append(j.scratch[:0], `"0x`...), v.Uint(), 16), '"')
		j.w.Write(j.scratch)
		return total
	}
	switch v.Kind() {
	case reflect.Bool:
		j.w.WriteString(strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		j.scratch = strconv.AppendInt(j.scratch[:0], v.Int(), 10)
		j.w.Write(j.scratch)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		j.scratch = strconv.AppendUint(j.scratch[:0], v.Uint(), 10)
		j.w.Write(j.scratch)
	case reflect.Float64:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			j.fail(fmt.Errorf("%v has no JSON form", f))
		}
		j.scratch = strconv.AppendFloat(j.scratch[:0], f, 'g', -1, 64)
		j.w.Write(j.scratch)
	case reflect.String:
		s := v.String()
		if j.lim != nil && len(s) > j.lim.text {
			total = len(s)
			s = cutText(s, j.lim.text)
		}
		j.text(s)
	case reflect.Struct:
		j.object(v, indent)
	case reflect.Map:
		total = j.freeObject(v, name, indent)
	case reflect.Slice, reflect.Array:
		total = j.array(v, name, indent)
	default:
		j.fail(fmt.Errorf("a %s has no JSON form", v.Type()))
	}
	return total
}

func (j *jsonWriter) fail(err error) {
	if j.err == nil {
		j.err = err
	}
}

func (j *jsonWriter) newline(indent int) {
	j.w.WriteByte('\n')
	for range indent {
		j.w.WriteString("  ")
	}
}

// fields lists t's keys once.
func (j *jsonWriter) fields(t reflect.Type) []jsonField {
	if f, ok := j.keys[t]; ok {
		return f
	}
	names := map[string]bool{}
	var fields []jsonField
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("json")
		if name == "" || strings.ContainsAny(name, ",-") {
			j.fail(fmt.Errorf("%s.%s has no plain json tag", t, t.Field(i).Name))
		}
		names[name] = true
		fields = append(fields, jsonField{index: i, name: name, quote: strconv.Quote(name) + ": "})
	}
	for i := range fields {
		fields[i].total = names[fields[i].name+"_total"]
	}
	j.keys[t] = fields
	return fields
}

func (j *jsonWriter) object(v reflect.Value, indent int) {
	j.w.WriteByte('{')
	fields := j.fields(v.Type())
	for i, f := range fields {
		if i > 0 {
			j.w.WriteByte(',')
		}
		j.newline(indent + 1)
		j.w.WriteString(f.quote)
		if total := j.value(v.Field(f.index), f.name, indent+1); total >= 0 && !f.total {
			j.total(f.name, total, indent+1)
		}
	}
	if len(fields) > 0 {
		j.newline(indent)
	}
	j.w.WriteByte('}')
}

// total writes the sibling that says how much there was of name.
func (j *jsonWriter) total(name string, n, indent int) {
	j.w.WriteByte(',')
	j.newline(indent)
	j.text(name + "_total")
	j.w.WriteString(": " + strconv.Itoa(n))
}

// freeObject writes a map, by key.
func (j *jsonWriter) freeObject(v reflect.Value, name string, indent int) (total int) {
	total = -1
	if v.Len() == 0 {
		j.w.WriteString("{}")
		return total
	}
	keys := v.MapKeys()
	byName := func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) }
	if j.lim != nil && len(keys) > j.lim.elemsOf(name) {
		total = len(keys)
		slices.SortFunc(keys, func(a, b reflect.Value) int {
			return cmp.Or(largerFirst(v.MapIndex(a), v.MapIndex(b)), byName(a, b))
		})
		keys = keys[:j.lim.elemsOf(name)]
	}
	slices.SortFunc(keys, byName)
	j.w.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			j.w.WriteByte(',')
		}
		j.newline(indent + 1)
		key := k.String()
		if j.lim != nil {
			key = cutText(key, j.lim.text)
		}
		j.text(key)
		j.w.WriteString(": ")
		j.value(v.MapIndex(k), "", indent+1)
	}
	if len(keys) > 0 {
		j.newline(indent)
	}
	j.w.WriteByte('}')
	return total
}

// largerFirst orders counts; values of other kinds are equal.
func largerFirst(a, b reflect.Value) int {
	if !a.CanInt() || !b.CanInt() {
		return 0
	}
	return cmp.Compare(b.Int(), a.Int())
}

func (j *jsonWriter) array(v reflect.Value, name string, indent int) (total int) {
	total = -1
	n := v.Len()
	if j.lim != nil && n > j.lim.elemsOf(name) {
		total = n
		n = j.lim.elemsOf(name)
	}
	flat := isScalar(v.Type().Elem())
	j.w.WriteByte('[')
	for i := range n {
		switch {
		case flat && i > 0:
			j.w.WriteString(", ")
		case !flat && i > 0:
			j.w.WriteByte(',')
			fallthrough
		case !flat:
			j.newline(indent + 1)
		}
		j.value(v.Index(i), "", indent+1)
	}
	if n > 0 && !flat {
		j.newline(indent)
	}
	j.w.WriteByte(']')
	return total
}

// isScalar reports whether values of t are neither objects nor arrays.
func isScalar(t reflect.Type) bool {
	for {
		switch {
		case isMaybe(t):
			t = t.Field(0).Type
		case t.Kind() == reflect.Pointer:
			t = t.Elem()
		default:
			switch t.Kind() {
			case reflect.Struct, reflect.Map, reflect.Slice, reflect.Array:
				return false
			}
			return true
		}
	}
}

// text writes a JSON string. Everything that is not printable is escaped, so that
// the document is harmless on a terminal too; invalid UTF-8 becomes U+FFFD.
func (j *jsonWriter) text(s string) {
	b := append(j.scratch[:0], '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
			continue
		case c >= ' ' && c < 0x7f:
			b = append(b, c)
			i++
			continue
		case c == '\n':
			b = append(b, `\n`...)
			i++
			continue
		case c == '\t':
			b = append(b, `\t`...)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		switch {
		case unicode.IsPrint(r):
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, hi, lo)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
		if len(b) >= 32<<10 { // a long text is not held twice
			j.w.Write(b)
			b = b[:0]
		}
	}
	b = append(b, '"')
	j.w.Write(b)
	j.scratch = b
}

// cutText shortens s to at most n bytes, on the border of a rune, and marks the cut.
func cutText(s string, n int) string {
	const mark = "…"
	if len(s) <= n {
		return s
	}
	n = max(0, n-len(mark))
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}
