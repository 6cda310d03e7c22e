package user

import (
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"postmortem/analyzer/facts"
)

// hidden are the keys of the document that rules themselves decide.
var hidden = []string{"verdict", "signature", "rules", "findings"}

// vocabulary are the types of the document, as expressions see them: one object type
// per struct of facts, its fields by their JSON keys.
//
// A whole number is an int, whatever its width; a machine word a string, as in JSON. A
// Maybe and a pointer to a scalar can be null, and so can an object. A list or map that
// is null has no value: it is unknown to whoever reads it, and has() tells.
type vocabulary struct {
	*types.Registry
	structs map[string]*structType       // by name
	byGo    map[reflect.Type]*structType // by the Go type
}

// structType is one struct of facts.
type structType struct {
	name   string
	goType reflect.Type
	keys   []string // in the order of the document
	fields map[string]*types.FieldType
}

// words is the vocabulary of documents.
var words = sync.OnceValue(func() *vocabulary {
	v := &vocabulary{Registry: types.NewEmptyRegistry(), structs: map[string]*structType{}, byGo: map[reflect.Type]*structType{}}
	v.add(reflect.TypeFor[facts.Document]())
	return v
})

var (
	wordType  = reflect.TypeFor[facts.Word]()
	factsPath = wordType.PkgPath()
)

// isMaybe reports whether t is some facts.Maybe.
func isMaybe(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == factsPath && strings.HasPrefix(t.Name(), "Maybe[")
}

// add enters a struct and all that it is made of.
func (v *vocabulary) add(t reflect.Type) *structType {
	if s, ok := v.byGo[t]; ok {
		return s
	}
	s := &structType{name: path.Base(t.PkgPath()) + "." + t.Name(), goType: t, fields: map[string]*types.FieldType{}}
	v.byGo[t], v.structs[s.name] = s, s
	for i := range t.NumField() {
		key := t.Field(i).Tag.Get("json")
		s.keys = append(s.keys, key)
		s.fields[key] = &types.FieldType{
			Type:    v.typeOf(t.Field(i).Type),
			IsSet:   func(of any) bool { f, ok := fieldOf(of, t, i); return ok && known(f) },
			GetFrom: func(of any) (any, error) { return getField(of, t, i) },
		}
	}
	return s
}

// typeOf is the type that values of a Go type have in expressions.
func (v *vocabulary) typeOf(t reflect.Type) *types.Type {
	switch {
	case t == wordType:
		return types.StringType
	case isMaybe(t):
		return types.NewNullableType(v.typeOf(t.Field(0).Type))
	}
	switch t.Kind() {
	case reflect.Bool:
		return types.BoolType
	case reflect.String:
		return types.StringType
	case reflect.Float32, reflect.Float64:
		return types.DoubleType
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return types.IntType
	case reflect.Pointer:
		if t.Elem().Kind() == reflect.Struct {
			return v.typeOf(t.Elem())
		}
		return types.NewNullableType(v.typeOf(t.Elem()))
	case reflect.Slice, reflect.Array:
		return types.NewListType(v.typeOf(t.Elem()))
	case reflect.Map:
		return types.NewMapType(types.StringType, v.typeOf(t.Elem()))
	case reflect.Struct:
		return types.NewObjectType(v.add(t).name)
	}
	panic(fmt.Sprintf("a document cannot hold a %s", t))
}

// variables are the keys of the document that expressions may use.
func (v *vocabulary) variables() []cel.EnvOption {
	var options []cel.EnvOption
	doc := v.byGo[reflect.TypeFor[facts.Document]()]
	for _, key := range doc.keys {
		if !slices.Contains(hidden, key) {
			options = append(options, cel.Variable(key, doc.fields[key].Type))
		}
	}
	return options
}

// FindStructType implements types.Provider.
func (v *vocabulary) FindStructType(name string) (*types.Type, bool) {
	if _, ok := v.structs[name]; !ok {
		return v.Registry.FindStructType(name)
	}
	return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
}

// FindStructFieldNames implements types.Provider.
func (v *vocabulary) FindStructFieldNames(name string) ([]string, bool) {
	s, ok := v.structs[name]
	if !ok {
		return nil, false
	}
	return slices.Sorted(maps.Keys(s.fields)), true
}

// FindStructFieldType implements types.Provider.
func (v *vocabulary) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	s, ok := v.structs[name]
	if !ok {
		return nil, false
	}
	f, ok := s.fields[field]
	return f, ok
}

// NewValue implements types.Provider: expressions make no facts.
func (v *vocabulary) NewValue(name string, _ map[string]ref.Val) ref.Val {
	return types.NewErr("%s cannot be made", name)
}

// NativeToValue implements types.Adapter.
func (v *vocabulary) NativeToValue(value any) ref.Val {
	switch value := value.(type) {
	case ref.Val:
		return value
	case reflect.Value:
		return valueOf(value)
	}
	return types.DefaultTypeAdapter.NativeToValue(value)
}
