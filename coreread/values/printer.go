package values

import (
	"fmt"
	"go/constant"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-delve/delve/pkg/proc"
)

// printer writes one variable that Delve has loaded as one line of text.
//
//	42  1.5  true  "text"  0x4f2 (uintptr)  1.5s (time.Duration)  2026-01-02T03:04:05Z (time.Time)
//	{Field: 1, …2 more}                a struct; {…} below the depth limit
//	[1, 2]  len 2 cap 4 [1, 2]         an array, a slice
//	len 1 {"key": 1}                   a map, sorted by key
//	0xc000012345 &{Field: 1}           a pointer and what it points to; the address alone when that has been shown
//	main.T{Field: 1}  *main.T(nil)     what an interface holds
//	0xc000012345 len 1 cap 2           a channel
//	main.work.func1 {captured: 1}      a function
type printer struct {
	limits  Limits
	mem     *memory
	seen    map[shown]bool
	missing []span // addresses of pieces of the variable that have no place
	b       strings.Builder
	left    int // bytes that may still be written, the closing "…" not counted
	cut     bool
}

func (p *printer) text() string { return p.b.String() }

// write appends s, or what fits of it and a "…", after which everything is dropped.
func (p *printer) write(s string) {
	if p.cut {
		return
	}
	if len(s) > p.left {
		p.cut = true
		s = wholeRunes(s[:p.left]) + ellipsis
	}
	p.left -= len(s)
	p.b.WriteString(s)
}

func (p *printer) writef(format string, args ...any) { p.write(fmt.Sprintf(format, args...)) }

const (
	ellipsis    = "…"
	partLost    = "(optimised away)"
	notFollowed = "{…}"
)

// value writes v.
func (p *printer) value(v *proc.Variable) {
	switch {
	case p.cut:
		return
	case p.lacks(v):
		p.write(partLost)
		return
	case v.Unreadable != nil:
		p.unreadable(v.Unreadable)
		return
	}
	switch v.Kind {
	case reflect.Struct:
		p.structure(v)
	case reflect.Array:
		p.elements(v)
	case reflect.Slice:
		p.slice(v)
	case reflect.Map:
		p.mapping(v)
	case reflect.Ptr:
		p.pointer(v)
	case reflect.UnsafePointer:
		p.address(pointee(v))
	case reflect.Interface:
		p.iface(v)
	case reflect.Chan:
		p.channel(v)
	case reflect.Func:
		p.function(v)
	default:
		p.scalar(v)
	}
}

func (p *printer) unreadable(err error) { p.write("(unreadable: " + reason(err) + ")") }

// lacks is true when v, or the part of it that its text rests on, has no place.
func (p *printer) lacks(v *proc.Variable) bool {
	if len(p.missing) == 0 || v.RealType == nil || v.RealType.Size() <= 0 {
		return false
	}
	size := uint64(v.RealType.Size())
	whole := v.Kind == reflect.Struct || v.Kind == reflect.Array // their parts are asked for one by one
	if v.Kind == reflect.Slice {
		size = size / 3 * 2 // without the capacity, which is shown only where it is known
	}
	end := v.Addr + size
	covered := uint64(0)
	for _, s := range p.missing {
		if s.start < end && v.Addr < s.end {
			covered += min(s.end, end) - max(s.start, v.Addr)
		}
	}
	return covered > 0 && (!whole || covered >= size)
}

func (p *printer) structure(v *proc.Variable) {
	if at, ok := wallClock(v); ok {
		p.write(at)
		return
	}
	if len(v.Children) == 0 && v.Len > 0 {
		p.write(notFollowed)
		return
	}
	p.fields(v.Children, v.Len)
}

func (p *printer) fields(fields []proc.Variable, total int64) {
	p.write("{")
	for i := range fields {
		if i > 0 {
			p.write(", ")
		}
		p.write(printable(fields[i].Name, maxType) + ": ")
		p.value(&fields[i])
	}
	p.more(len(fields), total)
	p.write("}")
}

// more says how many of total are not among the shown ones.
func (p *printer) more(shown int, total int64) {
	if int64(shown) < total {
		if shown > 0 {
			p.write(", ")
		}
		p.writef("…%d more", total-int64(shown))
	}
}

func (p *printer) elements(v *proc.Variable) {
	p.write("[")
	written := 0
	for i := range v.Children {
		if i > 0 {
			p.write(", ")
		}
		p.value(&v.Children[i])
		written++
		if v.Children[i].Unreadable != nil {
			break // the next ones are no better
		}
	}
	p.more(written, v.Len)
	p.write("]")
}

func (p *printer) slice(v *proc.Variable) {
	if v.Base == 0 && v.Len == 0 {
		p.write("nil")
		return
	}
	p.writef("len %d ", v.Len)
	if v.Cap != v.Len && !p.lacksCap(v) {
		p.writef("cap %d ", v.Cap)
	}
	if len(v.Children) > 0 && v.Children[0].Kind == reflect.Uint && v.Children[0].RealType.Size() == 1 {
		p.bytes(v)
		return
	}
	p.elements(v)
}

// lacksCap is true when the capacity, the last word of the slice, has no place.
func (p *printer) lacksCap(v *proc.Variable) bool {
	size := uint64(v.RealType.Size())
	for _, s := range p.missing {
		if s.start < v.Addr+size && v.Addr+size/3*2 < s.end {
			return true
		}
	}
	return false
}

// bytes writes the content of a []byte as a string: Delve would load it one variable per byte.
func (p *printer) bytes(v *proc.Variable) {
	buf := make([]byte, min(v.Len, int64(p.limits.StringBytes)))
	if _, err := p.mem.ReadMemory(buf, v.Base); err != nil {
		p.unreadable(err)
		return
	}
	p.write(quoted(string(buf), v.Len))
}

// pointee returns the address that a loaded pointer holds.
func pointee(v *proc.Variable) uint64 {
	if len(v.Children) == 0 {
		return 0
	}
	return v.Children[0].Addr
}

func (p *printer) address(addr uint64) {
	if addr == 0 {
		p.write("nil")
		return
	}
	p.writef("%#x", addr)
}

func (p *printer) pointer(v *proc.Variable) {
	addr := pointee(v)
	p.address(addr)
	if addr == 0 || v.Children[0].OnlyAddr {
		return
	}
	target := &v.Children[0]
	typ := target.TypeString()
	// All pointers have one shape: the pointer of a generic function's shape type points to something else.
	if strings.Contains(typ, "go.shape.") || strings.Contains(v.TypeString(), "go.shape.*") {
		return
	}
	if target.Kind == reflect.Invalid || target.Kind == reflect.Struct && len(target.Children) == 0 && target.Len > 0 {
		return
	}
	key := shown{addr, typ}
	if p.seen[key] {
		return
	}
	p.seen[key] = true
	p.write(" &")
	p.value(target)
}

func (p *printer) iface(v *proc.Variable) {
	if len(v.Children) == 0 {
		p.write(notFollowed)
		return
	}
	held := &v.Children[0]
	if held.Kind == reflect.Invalid && held.Addr == 0 {
		p.write("nil")
		return
	}
	p.write(printable(held.TypeString(), maxType))
	switch {
	case held.OnlyAddr:
		p.write(notFollowed)
	case held.Kind == reflect.Struct:
		p.value(held)
	default:
		p.write("(")
		p.value(held)
		p.write(")")
	}
}

func (p *printer) channel(v *proc.Variable) {
	p.address(v.Base)
	if v.Base == 0 {
		return
	}
	for _, part := range []struct{ field, label string }{{"qcount", "len"}, {"dataqsiz", "cap"}} {
		if n, ok := number(v.Children, part.field); ok {
			p.write(" " + part.label + " " + n)
		}
	}
	if n, ok := number(v.Children, "closed"); ok && n != "0" {
		p.write(" closed")
	}
}

// number returns the integer field of that name.
func number(fields []proc.Variable, name string) (string, bool) {
	for i := range fields {
		f := &fields[i]
		if f.Name == name && f.Unreadable == nil && f.Value != nil && f.Value.Kind() == constant.Int {
			return f.Value.ExactString(), true
		}
	}
	return "", false
}

func (p *printer) function(v *proc.Variable) {
	if v.Base == 0 {
		p.write("nil")
		return
	}
	name := ""
	if v.Value != nil && v.Value.Kind() == constant.String {
		name = constant.StringVal(v.Value)
	}
	p.write(printable(name, maxType))
	if len(v.Children) > 0 {
		p.write(" ")
		p.fields(v.Children, v.Len)
	}
}

func (p *printer) scalar(v *proc.Variable) {
	if v.Value == nil {
		p.write("…")
		return
	}
	switch v.Kind {
	case reflect.String:
		p.write(quoted(constant.StringVal(v.Value), v.Len))
	case reflect.Float32, reflect.Float64:
		p.float(v)
	case reflect.Complex64, reflect.Complex128:
		p.complex(v)
	case reflect.Uint:
		if v.RealType.Common().Name == "uintptr" {
			n, _ := constant.Uint64Val(v.Value)
			p.writef("%#x", n)
			return
		}
		p.integer(v)
	case reflect.Int:
		p.integer(v)
	default:
		p.write(printable(v.Value.ExactString(), maxReason))
	}
}

func (p *printer) integer(v *proc.Variable) {
	if n, ok := constant.Int64Val(v.Value); ok && v.TypeString() == "time.Duration" {
		p.write(duration(n))
		return
	}
	p.write(v.Value.ExactString())
	if name := v.ConstDescr(); name != "" {
		p.write(" (" + printable(name, maxReason) + ")")
	}
}

func (p *printer) float(v *proc.Variable) {
	switch v.FloatSpecial {
	case proc.FloatIsNaN:
		p.write("NaN")
		return
	case proc.FloatIsPosInf:
		p.write("+Inf")
		return
	case proc.FloatIsNegInf:
		p.write("-Inf")
		return
	}
	f, _ := constant.Float64Val(v.Value)
	p.write(strconv.FormatFloat(f, 'g', -1, int(v.RealType.Size())*8))
}

func (p *printer) complex(v *proc.Variable) {
	if v.Value.Kind() == constant.Unknown { // a part is NaN or infinite, which Delve drops
		p.write("(not finite)")
		return
	}
	re, _ := constant.Float64Val(constant.Real(v.Value))
	im, _ := constant.Float64Val(constant.Imag(v.Value))
	p.write(strconv.FormatComplex(complex(re, im), 'g', -1, int(v.RealType.Size())*8))
}
