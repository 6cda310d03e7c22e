package goheap

import "math/bits"

// EachPointer visits the offsets from Address(o), in bytes, of the words of an
// object that are pointers, as long as visit returns true.
func (h *Heap) EachPointer(o Object, visit func(off uint64) bool) {
	s := h.SpanOf(o)
	if s.NoScan {
		return
	}
	words := s.ElemBytes / 8
	first := h.slotOf(s, o) * words
	var buffer [256]uint64
	for from := first / 64 * 64; from < first+words; from += 64 * uint64(len(buffer)) {
		into := buffer[:min(uint64(len(buffer)), (first+words-from+63)/64)]
		h.PointerWords(s, from, into)
		for j, w := range into {
			for ; w != 0; w &= w - 1 {
				at := from + 64*uint64(j) + uint64(bits.TrailingZeros64(w))
				if at < first || at >= first+words {
					continue
				}
				if !visit(8*(at-first) - s.Header) {
					return
				}
			}
		}
	}
}
