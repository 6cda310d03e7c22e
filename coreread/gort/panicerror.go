package gort

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// knownErrorText returns what the Error method of the runtime's own errors, and
// of the plainest ones of the standard library, would return for the value in an
// interface's data word. known is false for every other type.
func (p *Process) knownErrorText(typ *exe.Type, data image.Addr) (text string, known bool, err error) {
	switch typ.String {
	case "runtime.errorString":
		text, err = p.panicString(data)
		return "runtime error: " + text, true, err
	case "runtime.plainError":
		text, err = p.panicString(data)
		return text, true, err
	case "runtime.errorAddressString":
		text, err = p.fieldText(typ, data, "msg")
		return "runtime error: " + text, true, err
	case "runtime.boundsError":
		text, err = p.boundsErrorText(typ, data)
		return text, true, err
	case "*runtime.TypeAssertionError":
		text, err = p.assertionErrorText(typ, data)
		return text, true, err
	case "*runtime.PanicNilError":
		return nilErrorTexts[p.layout.Has(layout.NilPanicIsRuntimeError)], true, nil
	case "*errors.errorString":
		text, err = p.pointedText(typ, data, "s")
		return text, true, err
	case "*fmt.wrapError", "*fmt.wrapErrors":
		text, err = p.pointedText(typ, data, "msg")
		return text, true, err
	}
	return "", false, nil
}

// nilErrorTexts are the texts of runtime.PanicNilError, by whether it says that
// it is an error of the runtime.
var nilErrorTexts = map[bool]string{
	false: "panic called with nil argument",
	true:  "runtime error: panic called with nil argument",
}

// fieldText reads the string field of the struct at a.
func (p *Process) fieldText(typ *exe.Type, a image.Addr, name string) (string, error) {
	f, err := fieldOf(typ, name, reflect.String)
	if err != nil {
		return "", err
	}
	return p.panicString(a + image.Addr(f.Offset))
}

// pointedText reads the string field of the struct that a pointer of type typ points to.
func (p *Process) pointedText(typ *exe.Type, a image.Addr, name string) (string, error) {
	elem, err := p.Exe.Types().At(typ.Elem)
	if err != nil {
		return "", err
	}
	return p.fieldText(elem, a, name)
}

func fieldOf(typ *exe.Type, name string, kind reflect.Kind) (exe.Field, error) {
	for _, f := range typ.Fields {
		if f.Name == name && f.Kind == kind {
			return f, nil
		}
	}
	return exe.Field{}, fmt.Errorf("type %s has no field %s of kind %s", typ.String, name, kind)
}

// Texts of runtime.boundsError by its code (internal/abi/bounds.go; before 1.25
// runtime/error.go): x is the index, y the limit. Conversions never have a negative x.
var (
	boundsTexts = []string{
		"index out of range [%x] with length %y",
		"slice bounds out of range [:%x] with length %y",
		"slice bounds out of range [:%x] with capacity %y",
		"slice bounds out of range [%x:%y]",
		"slice bounds out of range [::%x] with length %y",
		"slice bounds out of range [::%x] with capacity %y",
		"slice bounds out of range [:%x:%y]",
		"slice bounds out of range [%x:%y:]",
		"cannot convert slice with length %y to array or pointer to array with length %x",
	}
	negativeBoundsTexts = []string{
		"index out of range [%x]",
		"slice bounds out of range [:%x]",
		"slice bounds out of range [:%x]",
		"slice bounds out of range [%x:]",
		"slice bounds out of range [::%x]",
		"slice bounds out of range [::%x]",
		"slice bounds out of range [:%x:]",
		"slice bounds out of range [%x::]",
	}
	// Where a slice can only become a pointer to an array.
	oldConversionText = "cannot convert slice with length %y to pointer to array with length %x"
)

func (p *Process) boundsErrorText(typ *exe.Type, a image.Addr) (string, error) {
	c := p.Image.Cursor()
	var offsets [4]image.Addr
	for i, f := range []struct {
		name string
		kind reflect.Kind
	}{{"x", reflect.Int64}, {"y", reflect.Int}, {"signed", reflect.Bool}, {"code", reflect.Uint8}} {
		field, err := fieldOf(typ, f.name, f.kind)
		if err != nil {
			return "", err
		}
		offsets[i] = a + image.Addr(field.Offset)
	}
	x, y := c.Int64(offsets[0]), c.Int64(offsets[1])
	signed, code := c.Uint8(offsets[2]) != 0, int(c.Uint8(offsets[3]))
	if c.Err() != nil {
		return "", c.Err()
	}
	texts := boundsTexts
	if signed && x < 0 {
		texts = negativeBoundsTexts
	}
	if code >= len(texts) {
		return "", fmt.Errorf("bounds error at %v has the unknown code %d", a, code)
	}
	text := texts[code]
	if code == len(boundsTexts)-1 && !p.layout.Has(layout.SlicesConvertToArrays) {
		text = oldConversionText
	}
	index := strconv.FormatInt(x, 10)
	if !signed {
		index = strconv.FormatUint(uint64(x), 10)
	}
	return "runtime error: " + strings.NewReplacer("%x", index, "%y", strconv.FormatInt(y, 10)).Replace(text), nil
}

// assertionErrorText is runtime.TypeAssertionError's text, for the error at a.
func (p *Process) assertionErrorText(typ *exe.Type, a image.Addr) (string, error) {
	elem, err := p.Exe.Types().At(typ.Elem)
	if err != nil {
		return "", err
	}
	var types [3]*exe.Type // the interface, what was in it, what it should be
	for i, name := range []string{"_interface", "concrete", "asserted"} {
		f, err := fieldOf(elem, name, reflect.Pointer)
		if err != nil {
			return "", err
		}
		at, err := p.Image.Addr(a + image.Addr(f.Offset))
		if err != nil {
			return "", err
		}
		if at != 0 {
			if types[i], err = p.typeAt(at); err != nil {
				return "", err
			}
		}
	}
	missing, err := p.fieldText(elem, a, "missingMethod")
	if err != nil {
		return "", err
	}
	inter, concrete, asserted := "interface", types[1], types[2]
	if types[0] != nil {
		inter = types[0].String
	}
	switch {
	case asserted == nil:
		return "", fmt.Errorf("type assertion error at %v has no asserted type", a)
	case concrete == nil:
		return fmt.Sprintf("interface conversion: %s is nil, not %s", inter, asserted.String), nil
	case missing != "":
		return fmt.Sprintf("interface conversion: %s is not %s: missing method %s", concrete.String, asserted.String, missing), nil
	}
	text := fmt.Sprintf("interface conversion: %s is %s, not %s", inter, concrete.String, asserted.String)
	switch {
	case concrete.String != asserted.String:
		return text, nil
	case concrete.PkgPath != asserted.PkgPath:
		return text + " (types from different packages)", nil
	}
	return text + " (types from different scopes)", nil
}
