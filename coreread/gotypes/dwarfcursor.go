package gotypes

import (
	"bytes"
	"encoding/binary"
)

// Numbers of DWARF (version 5, section 7) that a Go toolchain or a C compiler
// beside it writes.
const (
	tagArray       = 0x01
	tagParameter   = 0x05
	tagBlock       = 0x0b
	tagMember      = 0x0d
	tagPointer     = 0x0f
	tagCompileUnit = 0x11
	tagStruct      = 0x13
	tagSubroutine  = 0x15
	tagTypedef     = 0x16
	tagInlined     = 0x1d
	tagSubrange    = 0x21
	tagBase        = 0x24
	tagSubprogram  = 0x2e
	tagVariable    = 0x34
	tagUnspecified = 0x3b

	attrLocation  = 0x02
	attrName      = 0x03
	attrByteSize  = 0x0b
	attrLowPC     = 0x11
	attrHighPC    = 0x12
	attrLanguage  = 0x13
	attrOrigin    = 0x31
	attrCount     = 0x37
	attrMemberAt  = 0x38
	attrType      = 0x49
	attrVarParam  = 0x4b
	attrRanges    = 0x55
	attrAddrBase  = 0x73
	attrGoKind    = 0x2900
	attrGoKey     = 0x2901
	attrGoElem    = 0x2902
	attrEmbedded  = 0x2903
	attrGoRuntime = 0x2904
	attrGoClosure = 0x2907

	formAddr          = 0x01
	formBlock2        = 0x03
	formBlock4        = 0x04
	formData2         = 0x05
	formData4         = 0x06
	formData8         = 0x07
	formString        = 0x08
	formBlock         = 0x09
	formBlock1        = 0x0a
	formData1         = 0x0b
	formFlag          = 0x0c
	formSdata         = 0x0d
	formStrp          = 0x0e
	formUdata         = 0x0f
	formRefAddr       = 0x10
	formRef1          = 0x11
	formRef2          = 0x12
	formRef4          = 0x13
	formRef8          = 0x14
	formRefUdata      = 0x15
	formSecOffset     = 0x17
	formExprloc       = 0x18
	formFlagPresent   = 0x19
	formStrx          = 0x1a
	formAddrx         = 0x1b
	formData16        = 0x1e
	formLineStrp      = 0x1f
	formRefSig8       = 0x20
	formImplicitConst = 0x21
	formLoclistx      = 0x22
	formRnglistx      = 0x23
	formStrx1         = 0x25
	formStrx2         = 0x26
	formStrx3         = 0x27
	formStrx4         = 0x28
	formAddrx1        = 0x29
	formAddrx2        = 0x2a
	formAddrx3        = 0x2b
	formAddrx4        = 0x2c

	languageGo = 22
)

// cursor reads bytes of debug information. After a read past the end it is bad,
// and every read returns 0.
type cursor struct {
	data []byte
	at   uint64
	bad  bool
}

func (c *cursor) take(n uint64) []byte {
	if c.bad || c.at > uint64(len(c.data)) || n > uint64(len(c.data))-c.at {
		c.bad = true
		return nil
	}
	b := c.data[c.at : c.at+n]
	c.at += n
	return b
}

func (c *cursor) u8() uint64 {
	if c.bad || c.at >= uint64(len(c.data)) {
		c.bad = true
		return 0
	}
	c.at++
	return uint64(c.data[c.at-1])
}

func (c *cursor) u16() uint64 {
	if b := c.take(2); b != nil {
		return uint64(binary.LittleEndian.Uint16(b))
	}
	return 0
}

func (c *cursor) u32() uint64 {
	if b := c.take(4); b != nil {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) uleb() uint64 {
	var v uint64
	for shift := uint(0); ; shift += 7 {
		b := c.u8()
		if shift < 64 {
			v |= (b & 0x7f) << shift
		}
		if b&0x80 == 0 || c.bad {
			return v
		}
	}
}

func (c *cursor) sleb() int64 {
	var v int64
	for shift := uint(0); ; shift += 7 {
		b := c.u8()
		if shift < 64 {
			v |= int64(b&0x7f) << shift
		}
		if b&0x80 == 0 || c.bad {
			if b&0x40 != 0 && shift+7 < 64 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
}

// text reads up to a NUL, which it passes.
func (c *cursor) text() []byte {
	if c.bad || c.at > uint64(len(c.data)) {
		c.bad = true
		return nil
	}
	rest := c.data[c.at:]
	n := bytes.IndexByte(rest, 0)
	if n < 0 {
		c.bad = true
		return nil
	}
	c.at += uint64(n) + 1
	return rest[:n]
}
