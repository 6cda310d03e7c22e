package exe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"

	"postmortem/coreread/image"
)

// Type descriptor, the head that all kinds share (internal/abi/type.go, Type); the same
// offsets in all versions. Bytes.
const (
	typeSize       = 0  // word
	typePtrBytes   = 8  // word
	typeHash       = 16 // u32
	typeTFlag      = 20
	typeAlign      = 21
	typeFieldAlign = 22
	typeKind       = 23
	typeEqual      = 24 // *funcval
	typeGCData     = 32 // *byte
	typeStr        = 40 // i32, name offset
	typePtrToThis  = 44 // i32, type offset
	typeBytes      = 48
)

// Bits of tflag that all versions share, and of kind.
const (
	tflagUncommon  = 1
	tflagExtraStar = 2
	tflagNamed     = 4
	kindMask       = 0x1f
)

// kindBytes is the size of a kind's descriptor (bytes); kinds that are absent
// have the head only.
func kindBytes(k reflect.Kind, l *typeLayout) uint64 {
	switch k {
	case reflect.Array:
		return 72
	case reflect.Chan:
		return 64
	case reflect.Func, reflect.Pointer, reflect.Slice:
		return 56
	case reflect.Interface, reflect.Struct:
		return 80
	case reflect.Map:
		return l.mapBytes
	}
	return typeBytes
}

const (
	uncommonBytes = 16
	methodBytes   = 16
	fieldBytes    = 24
	imethodBytes  = 8
)

// typeLayout is what differs between releases.
type typeLayout struct {
	since, until int // minor versions of Go 1, until exclusive

	directKind  byte // bit of kind that means "stored in the interface word itself"
	directTFlag byte // the same as a bit of tflag
	progKind    byte // bit of kind: GCData is a GC program
	demandTFlag byte // bit of tflag: GCData points to a slot for the mask
	shiftOffset uint // by which field offsets are shifted, the low bit means embedded
	mapBytes    uint64
	descriptors bool // descriptors stand in a row from types+8 on; else typelinks lists them
}

var typeLayouts = []typeLayout{
	{since: 18, until: 19, directKind: 0x20, progKind: 0x40, shiftOffset: 1, mapBytes: 88},
	{since: 19, until: 24, directKind: 0x20, progKind: 0x40, mapBytes: 88},
	{since: 24, until: 26, directKind: 0x20, demandTFlag: 0x10, mapBytes: 112},
	{since: 26, until: 27, directTFlag: 0x20, demandTFlag: 0x10, mapBytes: 112},
	{since: 27, until: math.MaxInt, directTFlag: 0x20, demandTFlag: 0x10, mapBytes: 136, descriptors: true},
}

// oldMaps is the experiment that keeps the map descriptors of before 1.24 in 1.24 and 1.25.
const oldMaps = "noswissmap"

func typeLayoutOf(minor int, version string) typeLayout {
	i := 0
	for i < len(typeLayouts)-1 && minor >= typeLayouts[i].until {
		i++
	}
	l := typeLayouts[i]
	if _, experiments, _ := strings.Cut(version, " X:"); slices.Contains(strings.Split(experiments, ","), oldMaps) {
		l.mapBytes = typeLayouts[0].mapBytes
	}
	return l
}

// GCForm says what Type.GCData points to.
type GCForm uint8

const (
	GCMask     GCForm = iota // one bit per word of the first PtrBytes bytes, low bit first
	GCProgram                // u32 length and a GC program (until Go 1.23)
	GCOnDemand               // a slot for the address of a mask, which the process may have built (since Go 1.24)
)

// Type is a type descriptor. Addresses of other descriptors may be given to Types.At.
type Type struct {
	Addr       image.Addr
	Kind       reflect.Kind
	Size       uint64 // bytes
	PtrBytes   uint64 // bytes up to the end of the last pointer
	Hash       uint32
	Align      uint8
	FieldAlign uint8
	Named      bool
	Direct     bool // an interface holds the value itself, not a pointer to it
	GCForm     GCForm
	GCData     image.Addr
	PtrToThis  image.Addr // descriptor of the pointer type, 0 when the linker left it out
	String     string     // as reflect prints it: "*runtime.g"
	PkgPath    string     // import path of a named type's package; "" for predeclared and composed types

	Elem      image.Addr // of array, chan, map, pointer, slice
	Key       image.Addr // of map
	Group     image.Addr // of map: its buckets' or groups' type
	Len       uint64     // of array
	ChanDir   reflect.ChanDir
	Fields    []Field      // of struct
	In, Out   []image.Addr // of func
	Variadic  bool
	IMethods  []IMethod // of interface
	methods   uint16    // in the uncommon part
	tableSize uint64    // bytes of the descriptor, methods included
}

// Field is a field of a struct.
type Field struct {
	Name     string
	Embedded bool
	TypeName string // as reflect prints it
	TypeAddr image.Addr
	Kind     reflect.Kind
	Offset   uint64 // bytes
	Size     uint64 // bytes
}

// IMethod is a method of an interface type.
type IMethod struct {
	Name string
	Type image.Addr // of the function; 0 when the linker left it out
}

// Types reads the type descriptors of the binary.
type Types struct {
	image    *image.Image
	layout   typeLayout
	types    image.Range // names and offsets are relative to its start
	linkData Slice       // typelinks
	descEnd  image.Addr  // end of the row of descriptors
	file     string
	anywhere bool // descriptors may lie outside of types

	mu    sync.Mutex
	index *typeIndex
}

func newTypes(b *Binary) *Types {
	m := b.module
	return &Types{
		image: b.memory.image, layout: typeLayoutOf(b.release, b.goVersion),
		types: image.Range{Start: m.Types, End: m.ETypes}, linkData: m.TypeLinks,
		descEnd: m.Types + image.Addr(m.TypeDescLen), file: b.name,
	}
}

// Range returns the addresses that descriptors, and the names they use, lie in.
func (t *Types) Range() image.Range { return t.types }

// In returns a reader of the descriptors in m, the memory of a process that has
// those of the module at types. It reads descriptors elsewhere too, as reflect
// makes them at run time: their String and PkgPath are "", PtrToThis is 0, and
// an interface's methods have neither names nor types. Only At, Bare, Pointers and
// Range may be used.
func (t *Types) In(m *image.Image, types image.Range) *Types {
	return &Types{image: m, layout: t.layout, types: types, file: t.file, anywhere: true}
}

// TypeError is a place where no valid type descriptor is.
type TypeError struct {
	Addr image.Addr
	What string
}

func (e *TypeError) Error() string { return fmt.Sprintf("type descriptor at %v: %s", e.Addr, e.What) }

// At reads the descriptor at addr.
func (t *Types) At(addr image.Addr) (*Type, error) {
	d, err := t.head(addr, true)
	if err != nil {
		return nil, err
	}
	if err := d.tail(); err != nil {
		return nil, err
	}
	for i := range d.typ.Fields {
		f := &d.typ.Fields[i]
		err := t.describeField(f)
		if err == nil {
			err = d.addText(f.TypeName)
		}
		if err != nil {
			return nil, fmt.Errorf("field %s of %s: %w", f.Name, d.typ.String, err)
		}
	}
	return d.typ, nil
}

// Bare is At without what the types of a struct's fields say themselves: their
// TypeName, Kind and Size.
func (t *Types) Bare(addr image.Addr) (*Type, error) {
	d, err := t.head(addr, true)
	if err != nil {
		return nil, err
	}
	return d.typ, d.tail()
}

// describeField fills in what the field's own type says.
func (t *Types) describeField(f *Field) error {
	d, err := t.head(f.TypeAddr, true)
	if err != nil {
		return err
	}
	f.TypeName, f.Kind, f.Size = d.typ.String, d.typ.Kind, d.typ.Size
	return nil
}

// descriptor is a type descriptor being decoded.
type descriptor struct {
	types *Types
	typ   *Type
	tflag byte
	own   bool   // offsets in it are relative to types
	named bool   // names are read, and not only what leads to other descriptors
	text  int    // bytes of names so far
	base  []byte // the kind's fixed part
}

// head reads what all kinds share; without names it leaves String empty, except
// that of a named struct.
func (t *Types) head(addr image.Addr, names bool) (*descriptor, error) {
	fail := func(format string, args ...any) (*descriptor, error) {
		return nil, &TypeError{addr, fmt.Sprintf(format, args...)}
	}
	own := t.types.Contains(addr) && t.types.End-addr >= typeBytes
	if addr%8 != 0 || !own && !t.anywhere {
		return fail("want an aligned address in %v-%v", t.types.Start, t.types.End)
	}
	b, err := t.image.Bytes(addr, typeBytes)
	if err != nil {
		return nil, err
	}
	kind, l := b[typeKind], &t.layout
	d := &descriptor{types: t, tflag: b[typeTFlag], own: own, named: names, typ: &Type{
		Addr: addr, Kind: reflect.Kind(kind & kindMask),
		Size: order.Uint64(b[typeSize:]), PtrBytes: order.Uint64(b[typePtrBytes:]),
		Hash: order.Uint32(b[typeHash:]), Align: b[typeAlign], FieldAlign: b[typeFieldAlign],
		GCData: image.Addr(order.Uint64(b[typeGCData:])),
	}}
	typ := d.typ
	typ.Named = d.tflag&tflagNamed != 0
	typ.Direct = kind&l.directKind|d.tflag&l.directTFlag != 0
	typ.GCForm = l.gcForm(kind, d.tflag)
	switch {
	case typ.Kind == reflect.Invalid || typ.Kind > reflect.UnsafePointer:
		return fail("kind %d", typ.Kind)
	case typ.PtrBytes > typ.Size || typ.Size > math.MaxInt64:
		return fail("%d bytes with pointers of %d", typ.PtrBytes, typ.Size)
	case typ.Align > 64 || typ.Align&(typ.Align-1) != 0:
		return fail("alignment %d", typ.Align)
	}
	if own && (names || typ.Named && typ.Kind == reflect.Struct) {
		name, err := t.nameAt(t.types.Start.Add(int64(int32(order.Uint32(b[typeStr:])))))
		if err != nil {
			return nil, fmt.Errorf("type descriptor at %v: %w", addr, err)
		}
		if d.tflag&tflagExtraStar != 0 {
			name.text = bytes.TrimPrefix(name.text, []byte("*"))
		}
		typ.String = string(name.text)
	}
	if off := int32(order.Uint32(b[typePtrToThis:])); own && off > 0 {
		typ.PtrToThis = t.types.Start + image.Addr(off)
	}
	return d, nil
}

// tail reads what the kind adds, and the uncommon part.
func (d *descriptor) tail() error {
	typ, t := d.typ, d.types
	size := kindBytes(typ.Kind, &t.layout)
	var err error
	if d.base, err = t.image.Bytes(typ.Addr, size); err != nil {
		return err
	}
	typ.tableSize = size
	if d.tflag&tflagUncommon != 0 {
		if err := d.uncommon(typ.Addr + image.Addr(size)); err != nil {
			return err
		}
		typ.tableSize += uncommonBytes + uint64(typ.methods)*methodBytes
	}
	switch typ.Kind {
	case reflect.Array:
		typ.Elem, typ.Len = d.word(48), uint64(d.word(64))
	case reflect.Chan:
		typ.Elem, typ.ChanDir = d.word(48), reflect.ChanDir(d.word(56))
	case reflect.Pointer, reflect.Slice:
		typ.Elem = d.word(48)
	case reflect.Map:
		typ.Key, typ.Elem, typ.Group = d.word(48), d.word(56), d.word(64)
	case reflect.Func:
		return d.funcTail(size)
	case reflect.Interface:
		return d.interfaceTail()
	case reflect.Struct:
		return d.structTail()
	}
	return nil
}

func (d *descriptor) word(off int) image.Addr { return image.Addr(order.Uint64(d.base[off:])) }

// Bounds of one type. Entries of a hostile list may all name the same long text.
const (
	maxTypeEntries = 1 << 16
	maxTypeText    = 1 << 24 // bytes of all its names
)

// addText counts a name of the type.
func (d *descriptor) addText(s string) error {
	if d.text += len(s); d.text > maxTypeText {
		return &TypeError{d.typ.Addr, fmt.Sprintf("names of more than %d bytes", maxTypeText)}
	}
	return nil
}

// uncommon reads the part that named types and those with methods have.
func (d *descriptor) uncommon(at image.Addr) error {
	b, err := d.types.image.Bytes(at, uncommonBytes)
	if err != nil {
		return err
	}
	d.typ.methods = order.Uint16(b[4:])
	if off := int32(order.Uint32(b)); off != 0 && d.typ.String != "" && d.typ.Named {
		name, err := d.types.nameAt(d.types.types.Start.Add(int64(off)))
		if err != nil {
			return fmt.Errorf("package of the type at %v: %w", d.typ.Addr, err)
		}
		d.typ.PkgPath = string(name.text)
	}
	return nil
}

// table reads n entries of a descriptor's list.
func (d *descriptor) table(at image.Addr, n, size uint64) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if n > maxTypeEntries {
		return nil, &TypeError{d.typ.Addr, fmt.Sprintf("%d entries in a list, want at most %d", n, maxTypeEntries)}
	}
	return d.types.image.Bytes(at, n*size)
}

func (d *descriptor) funcTail(size uint64) error {
	in, out := uint64(order.Uint16(d.base[48:])), uint64(order.Uint16(d.base[50:]))
	d.typ.Variadic, out = out&0x8000 != 0, out&0x7fff
	at := d.typ.Addr + image.Addr(size)
	if d.tflag&tflagUncommon != 0 {
		at += uncommonBytes
	}
	list, err := d.table(at, in+out, 8)
	if err != nil {
		return err
	}
	d.typ.tableSize += 8 * (in + out)
	for i := range in + out {
		p := image.Addr(order.Uint64(list[8*i:]))
		if i < in {
			d.typ.In = append(d.typ.In, p)
		} else {
			d.typ.Out = append(d.typ.Out, p)
		}
	}
	return nil
}

func (d *descriptor) interfaceTail() error {
	n := uint64(d.word(64))
	list, err := d.table(d.word(56), n, imethodBytes)
	if err != nil {
		return err
	}
	d.typ.tableSize += imethodBytes * n
	base := d.types.types.Start
	for ; len(list) >= imethodBytes; list = list[imethodBytes:] {
		var m IMethod
		if d.named && d.own {
			name, err := d.types.nameAt(base.Add(int64(int32(order.Uint32(list)))))
			if err != nil {
				return fmt.Errorf("method of interface type at %v: %w", d.typ.Addr, err)
			}
			m.Name = string(name.text)
			if err := d.addText(m.Name); err != nil {
				return err
			}
		}
		if off := int32(order.Uint32(list[4:])); d.own && off > 0 {
			m.Type = base + image.Addr(off)
		}
		d.typ.IMethods = append(d.typ.IMethods, m)
	}
	return nil
}

func (d *descriptor) structTail() error {
	n := uint64(d.word(64))
	list, err := d.table(d.word(56), n, fieldBytes)
	if err != nil {
		return err
	}
	d.typ.tableSize += fieldBytes * n
	for ; len(list) >= fieldBytes; list = list[fieldBytes:] {
		shift := d.types.layout.shiftOffset
		offset := order.Uint64(list[16:])
		f := Field{TypeAddr: image.Addr(order.Uint64(list[8:])), Offset: offset >> shift}
		if d.named {
			name, err := d.types.nameAt(image.Addr(order.Uint64(list)))
			if err != nil {
				return fmt.Errorf("field of struct type at %v: %w", d.typ.Addr, err)
			}
			f.Name, f.Embedded = string(name.text), name.embedded
			if err := d.addText(f.Name); err != nil {
				return err
			}
			if shift != 0 {
				f.Embedded = offset&1 != 0
			}
		}
		if f.Offset > d.typ.Size {
			return &TypeError{d.typ.Addr, fmt.Sprintf("field %s at offset %d of %d bytes", f.Name, f.Offset, d.typ.Size)}
		}
		d.typ.Fields = append(d.typ.Fields, f)
	}
	return nil
}

// name is a name of a type, field or package: flags, length, text
// (internal/abi/type.go, Name).
type name struct {
	text     []byte // in the file
	embedded bool   // since Go 1.19
}

const (
	nameEmbedded = 8
	maxTypeName  = 1 << 20 // the compiler's own limit is 1<<29 (internal/abi/type.go, NewName)
)

// nameAt reads a name. Names of types of the binary lie among its read-only data.
func (t *Types) nameAt(addr image.Addr) (name, error) {
	s, ok := t.image.SegmentAt(addr)
	if !ok {
		return name{}, &image.FaultError{Addr: addr, Len: 2}
	}
	data := s.Data[addr-s.Start:]
	flags := data[0]
	n, used := binary.Uvarint(data[1:])
	if used <= 0 || n > maxTypeName || n > uint64(len(data)-1-used) {
		return name{}, &TypeError{addr, "a name that is too long or ends outside the file"}
	}
	return name{text: data[1+used : 1+used+int(n)], embedded: flags&nameEmbedded != 0}, nil
}
