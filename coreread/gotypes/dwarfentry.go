package gotypes

// abbrev is how a kind of debugging information entry (DIE) is laid out.
type abbrev struct {
	tag      uint32
	children bool
	attrs    []attrForm
}

type attrForm struct {
	attr, form uint32
	implicit   int64 // value of formImplicitConst
}

// Bounds of a table of abbreviations; Go's has some 50.
const (
	maxAbbrevs     = 1 << 14
	maxAbbrevAttrs = 256
)

// readAbbrevs reads the table at an offset, by code; nil when it is damaged.
func readAbbrevs(section []byte, at uint64) []abbrev {
	c := cursor{data: section, at: at}
	table := make([]abbrev, 1)
	for {
		code := c.uleb()
		if code == 0 || c.bad {
			break
		}
		if code >= maxAbbrevs {
			return nil
		}
		a := abbrev{tag: uint32(c.uleb()), children: c.u8() != 0}
		for !c.bad && len(a.attrs) < maxAbbrevAttrs {
			f := attrForm{attr: uint32(c.uleb()), form: uint32(c.uleb())}
			if f.form == formImplicitConst {
				f.implicit = c.sleb()
			}
			if f.attr == 0 && f.form == 0 {
				break
			}
			a.attrs = append(a.attrs, f)
		}
		for uint64(len(table)) <= code {
			table = append(table, abbrev{})
		}
		table[code] = a
	}
	if c.bad {
		return nil
	}
	return table
}

// unit is a compilation unit of .debug_info.
type unit struct {
	start, first, end uint64 // offsets of header, first DIE and what follows the last
	version           uint64
	abbrevs           []abbrev
	lowPC             uint64 // base of the unit's location and range lists
	addrBase          uint64
	isGo              bool
}

// value is the value of an attribute: a number, an offset in .debug_info for
// references to other DIEs, or bytes.
type value struct {
	n     uint64
	bytes []byte
	form  uint32
}

// read reads an attribute's value. Of forms that are not needed n is only what
// the section holds.
func (u *unit) read(c *cursor, f attrForm) value {
	v := value{form: f.form}
	switch f.form {
	case formAddr, formData8, formRefSig8:
		v.n = c.u64()
	case formData1, formFlag, formStrx1, formAddrx1:
		v.n = c.u8()
	case formData2, formStrx2, formAddrx2:
		v.n = c.u16()
	case formStrx3, formAddrx3:
		c.take(3)
	case formData4, formStrp, formSecOffset, formStrx4, formAddrx4, formLineStrp:
		v.n = c.u32()
	case formRefAddr:
		if v.n = c.u32(); u.version < 3 {
			c.u32() // as wide as an address then
		}
	case formUdata, formStrx, formAddrx, formLoclistx, formRnglistx:
		v.n = c.uleb()
	case formSdata:
		v.n = uint64(c.sleb())
	case formString:
		v.bytes = c.text()
	case formBlock1:
		v.bytes = c.take(c.u8())
	case formBlock2:
		v.bytes = c.take(c.u16())
	case formBlock4:
		v.bytes = c.take(c.u32())
	case formBlock, formExprloc:
		v.bytes = c.take(c.uleb())
	case formData16:
		c.take(16)
	case formFlagPresent:
		v.n = 1
	case formImplicitConst:
		v.n = uint64(f.implicit)
	case formRef1:
		v.n = u.start + c.u8()
	case formRef2:
		v.n = u.start + c.u16()
	case formRef4:
		v.n = u.start + c.u32()
	case formRef8:
		v.n = u.start + c.u64()
	case formRefUdata:
		v.n = u.start + c.uleb()
	default:
		c.bad = true
	}
	return v
}

// entry reads the head of the DIE at the cursor; nil at the end of a list of
// children and after an error.
func (u *unit) head(c *cursor) *abbrev {
	code := c.uleb()
	if code == 0 || c.bad {
		return nil
	}
	if code >= uint64(len(u.abbrevs)) {
		c.bad = true
		return nil
	}
	return &u.abbrevs[code]
}

// skip passes the attributes of a DIE.
func (u *unit) skip(c *cursor, a *abbrev) {
	for i := range a.attrs {
		u.read(c, a.attrs[i])
	}
}

// die is the attributes of a DIE that are of use here.
type die struct {
	offset   uint64
	tag      uint32
	children bool
	name     []byte
	location value
	low      value
	high     value
	ranges   value
	typ      uint64 // offset in .debug_info, as the following; 0 for none
	origin   uint64
	elem     uint64
	key      uint64
	kind     uint64
	runtime  uint64 // offset of the descriptor from runtime.types; 0 for none
	size     uint64
	member   uint64 // offset in the struct
	count    uint64
	closure  uint64 // offset in the closure
	embedded bool
	result   bool
}

// die reads the DIE whose head was read.
func (u *unit) die(c *cursor, a *abbrev, offset uint64) die {
	d := die{offset: offset, tag: a.tag, children: a.children}
	for i := range a.attrs {
		v := u.read(c, a.attrs[i])
		switch a.attrs[i].attr {
		case attrName:
			d.name = v.bytes
		case attrLocation:
			d.location = v
		case attrLowPC:
			d.low = v
		case attrHighPC:
			d.high = v
		case attrRanges:
			d.ranges = v
		case attrType:
			d.typ = v.n
		case attrOrigin:
			d.origin = v.n
		case attrGoElem:
			d.elem = v.n
		case attrGoKey:
			d.key = v.n
		case attrGoKind:
			d.kind = v.n
		case attrGoRuntime:
			d.runtime = v.n
		case attrByteSize:
			d.size = v.n
		case attrMemberAt:
			d.member = v.n
		case attrCount:
			d.count = v.n
		case attrGoClosure:
			d.closure = v.n
		case attrEmbedded:
			d.embedded = v.n != 0
		case attrVarParam:
			d.result = v.n != 0
		}
	}
	return d
}
