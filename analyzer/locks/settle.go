package locks

import (
	"cmp"
	"slices"

	"postmortem/analyzer/facts"
	"postmortem/coreread/image"
)

// word is the state of a lock, as its memory has it.
type word struct {
	locked  bool  // a Mutex, or a RWMutex for writing
	readers int64 // that hold a RWMutex
	known   bool
}

const (
	mutexLocked = 1       // sync/mutex.go, internal/sync/mutex.go
	maxReaders  = 1 << 30 // sync/rwmutex.go, rwmutexMaxReaders
	readerWait  = 20      // where a RWMutex counts the readers that a writer waits for
)

// word reads the state of a lock.
func (s *search) word(addr image.Addr, kind Kind) word {
	c := s.process.Image.Cursor()
	if kind == Mutex {
		state := c.Uint32(addr)
		return word{locked: state&mutexLocked != 0, known: c.Err() == nil}
	}
	count, wait := c.Int32(addr+readerCount), c.Int32(addr+readerWait)
	if c.Err() != nil {
		return word{}
	}
	if count >= 0 {
		return word{readers: int64(count), known: true}
	}
	// A writer has come: it waits for those readers that were there before it.
	return word{locked: wait == 0, readers: int64(max(wait, 0)), known: true}
}

// settle holds the candidates for one lock against each other and against its state.
func (s *search) settle(addr image.Addr) ([]facts.Holder, []Kind) {
	writers, readers := s.found[lockOf{addr, false}], s.found[lockOf{addr, true}]
	kind := Mutex
	if len(readers) > 0 || len(writers) > 0 && writers[0].kind == RWMutex {
		kind = RWMutex
	}
	if l, ok := s.locks[addr]; ok {
		kind = l.Kind
	}
	w := s.word(addr, kind)
	if !w.known {
		return nil, nil
	}
	if !w.locked {
		writers = nil
	}
	if w.readers == 0 {
		readers = nil
	}
	writers = only(writers)
	readers = fitting(readers, w.readers)
	var holders []facts.Holder
	var kinds []Kind
	for _, list := range [][]candidate{writers, readers} {
		slices.SortStableFunc(list, func(a, b candidate) int {
			return cmp.Or(strength[b.confidence]-strength[a.confidence], cmp.Compare(a.goroutine, b.goroutine))
		})
		for _, c := range list {
			holders = append(holders, facts.Holder{
				Goroutine: int64(c.goroutine), Confidence: c.confidence, Reader: c.kind == reader, TakenAt: c.taken, Evidence: c.evidence,
			})
			k := kind
			kinds = append(kinds, k)
		}
	}
	return holders, kinds
}

// only judges candidates of whom one at most can be right.
func only(list []candidate) []candidate {
	list = best(list, 1)
	if len(list) > 1 {
		for i := range list {
			list[i].confidence = atMost(list[i].confidence, facts.ConfidenceLikely)
			if len(list) > 2 {
				list[i].confidence = facts.ConfidencePossible
			}
		}
	}
	return list
}

// fitting judges candidates of whom n can be right.
func fitting(list []candidate, n int64) []candidate {
	list = best(list, n)
	if int64(len(list)) > n {
		for i := range list {
			list[i].confidence = atMost(list[i].confidence, facts.ConfidenceLikely)
		}
	}
	return list
}

// best leaves out those that are merely possible where n better ones are.
func best(list []candidate, n int64) []candidate {
	better := 0
	for _, c := range list {
		if c.confidence != facts.ConfidencePossible {
			better++
		}
	}
	if int64(better) < n || better == 0 {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(c candidate) bool { return c.confidence == facts.ConfidencePossible })
}
