package gort

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// printStyle is how the runtime of a Go version prints the value of a panic:
// printpanicval and printanycustomtype (runtime/error.go), printfloat and
// printcomplex (runtime/print.go).
type printStyle struct {
	indent       bool // the lines after a text's first begin with a tab
	shortFloats  bool // floats as strconv writes them, not with seven digits always
	onceRepanic  bool // a value that was recovered and panicked again is printed once
	strictRepeat bool // and its mark needs the panic to be recovered as well
}

func (p *Process) printStyle() printStyle {
	return printStyle{
		indent:       p.layout.Has(layout.PanicLinesIndented),
		onceRepanic:  p.layout.Has(layout.RepanicPrintedOnce),
		shortFloats:  p.layout.Has(layout.ShortFloats),
		strictRepeat: p.layout.Has(layout.RepanicNeedsRecover),
	}
}

// eface is an interface value without methods: its dynamic type and its data word.
type eface struct {
	typ, data image.Addr
}

// maxPanicText bounds the text of one panic value, in bytes.
const maxPanicText = 1 << 16

// uncalledMethodError says that a value prints as its Error or String method
// returns, and that nobody has called it before the process ended.
type uncalledMethodError struct{ typ string }

func (e *uncalledMethodError) Error() string {
	return "the runtime had not yet asked the value of type " + e.typ + " for its text"
}

// panicText renders v as the runtime prints it behind "panic: ". asked says
// that the runtime has already replaced errors and Stringers by their text.
func (p *Process) panicText(v eface, asked bool) (string, error) {
	if v.typ == 0 {
		return "nil", nil
	}
	typ, err := p.typeAt(v.typ)
	if err != nil {
		return "", err
	}
	style := p.printStyle()
	if predeclared(typ) {
		return p.basicText(typ.Kind, v.data, style)
	}
	if !asked {
		text, known, err := p.knownErrorText(typ, v.data)
		if err != nil {
			return "", err
		}
		if !known {
			return "", &uncalledMethodError{typ.String}
		}
		return style.text(text), nil
	}
	if !basic(typ.Kind) {
		return fmt.Sprintf("(%s) %#x", typ.String, uint64(v.data)), nil
	}
	text, err := p.basicText(typ.Kind, v.data, style)
	if err != nil {
		return "", err
	}
	switch typ.Kind {
	case reflect.String:
		return typ.String + `("` + text + `")`, nil
	case reflect.Complex64, reflect.Complex128:
		return typ.String + text, nil // a complex number brings its own parentheses
	}
	return typ.String + "(" + text + ")", nil
}

// typeAt returns the type whose descriptor the process had at a. Types made
// while the process ran have none in the binary.
func (p *Process) typeAt(a image.Addr) (*exe.Type, error) {
	return p.Exe.Types().At(p.static(a))
}

// basic reports whether the runtime prints the values of a kind, and not just their address.
func basic(k reflect.Kind) bool {
	return k >= reflect.Bool && k <= reflect.Complex128 || k == reflect.String
}

// predeclared reports whether t is a basic type itself and not one that is named after it.
func predeclared(t *exe.Type) bool { return basic(t.Kind) && t.String == t.Kind.String() }

// text is how a string is printed.
func (s printStyle) text(v string) string {
	if s.indent {
		return strings.ReplaceAll(v, "\n", "\n\t")
	}
	return v
}

// basicText renders the basic value at a.
func (p *Process) basicText(k reflect.Kind, a image.Addr, style printStyle) (string, error) {
	if k == reflect.String {
		s, err := p.panicString(a)
		return style.text(s), err
	}
	c := p.Image.Cursor()
	var text string
	switch k {
	case reflect.Bool:
		text = strconv.FormatBool(c.Uint8(a) != 0)
	case reflect.Int8:
		text = strconv.FormatInt(int64(int8(c.Uint8(a))), 10)
	case reflect.Int16:
		text = strconv.FormatInt(int64(int16(c.Uint16(a))), 10)
	case reflect.Int32:
		text = strconv.FormatInt(int64(c.Int32(a)), 10)
	case reflect.Int, reflect.Int64:
		text = strconv.FormatInt(c.Int64(a), 10)
	case reflect.Uint8:
		text = strconv.FormatUint(uint64(c.Uint8(a)), 10)
	case reflect.Uint16:
		text = strconv.FormatUint(uint64(c.Uint16(a)), 10)
	case reflect.Uint32:
		text = strconv.FormatUint(uint64(c.Uint32(a)), 10)
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		text = strconv.FormatUint(c.Uint64(a), 10)
	case reflect.Float32:
		text = style.float(float64(math.Float32frombits(c.Uint32(a))), 32)
	case reflect.Float64:
		text = style.float(math.Float64frombits(c.Uint64(a)), 64)
	case reflect.Complex64:
		text = style.complex(complex(float64(math.Float32frombits(c.Uint32(a))), float64(math.Float32frombits(c.Uint32(a+4)))), 64)
	case reflect.Complex128:
		text = style.complex(complex(math.Float64frombits(c.Uint64(a)), math.Float64frombits(c.Uint64(a+8))), 128)
	}
	return text, c.Err()
}

// panicString reads the text whose header is at a.
func (p *Process) panicString(a image.Addr) (string, error) {
	c := p.Image.Cursor()
	data, n := c.Addr(a), c.Uint64(a+8)
	if c.Err() != nil {
		return "", c.Err()
	}
	if n > maxPanicText {
		return "", fmt.Errorf("text of a panic at %v has %d bytes, more than the %d that are shown", data, n, maxPanicText)
	}
	b, err := p.Image.Bytes(data, n)
	return string(b), err
}

func (s printStyle) float(v float64, bits int) string {
	if s.shortFloats {
		return strconv.FormatFloat(v, 'g', -1, bits)
	}
	return sevenDigits(v)
}

func (s printStyle) complex(v complex128, bits int) string {
	if s.shortFloats {
		return strconv.FormatComplex(v, 'g', -1, bits)
	}
	return "(" + sevenDigits(real(v)) + sevenDigits(imag(v)) + "i)"
}

// sevenDigits prints v as print did until Go 1.25: a sign, seven significant
// digits and an exponent of at least three. The scaling and the rounding go
// through the same float64 operations as the runtime's, because their errors
// reach the last digit.
func sevenDigits(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	}
	const digits = 7
	sign, exponent := byte('+'), 0
	if math.Signbit(v) {
		sign, v = '-', -v
	}
	if v != 0 {
		for ; v >= 10; v /= 10 {
			exponent++
		}
		for ; v < 1; v *= 10 {
			exponent--
		}
		half := 5.0
		for range digits {
			half /= 10
		}
		if v += half; v >= 10 {
			exponent++
			v /= 10
		}
	}
	text := []byte{sign}
	for i := range digits {
		digit := int(v)
		text = append(text, byte('0'+digit))
		if i == 0 {
			text = append(text, '.')
		}
		v = (v - float64(digit)) * 10
	}
	if exponent < 0 {
		return fmt.Sprintf("%se-%03d", text, -exponent)
	}
	return fmt.Sprintf("%se+%03d", text, exponent)
}
