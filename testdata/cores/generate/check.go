package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"

	"postmortem/internal/traceback"
)

// stray are lines that a whole print has outside of stacks, panics and signals.
var stray = regexp.MustCompile(`^(runtime: |unexpected fault address |\d{4}/\d\d/\d\d )`)

// check says whether the print of a process can be compared with: threads that print at the same time spoil it, and a
// process can die before all of them have.
func (c dumpCase) check(p *process) (notes []string, err error) {
	print := traceback.Parse(string(p.stderr))
	blocks := print.ByID()
	if len(blocks) == 0 {
		return nil, fmt.Errorf("no goroutine in the print:\n%s", p.stderr)
	}
	for _, n := range print.Notes {
		if !stray.MatchString(n.Text) {
			return nil, fmt.Errorf("line %d of the print is torn: %s", n.Line, n.Text)
		}
	}
	for id, b := range blocks {
		if len(b.Frames) == 0 && !b.StackUnavailable {
			return nil, fmt.Errorf("goroutine %d has no frames in the print", id)
		}
		for _, n := range b.Notes {
			notes = append(notes, fmt.Sprintf("goroutine %d: %s", id, n.Text))
		}
	}
	var truth struct {
		Goroutines int    `json:"goroutines"`
		Waits      *waits `json:"waits"`
	}
	if err := json.NewDecoder(bytes.NewReader(p.stdout)).Decode(&truth); err != nil {
		return nil, fmt.Errorf("what the process says of itself: %w", err)
	}
	if err := truth.Waits.check(); err != nil {
		return nil, err
	}
	if len(blocks) < truth.Goroutines {
		notes = append(notes, fmt.Sprintf("%d goroutines are printed, %d were alive shortly before", len(blocks), truth.Goroutines))
	}
	if n := threads(print); n > 1 {
		notes = append(notes, fmt.Sprintf("%d threads have printed", n))
	}
	return notes, nil
}

// waits is what is checked of testcores.Waits.
type waits struct {
	Profiled   bool    `json:"profiled"`
	Profile    []int64 `json:"profile"`
	Goroutines []struct {
		ID      int64  `json:"id"`
		Shape   string `json:"shape"`
		Verdict string `json:"verdict"`
		Op      string `json:"op"`
	} `json:"goroutines"`
}

// check says whether the runtime's profile agrees with what is leaked by construction. It can miss a goroutine: frames of
// goroutines that were preempted within a loop are scanned conservatively, with all that earlier ones have left there.
func (w *waits) check() error {
	if w == nil || !w.Profiled {
		return nil
	}
	found := map[int64]bool{}
	for _, id := range w.Profile {
		found[id] = true
	}
	for _, g := range w.Goroutines {
		if g.ID == 1 && g.Op == "select-none" {
			continue // Go 1.26 lists main in select {}, 1.27 does not
		}
		if found[g.ID] != (g.Verdict == "leaked") {
			return fmt.Errorf("goroutine %d (%s) is %s; the runtime says leaked: %v", g.ID, g.Shape, g.Verdict, found[g.ID])
		}
	}
	return nil
}

// threads counts the threads that a signal made print.
func threads(print *traceback.Print) int {
	n := 0
	for _, part := range print.Parts {
		if part.Signal >= 0 {
			n++
		}
	}
	return n
}
