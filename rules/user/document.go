package user

import (
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"

	"postmortem/analyzer/facts"
)

// document reads the facts of an example: the JSON document as YAML, of which only
// what the rule looks at needs to be there. What is not there is unknown.
func (d *decoder) document(n *yaml.Node) *facts.Document {
	doc := &facts.Document{Schema: facts.Schema}
	d.fill(n, reflect.ValueOf(doc).Elem(), "the document")
	return doc
}

// fill sets v, called what in messages, from a node.
func (d *decoder) fill(n *yaml.Node, v reflect.Value, what string) {
	null := n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
	switch {
	case isMaybe(v.Type()):
		if !null {
			d.fill(n, v.Field(0), what)
			v.Field(1).SetBool(true)
		}
		return
	case v.Type() == wordType:
		word := v.Addr().Interface().(*facts.Word)
		if n.Kind != yaml.ScalarNode || word.UnmarshalJSON([]byte(`"`+n.Value+`"`)) != nil {
			d.add(d.at(n), "%s is a machine word like \"0xc000012345\", not %s", what, kindOf(n))
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !null {
			v.Set(reflect.New(v.Type().Elem()))
			d.fill(n, v.Elem(), what)
		}
	case reflect.Slice:
		if null {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 0, len(n.Content)))
		d.sequence(n, what, func(n *yaml.Node) {
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
			d.fill(n, v.Index(v.Len()-1), what+"'s element")
		})
	case reflect.Array:
		i := 0
		d.sequence(n, what, func(n *yaml.Node) {
			if i < v.Len() {
				d.fill(n, v.Index(i), what+"'s element")
			}
			i++
		})
		if n.Kind == yaml.SequenceNode && i != v.Len() {
			d.add(d.at(n), "%s has %d elements, not %d", what, v.Len(), i)
		}
	case reflect.Map:
		if !null {
			d.fillMap(n, v, what)
		}
	case reflect.Struct:
		keys := map[string]func(*yaml.Node){}
		for i := range v.NumField() {
			key := v.Type().Field(i).Tag.Get("json")
			keys[key] = func(n *yaml.Node) { d.fill(n, v.Field(i), key) }
		}
		d.mapping(n, what, keys)
	default:
		if n.Kind != yaml.ScalarNode || null || n.Decode(v.Addr().Interface()) != nil {
			d.add(d.at(n), "%s is a %s, not %s", what, strings.TrimRight(v.Kind().String(), "0123456789"), kindOf(n))
		}
	}
}

func (d *decoder) fillMap(n *yaml.Node, v reflect.Value, what string) {
	if n.Kind != yaml.MappingNode {
		d.add(d.at(n), "%s is a mapping of keys to values, not %s", what, kindOf(n))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for i := 0; i+1 < len(n.Content); i += 2 {
		element := reflect.New(v.Type().Elem()).Elem()
		d.fill(n.Content[i+1], element, what+"'s "+n.Content[i].Value)
		v.SetMapIndex(reflect.ValueOf(n.Content[i].Value).Convert(v.Type().Key()), element)
	}
}
