package gotypes

// lists is the location and range lists of the debug information: .debug_loc and
// .debug_ranges until version 4, .debug_loclists and .debug_rnglists since 5.
type lists struct {
	loc, ranges, loclists, rnglists []byte
}

// readLists unpacks the lists. A section that is damaged is as if it was not there:
// what it says where, is unknown.
func readLists(section sectionReader) *lists {
	l := &lists{}
	for name, to := range map[string]*[]byte{"loc": &l.loc, "ranges": &l.ranges, "loclists": &l.loclists, "rnglists": &l.rnglists} {
		*to, _ = section(name)
	}
	return l
}

// Kinds of entries of lists since version 5 (section 7.7.3; range lists, 7.25,
// have the same but for the default location).
const (
	listEnd = iota
	listBaseIndex
	listStartEndIndex
	listStartLengthIndex
	listOffsets
	listDefault
	listBase
	listStartEnd
	listStartLength
)

// rangeKinds are the kinds of range lists as those of location lists.
var rangeKinds = [...]uint64{listEnd, listBaseIndex, listStartEndIndex, listStartLengthIndex, listOffsets, listBase, listStartEnd, listStartLength}

// location returns the expression that holds at a pc, nil for none.
func (l *lists) location(d *debugInfo, u *unit, at, pc uint64) []byte {
	if u.version < 5 {
		return l.oldList(u, cursor{data: l.loc, at: at}, pc, true)
	}
	found := []byte(nil)
	l.list(d, u, cursor{data: l.loclists, at: at}, true, func(low, high uint64, expr []byte) bool {
		if low <= pc && pc < high {
			found = expr
		}
		return found == nil
	})
	return found
}

// inRanges reports whether a pc lies in a list of ranges.
func (l *lists) inRanges(d *debugInfo, u *unit, at, pc uint64) bool {
	if u.version < 5 {
		return l.oldList(u, cursor{data: l.ranges, at: at}, pc, false) != nil
	}
	found := false
	l.list(d, u, cursor{data: l.rnglists, at: at}, false, func(low, high uint64, _ []byte) bool {
		found = low <= pc && pc < high
		return !found
	})
	return found
}

// covered is what oldList returns for ranges.
var covered = []byte{}

// oldList reads a list of before version 5 up to the entry that covers a pc.
func (l *lists) oldList(u *unit, c cursor, pc uint64, expressions bool) []byte {
	base := u.lowPC
	for {
		low, high := c.u64(), c.u64()
		if c.bad || low == 0 && high == 0 {
			return nil
		}
		if low == ^uint64(0) {
			base = high
			continue
		}
		expr := covered
		if expressions {
			expr = c.take(c.u16())
		}
		if base+low <= pc && pc < base+high {
			return expr
		}
	}
}

// list reads a list of version 5 until visit returns false.
func (l *lists) list(d *debugInfo, u *unit, c cursor, expressions bool, visit func(low, high uint64, expr []byte) bool) {
	base := u.lowPC
	for !c.bad {
		kind := c.u8()
		if !expressions && kind < uint64(len(rangeKinds)) {
			kind = rangeKinds[kind]
		}
		var low, high uint64
		switch kind {
		case listEnd:
			return
		case listBaseIndex:
			base, _ = d.indexed(u, c.uleb())
			continue
		case listBase:
			base = c.u64()
			continue
		case listStartEndIndex:
			low, _ = d.indexed(u, c.uleb())
			high, _ = d.indexed(u, c.uleb())
		case listStartLengthIndex:
			low, _ = d.indexed(u, c.uleb())
			high = low + c.uleb()
		case listOffsets:
			low = base + c.uleb()
			high = base + c.uleb()
		case listDefault:
			high = ^uint64(0)
		case listStartEnd:
			low, high = c.u64(), c.u64()
		case listStartLength:
			low = c.u64()
			high = low + c.uleb()
		default:
			return
		}
		var expr []byte
		if expressions {
			expr = c.take(c.uleb())
		}
		if !c.bad && !visit(low, high, expr) {
			return
		}
	}
}
