package user

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder reads the nodes of one file; what is wrong with them goes to its problems.
type decoder struct {
	*source
	problems
}

// mapping calls the function of each key, and tells of keys that have none or come
// twice.
func (d *decoder) mapping(n *yaml.Node, what string, keys map[string]func(*yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.add(d.at(n), "%s is a mapping of keys to values, not %s", what, kindOf(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := keys[key.Value]
		switch {
		case !ok:
			d.add(d.at(key), "%s has no key %q%s", what, key.Value, closest(key.Value, slices.Sorted(maps.Keys(keys))))
		case seen[key.Value]:
			d.add(d.at(key), "the key %q comes twice", key.Value)
		case value.Kind == yaml.AliasNode:
			d.add(d.at(value), "aliases are not taken: write it out")
		default:
			read(value)
		}
		seen[key.Value] = true
	}
}

// sequence calls f for each element.
func (d *decoder) sequence(n *yaml.Node, what string, f func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		d.add(d.at(n), "%s is a list, not %s", what, kindOf(n))
		return
	}
	for _, e := range n.Content {
		if e.Kind == yaml.AliasNode {
			d.add(d.at(e), "aliases are not taken: write it out")
			continue
		}
		f(e)
	}
}

// text reads a text that is not empty; nil and a problem when it is none.
func (d *decoder) text(n *yaml.Node, what string) *scalar {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || n.Value == "" {
		d.add(d.at(n), "%s is a text, not %s", what, kindOf(n))
		return nil
	}
	return d.scalar(n)
}

// textInto reads a text that is not empty into *s.
func (d *decoder) textInto(s **scalar, what string) func(*yaml.Node) {
	return func(n *yaml.Node) { *s = d.text(n, what) }
}

// truth reads true or false.
func (d *decoder) truth(n *yaml.Node, what string) bool {
	b, err := strconv.ParseBool(n.Value)
	if err != nil || n.ShortTag() != "!!bool" {
		d.add(d.at(n), "%s is true or false, not %s", what, kindOf(n))
	}
	return b
}

// one reads one of a few words.
func one[T ~string](d *decoder, n *yaml.Node, what string, words ...T) T {
	var known []string
	for _, w := range words {
		if n.Kind == yaml.ScalarNode && n.Value == string(w) {
			return w
		}
		known = append(known, string(w))
	}
	d.add(d.at(n), "%s is one of %s, not %s", what, strings.Join(known, ", "), kindOf(n))
	return ""
}

// kindOf says what a node is.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	if n.ShortTag() == "!!null" || n.Value == "" {
		return "nothing"
	}
	return strconv.Quote(n.Value)
}
