package user

import (
	"errors"
	"fmt"
	"math"
	"reflect"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"postmortem/analyzer/facts"
)

// errUnknown is what an expression meets that reads what the document does not know.
var errUnknown = errors.New("is null, which is unknown")

// fieldOf is the i-th field of a value of struct type t; ok is false where that is null.
func fieldOf(of any, t reflect.Type, i int) (_ reflect.Value, ok bool) {
	v := reflect.ValueOf(of)
	if v.Kind() != reflect.Pointer || v.Type().Elem() != t || v.IsNil() {
		return reflect.Value{}, false
	}
	return v.Elem().Field(i), true
}

// getField is the value of a field; that of null is null. A list or map that is null
// has no value: the type check lets nobody compare it with null.
func getField(of any, t reflect.Type, i int) (any, error) {
	f, ok := fieldOf(of, t, i)
	switch k := t.Field(i).Type.Kind(); {
	case (k == reflect.Slice || k == reflect.Map || k == reflect.Array) && (!ok || k != reflect.Array && f.IsNil()):
		return nil, fmt.Errorf("%q %w", t.Field(i).Tag.Get("json"), errUnknown)
	case !ok:
		return types.NullValue, nil
	}
	return valueOf(f), nil
}

// known reports whether a field is not null.
func known(f reflect.Value) bool {
	switch {
	case isMaybe(f.Type()):
		return f.Field(1).Bool()
	case f.Kind() == reflect.Pointer, f.Kind() == reflect.Slice, f.Kind() == reflect.Map:
		return !f.IsNil()
	}
	return true
}

// valueOf is a Go value of the document as expressions see it. Objects and lists are
// looked into when they are used.
func valueOf(v reflect.Value) ref.Val {
	switch {
	case v.Type() == wordType:
		return types.String(fmt.Sprintf("%#x", v.Uint()))
	case isMaybe(v.Type()):
		if !v.Field(1).Bool() {
			return types.NullValue
		}
		return valueOf(v.Field(0))
	}
	switch v.Kind() {
	case reflect.Bool:
		return types.Bool(v.Bool())
	case reflect.String:
		return types.String(v.String())
	case reflect.Float32, reflect.Float64:
		return types.Double(v.Float())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return types.Int(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if v.Uint() > math.MaxInt64 {
			return types.NewErr("%d is too large a number", v.Uint())
		}
		return types.Int(v.Uint())
	case reflect.Pointer:
		if v.IsNil() {
			return types.NullValue
		}
		if v.Type().Elem().Kind() == reflect.Struct {
			return &object{v}
		}
		return valueOf(v.Elem())
	case reflect.Struct:
		if !v.CanAddr() { // of a map
			held := reflect.New(v.Type())
			held.Elem().Set(v)
			return &object{held}
		}
		return &object{v.Addr()}
	case reflect.Slice, reflect.Array:
		return &list{v}
	case reflect.Map:
		m := make(map[ref.Val]ref.Val, v.Len())
		for it := v.MapRange(); it.Next(); {
			m[types.String(it.Key().String())] = valueOf(it.Value())
		}
		return types.NewRefValMap(types.DefaultTypeAdapter, m)
	}
	return types.NewErr("a document cannot hold a %s", v.Type())
}

// object is a struct of the document.
type object struct{ pointer reflect.Value }

func (o *object) of() *structType { return words().byGo[o.pointer.Type().Elem()] }

// ConvertToNative implements ref.Val.
func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	if t == o.pointer.Type() {
		return o.pointer.Interface(), nil
	}
	return nil, fmt.Errorf("%s cannot be made a %s", o.of().name, t)
}

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return types.NewObjectType(o.of().name)
	}
	return types.NewErr("%s cannot be made a %s", o.of().name, t)
}

// Equal implements ref.Val: objects are equal in all that they hold.
func (o *object) Equal(other ref.Val) ref.Val {
	p, ok := other.(*object)
	return types.Bool(ok && (o.pointer == p.pointer || reflect.DeepEqual(o.pointer.Interface(), p.pointer.Interface())))
}

// Type implements ref.Val.
func (o *object) Type() ref.Type { return types.NewObjectType(o.of().name) }

// Value implements ref.Val.
func (o *object) Value() any { return o.pointer.Interface() }

// list is a slice or array of the document.
type list struct{ elements reflect.Value }

func (l *list) all() traits.Lister {
	elements := make([]ref.Val, l.elements.Len())
	for i := range elements {
		elements[i] = valueOf(l.elements.Index(i))
	}
	return types.NewRefValList(types.DefaultTypeAdapter, elements)
}

// Add implements traits.Adder.
func (l *list) Add(other ref.Val) ref.Val { return l.all().Add(other) }

// Contains implements traits.Container.
func (l *list) Contains(v ref.Val) ref.Val {
	for i := range l.elements.Len() {
		if valueOf(l.elements.Index(i)).Equal(v) == types.True {
			return types.True
		}
	}
	return types.False
}

// ConvertToNative implements ref.Val.
func (l *list) ConvertToNative(t reflect.Type) (any, error) { return l.all().ConvertToNative(t) }

// ConvertToType implements ref.Val.
func (l *list) ConvertToType(t ref.Type) ref.Val {
	if t == types.ListType {
		return l
	}
	return l.all().ConvertToType(t)
}

// Equal implements ref.Val.
func (l *list) Equal(other ref.Val) ref.Val { return l.all().Equal(other) }

// Get implements traits.Indexer.
func (l *list) Get(index ref.Val) ref.Val {
	i, ok := index.(types.Int)
	if !ok || i < 0 || int64(i) >= int64(l.elements.Len()) {
		return types.NewErr("there is no element %v", index)
	}
	return valueOf(l.elements.Index(int(i)))
}

// Iterator implements traits.Iterable.
func (l *list) Iterator() traits.Iterator { return &iterator{of: l} }

// Size implements traits.Sizer.
func (l *list) Size() ref.Val { return types.Int(l.elements.Len()) }

// Type implements ref.Val.
func (l *list) Type() ref.Type { return types.ListType }

// Value implements ref.Val.
func (l *list) Value() any { return l.elements.Interface() }

// iterator goes over a list once.
type iterator struct {
	ref.Val // never used
	of      *list
	next    int
}

// HasNext implements traits.Iterator.
func (it *iterator) HasNext() ref.Val { return types.Bool(it.next < it.of.elements.Len()) }

// Next implements traits.Iterator.
func (it *iterator) Next() ref.Val {
	v := it.of.Get(types.Int(it.next))
	it.next++
	return v
}

// activation gives expressions the document's keys, and to each its element.
type activation struct {
	doc  *facts.Document
	each ref.Val // nil outside of for_each
}

// ResolveName implements cel.Activation.
func (a *activation) ResolveName(name string) (any, bool) {
	if name == eachVariable && a.each != nil {
		return a.each, true
	}
	s := words().byGo[reflect.TypeFor[facts.Document]()]
	f, ok := s.fields[name]
	if !ok {
		return nil, false
	}
	v, err := f.GetFrom(a.doc)
	if err != nil {
		return types.WrapErr(err), true
	}
	return v, true
}

// Parent implements cel.Activation.
func (a *activation) Parent() cel.Activation { return nil }
