package values

import (
	"strconv"
	"strings"

	"github.com/go-delve/delve/pkg/dwarf/godwarf"
	"github.com/go-delve/delve/pkg/proc"
)

// span is a range of addresses or offsets; the end is exclusive.
type span struct{ start, end uint64 }

// location is where the compiler says that a variable is.
type location struct {
	known     bool // false: it has none here
	list      bool // from a location list: it may move, and may be in pieces
	escaped   bool // the location of a pointer to the variable, which is on the heap
	registers bool // some of it is in a register
	pieces    []piece
}

// piece is a part of a variable, in the order of the parts.
type piece struct {
	size   uint64
	placed bool
}

// locationOf takes a location expression apart, which Delve tells as text only:
// "[0x1f:0x4a3b20] DW_OP_reg0(Rax) DW_OP_piece 0x8 DW_OP_piece 0x8 (escaped)"; "[block] …" when it is no list.
func locationOf(v *proc.Variable) location {
	expression := v.LocationExpr.String()
	words := strings.Fields(expression)
	var l location
	if len(words) == 0 {
		return l
	}
	l.list = words[0] != "[block]"
	l.escaped = words[len(words)-1] == "(escaped)"
	placed := false
	for i, word := range words {
		switch {
		case word == "DW_OP_piece":
			p := piece{placed: placed}
			if i+1 < len(words) {
				p.size, _ = strconv.ParseUint(words[i+1], 0, 32)
			}
			if p.size > 0 {
				l.pieces = append(l.pieces, p)
			}
			placed = false
		case strings.HasPrefix(word, "DW_OP_"):
			l.known, placed = true, true
			l.registers = l.registers || strings.HasPrefix(word, "DW_OP_reg")
		}
	}
	return l
}

// missing returns the ranges of the variable, as offsets into it, that have no place, which Delve reads as zero
// (piece in its pkg/dwarf/op/op.go). A problem means that the location does not tell what is where.
//
// Go's optimiser takes a variable apart into words and emits a piece for each word that is left in the function,
// without saying which one it is, without padding, and without even calling it a piece when it is the only one
// (cmd/compile/internal/ssa/debug.go, writePendingEntry). So only a list with as many pieces as the type has words,
// of the same sizes, can be trusted. And from Go 1.27 on it gives every local variable that it does not follow its
// stack slot for the whole function (createSimpleVar in cmd/compile/internal/dwarfgen/dwarf.go), although the slot
// may not have been written yet, or serve another variable by now; Go 1.26 gave these no place.
func (l location) missing(typ godwarf.Type, compiled compilation) (lost []span, problem string) {
	switch {
	case !l.known:
		return nil, optimisedAway
	case l.escaped:
		return nil, ""
	case !compiled.optimised:
		return l.unplaced(), ""
	case !l.list && !compiled.parameter && typ.Size() > 0:
		return nil, slotReused
	case !l.list:
		return nil, ""
	}
	words, ok := wordsOf(nil, typ, 0, 0)
	if !ok || len(l.pieces) != len(words) && !(len(l.pieces) == 0 && len(words) <= 1) {
		return nil, partlyAway
	}
	at := uint64(0)
	for i, p := range l.pieces {
		// Delve lays the pieces out one behind the other.
		if words[i] != (span{at, at + p.size}) {
			return nil, partlyAway
		}
		at += p.size
	}
	return l.unplaced(), ""
}

// compilation is what the reading of a location depends on.
type compilation struct {
	optimised bool // Go code, by the optimising compiler
	parameter bool // the variable is a parameter or result of a function that is not inlined: its place is the caller's
}

// unplaced returns the ranges of the pieces that have no place.
func (l location) unplaced() (lost []span) {
	at := uint64(0)
	for _, p := range l.pieces {
		if !p.placed {
			lost = append(lost, span{at, at + p.size})
		}
		at += p.size
	}
	return lost
}

// maxWords is more words than the optimiser ever takes apart (4 fields of 3 words each).
const maxWords = 64

// wordsOf appends the words that the optimiser takes a value of that type apart into, as offsets from the start of
// the outermost type (cmd/compile/internal/ssa/decompose.go). ok is false when there are too many.
func wordsOf(words []span, typ godwarf.Type, at uint64, nesting int) (_ []span, ok bool) {
	if nesting > maxNesting || len(words) > maxWords {
		return nil, false
	}
	typ = godwarf.ResolveTypedef(typ)
	var fields []*godwarf.StructField
	switch t := typ.(type) {
	case *godwarf.StructType:
		fields = t.Field
	case *godwarf.StringType:
		fields = t.StructType.Field
	case *godwarf.SliceType:
		fields = t.StructType.Field
	case *godwarf.InterfaceType:
		if under, isStruct := godwarf.ResolveTypedef(&t.TypedefType).(*godwarf.StructType); isStruct {
			fields = under.Field
		}
	case *godwarf.ArrayType:
		if t.Count == 1 {
			return wordsOf(words, t.Type, at, nesting+1)
		}
	case *godwarf.ComplexType:
		half := uint64(t.ByteSize) / 2
		return append(words, span{at, at + half}, span{at + half, at + 2*half}), true
	}
	if fields == nil {
		if size := uint64(max(typ.Size(), 0)); size > 0 {
			words = append(words, span{at, at + size})
		}
		return words, true
	}
	for _, f := range fields {
		if words, ok = wordsOf(words, f.Type, at+uint64(f.ByteOffset), nesting+1); !ok {
			return nil, false
		}
	}
	return words, true
}

const (
	optimisedAway = "optimised away here"
	partlyAway    = "partly optimised away here"
	slotReused    = "its stack slot may hold something else by now"
	inRegister    = "was in a register, which is lost"
)

// reason says in the report's words why Delve could not find or read a variable.
func reason(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "could not find loclist entry"),
		strings.Contains(text, "no location attribute"),
		strings.Contains(text, "empty OP stack"):
		return optimisedAway
	case strings.Contains(text, "bytes from register"), strings.Contains(text, "read out of bounds"):
		return inRegister
	}
	if i := strings.Index(text, lacking); i > 0 {
		text = text[i:] // without Delve's words around it
	}
	return printable(text, maxReason)
}
