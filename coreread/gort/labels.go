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

// maxLabels bounds the labels of one goroutine.
const maxLabels = 4096

// Labels returns g's pprof labels by key. With an error it returns those that
// could be read.
//
// Since Go 1.24 g.labels points to a slice of pairs, before that to a
// map[string]string (runtime/pprof/label.go).
func (p *Process) Labels(g *Goroutine) ([]Label, error) {
	if g.Labels == 0 {
		return nil, nil
	}
	var labels []Label
	var err error
	if p.layout.Has(layout.LabelsAreSlice) {
		labels, err = p.labelSlice(g.Labels)
	} else {
		labels, err = p.labelMap(g.Labels)
	}
	if err != nil {
		err = fmt.Errorf("labels of goroutine %d: %w", g.ID, err)
	}
	slices.SortFunc(labels, func(a, b Label) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
	})
	return labels, err
}

const stringBytes = 16 // a string's header: data and length

// labelSlice reads the labels behind the slice header at a.
func (p *Process) labelSlice(a image.Addr) ([]Label, error) {
	c := p.Image.Cursor()
	data, n := c.Addr(a), c.Uint64(a+8)
	if c.Err() != nil {
		return nil, c.Err()
	}
	if n > maxLabels {
		return nil, fmt.Errorf("a list at %v of the impossible length %d", a, n)
	}
	var labels []Label
	for i := range image.Addr(n) {
		l, err := p.label(data+i*2*stringBytes, data+i*2*stringBytes+stringBytes)
		if err != nil {
			return labels, err
		}
		labels = append(labels, l)
	}
	return labels, nil
}

func (p *Process) label(key, value image.Addr) (l Label, err error) {
	if l.Key, err = p.stringAt(key); err != nil {
		return l, err
	}
	l.Value, err = p.stringAt(value)
	return l, err
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

// labelMap reads the labels in the map whose header the word at a points to.
func (p *Process) labelMap(a image.Addr) ([]Label, error) {
	c := p.Image.Cursor()
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
	walk := bucketWalk{p: p, left: count, budget: 1<<b + maxLabels}
	err := walk.array(buckets, 1<<b, false)
	if old != 0 && err == nil {
		n := uint64(1) << b
		if flags&hmapSameSize == 0 {
			n /= 2
		}
		walk.budget += n
		err = walk.array(old, n, true)
	}
	if err == nil && walk.left != 0 {
		err = fmt.Errorf("the map at %v holds %d fewer than it counts", header, walk.left)
	}
	return walk.labels, err
}

// bucketWalk collects the labels of a map.
type bucketWalk struct {
	p      *Process
	labels []Label
	left   uint64 // labels that the map still owes
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
		if w.left == 0 {
			return 0, fmt.Errorf("the bucket at %v holds more than the map counts", at)
		}
		l, err := w.p.label(at+bucketKeys+slot*stringBytes, at+bucketValues+slot*stringBytes)
		if err != nil {
			return 0, err
		}
		w.left--
		w.labels = append(w.labels, l)
	}
	return image.Addr(w.p.Image.ByteOrder().Uint64(data[bucketOverflow:])), nil
}
