package gort

import (
	"cmp"
	"fmt"
	"slices"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Label is a pprof label of a goroutine.
type Label struct {
	Key, Value string
}

// Bounds of the labels of one goroutine: their number, and the bytes of all keys
// and values together.
const (
	maxLabels     = 4096
	maxLabelBytes = 1 << 18
)

// maxLabelSets bounds the sets of labels that are remembered. Goroutines inherit
// the set of the one that starts them, so that most share a few.
const maxLabelSets = 1 << 12

// labelSet is what was read at the address of a set.
type labelSet struct {
	labels []Label
	err    error
}

// Labels returns g's pprof labels by key. With an error it returns those that
// could be read. The caller must not change them: goroutines share them.
//
// Since Go 1.24 g.labels points to a slice of pairs, before that to a
// map[string]string (runtime/pprof/label.go).
func (p *Process) Labels(g *Goroutine) ([]Label, error) {
	if g.Labels == 0 {
		return nil, nil
	}
	if set, ok := p.labels[g.Labels]; ok {
		return set.labels, set.err
	}
	r := labelReader{p: p, left: maxLabelBytes}
	var set labelSet
	if p.layout.Has(layout.LabelsAreSlice) {
		set.labels, set.err = r.slice(g.Labels)
	} else {
		set.labels, set.err = r.hashMap(g.Labels)
	}
	slices.SortFunc(set.labels, func(a, b Label) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
	})
	if len(p.labels) >= maxLabelSets {
		clear(p.labels)
	}
	p.labels[g.Labels] = set
	return set.labels, set.err
}

// labelReader reads one set of labels.
type labelReader struct {
	p    *Process
	left uint64 // bytes of text that may still be read
}

const stringBytes = 16 // a string's header: data and length

// slice reads the labels behind the slice header at a.
func (r *labelReader) slice(a image.Addr) ([]Label, error) {
	c := r.p.Image.Cursor()
	data, n := c.Addr(a), c.Uint64(a+8)
	if c.Err() != nil {
		return nil, c.Err()
	}
	if n > maxLabels {
		return nil, fmt.Errorf("a list at %v of the impossible length %d", a, n)
	}
	var labels []Label
	for i := range image.Addr(n) {
		l, err := r.label(data+i*2*stringBytes, data+i*2*stringBytes+stringBytes)
		if err != nil {
			return labels, err
		}
		labels = append(labels, l)
	}
	return labels, nil
}

func (r *labelReader) label(key, value image.Addr) (l Label, err error) {
	if l.Key, err = r.text(key); err != nil {
		return l, err
	}
	l.Value, err = r.text(value)
	return l, err
}

func (r *labelReader) text(header image.Addr) (string, error) {
	s, err := r.p.stringAt(header, r.left)
	r.left -= uint64(len(s))
	return s, err
}

// runtime.hmap and the buckets of a map[string]string, the same from Go 1.18 to
// 1.23 (runtime/map.go). Bytes.
const (
	hmapCount      = 0  // int
	hmapFlags      = 8  // u8
	hmapB          = 9  // u8, log2 of the number of buckets
	hmapBuckets    = 16 // pointer to an array of buckets
	hmapOldBuckets = 24 // the same while the map grows
	hmapSameSize   = 8  // bit of flags: it grows into as many buckets

	bucketSlots    = 8
	bucketKeys     = bucketSlots // after a byte of hash for each slot
	bucketValues   = bucketKeys + bucketSlots*stringBytes
	bucketOverflow = bucketValues + bucketSlots*stringBytes
	bucketBytes    = bucketOverflow + 8

	slotEvacuatedX = 2 // a first hash byte from here …
	slotEvacuated  = 4 // … to here: the bucket has moved to the new array
	slotFull       = 5 // hash bytes from here on mark a slot in use
)

// hashMap reads the labels in the map whose header the word at a points to.
func (r *labelReader) hashMap(a image.Addr) ([]Label, error) {
	c := r.p.Image.Cursor()
	header := c.Addr(a)
	if c.Err() != nil || header == 0 {
		return nil, c.Err()
	}
	count, flags, b := c.Uint64(header+hmapCount), c.Uint8(header+hmapFlags), c.Uint8(header+hmapB)
	buckets, old := c.Addr(header+hmapBuckets), c.Addr(header+hmapOldBuckets)
	if c.Err() != nil {
		return nil, c.Err()
	}
	if count > maxLabels || b > 16 {
		return nil, fmt.Errorf("a map at %v with the impossible count of %d in 2^%d buckets", header, count, b)
	}
	if count == 0 || buckets == 0 {
		return nil, nil
	}
	walk := bucketWalk{labelReader: r, owed: count, budget: 1<<b + maxLabels}
	err := walk.array(buckets, 1<<b, false)
	if old != 0 && err == nil {
		n := uint64(1) << b
		if flags&hmapSameSize == 0 {
			n /= 2
		}
		walk.budget += n
		err = walk.array(old, n, true)
	}
	if err == nil && walk.owed != 0 {
		err = fmt.Errorf("the map at %v holds %d fewer than it counts", header, walk.owed)
	}
	return walk.labels, err
}

// bucketWalk collects the labels of a map.
type bucketWalk struct {
	*labelReader
	labels []Label
	owed   uint64 // labels that the map counts and that were not found yet
	budget uint64 // buckets that may still be visited
}

// array visits n buckets and those that they overflow into; of an old array
// only the ones that have not moved.
func (w *bucketWalk) array(at image.Addr, n uint64, old bool) error {
	for i := range image.Addr(n) {
		bucket := at + i*bucketBytes
		if old {
			first, err := w.p.Image.Uint8(bucket)
			if err != nil {
				return err
			}
			if first >= slotEvacuatedX && first <= slotEvacuated {
				continue
			}
		}
		for bucket != 0 {
			if w.budget == 0 {
				return fmt.Errorf("the chain of buckets at %v does not end", at+i*bucketBytes)
			}
			w.budget--
			next, err := w.bucket(bucket)
			if err != nil {
				return err
			}
			bucket = next
		}
	}
	return nil
}

// bucket collects the labels of one bucket and returns the one it overflows into.
func (w *bucketWalk) bucket(at image.Addr) (next image.Addr, err error) {
	data, err := w.p.Image.Bytes(at, bucketBytes)
	if err != nil {
		return 0, err
	}
	for slot := range image.Addr(bucketSlots) {
		if data[slot] < slotFull {
			continue
		}
		if w.owed == 0 {
			return 0, fmt.Errorf("the bucket at %v holds more than the map counts", at)
		}
		l, err := w.label(at+bucketKeys+slot*stringBytes, at+bucketValues+slot*stringBytes)
		if err != nil {
			return 0, err
		}
		w.owed--
		w.labels = append(w.labels, l)
	}
	return image.Addr(w.p.Image.ByteOrder().Uint64(data[bucketOverflow:])), nil
}
