// Package groups sorts the goroutines of a process into groups that stand at the
// same place for the same reason, so that ten thousand of them are one line of a
// report.
//
// It does not say why they stand there or what they wait for.
package groups

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/frames"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Options says what of a goroutine's memory may be shown.
type Options struct {
	ShowLabel func(key string) bool // whether the values of a label are shown
	Clocks    *gort.Clocks          // times that the runtime left
}

// Result is every goroutine of a process.
type Result struct {
	Goroutines *facts.Goroutines    // nil when there is no list of goroutines
	Unreadable int                  // goroutines whose structure or stack is absent
	Lost       uint64               // entries of the list, live or dead, that are absent
	IDs        map[image.Addr]int64 // by the address of the g
	Skipped    int                  // goroutines left out because the context ended
	Stopped    error                // why it ended
}

// collector gathers groups goroutine by goroutine.
type collector struct {
	process *gort.Process
	frames  *frames.Builder
	opt     Options

	groups map[key]*group
	order  []*group
	list   []member
	starts map[image.Addr]*facts.Site
	sites  map[image.Addr]*facts.Site
	labels map[string]map[string]*string
	stack  gort.Stack
	result *Result
}

// key is what the goroutines of a group have in common.
type key struct {
	status     layout.GStatus
	waitReason string
	creator    image.Addr
	stack      uint64
	depth      uint64
}

type group struct {
	facts.Group
	ids     []int64
	waits   []int64
	defers  map[facts.Defer]int // by the call, its count left out
	keys    map[string]bool
	ordinal int
}

type member struct {
	facts.Goroutine
	group *group
}

// Collect walks the stack of every goroutine and groups them. When ctx ends, the
// result is what was done so far.
func Collect(ctx context.Context, p *gort.Process, b *frames.Builder, opt Options) *Result {
	c := &collector{
		process: p, frames: b, opt: opt,
		groups: make(map[key]*group),
		starts: make(map[image.Addr]*facts.Site),
		sites:  make(map[image.Addr]*facts.Site),
		labels: make(map[string]map[string]*string),
		result: &Result{IDs: make(map[image.Addr]int64)},
	}
	census := p.Goroutines(func(g *gort.Goroutine) {
		if ctx.Err() != nil {
			c.result.Skipped++
			return
		}
		c.add(g)
	})
	if c.result.Skipped > 0 {
		c.result.Stopped = context.Cause(ctx)
	}
	c.result.Unreadable += census.Unreadable
	c.result.Lost = census.Lost
	if census.Err == nil {
		c.result.Goroutines = c.finish()
	}
	return c.result
}

// add walks one goroutine.
func (c *collector) add(g *gort.Goroutine) {
	c.process.Stack(g, &c.stack)
	var fault *image.FaultError
	if errors.As(c.stack.Broken, &fault) {
		c.result.Unreadable++
		c.process.AddGap(gort.Gap{
			What:   fmt.Sprintf("stack of goroutine %d: %v", g.ID, c.stack.Broken),
			Addr:   g.Stack.Start,
			Bytes:  c.process.Image.Missing(g.Stack),
			Effect: fmt.Sprintf("goroutine %d (%s) is not in the report", g.ID, describe(g)),
		})
		return
	}
	if c.stack.Broken != nil {
		c.process.AddGap(gort.Gap{
			What:   fmt.Sprintf("frames of goroutine %d: %v", g.ID, c.stack.Broken),
			Addr:   g.Stack.Start,
			Effect: fmt.Sprintf("the stack of goroutine %d is shown without them", g.ID),
		})
	}
	c.member(g, c.groupOf(g))
}

func describe(g *gort.Goroutine) string {
	if g.WaitReason != "" {
		return g.WaitReason
	}
	return g.Status.String()
}

func (c *collector) groupOf(g *gort.Goroutine) *group {
	k := key{g.Status, g.WaitReason, g.GoPC, c.stack.Hash, c.stack.Physical}
	if gr, ok := c.groups[k]; ok {
		return gr
	}
	stack := c.frames.Stack(&c.stack)
	gr := &group{
		Group: facts.Group{
			Status:       facts.Status(g.Status.String()),
			Quadrant:     quadrantOf(g.Status, g.WaitReason),
			CreatedBy:    c.site(g.GoPC, false, c.sites),
			Frames:       stack.Frames,
			FramesElided: stack.Elided,
			Cycle:        stack.Cycle,
			System:       c.process.IsSystem(g),
		},
		defers: make(map[facts.Defer]int),
		keys:   make(map[string]bool),
	}
	if g.WaitReason != "" {
		gr.WaitReason = facts.Some(g.WaitReason)
	}
	gr.Fingerprint = fingerprint(gr)
	c.groups[k] = gr
	c.order = append(c.order, gr)
	return gr
}

// member enters g into its group and the list.
func (c *collector) member(g *gort.Goroutine, gr *group) {
	id := int64(g.ID)
	c.result.IDs[g.Addr] = id
	gr.ids = append(gr.ids, id)
	m := member{group: gr, Goroutine: facts.Goroutine{
		ID:     id,
		Start:  c.site(g.StartPC, true, c.starts),
		Locked: g.LockedM != 0,
		Labels: c.labelsOf(g, gr),
	}}
	if c.process.KnowsParents() {
		m.Parent = facts.Some(int64(g.ParentID))
	}
	if owner, ok := c.process.MachineAt(g.M); ok {
		m.M = facts.Some(owner.ID)
		if owner.TID != 0 {
			m.Thread = facts.Some(owner.TID)
		}
	}
	if waited, ok := c.opt.Clocks.WaitedAtLeast(g); ok {
		m.WaitedAtLeastNS = facts.Some(int64(waited))
		gr.waits = append(gr.waits, int64(waited))
	}
	c.pendingDefers(g, gr)
	c.list = append(c.list, m)
}

// site returns where a function begins (entry) or was called from.
func (c *collector) site(pc image.Addr, entry bool, made map[image.Addr]*facts.Site) *facts.Site {
	if pc == 0 {
		return nil
	}
	if s, ok := made[pc]; ok {
		return s
	}
	s := c.frames.Site(gort.Frame{PC: pc, Exact: entry})
	made[pc] = s
	return s
}

func (c *collector) pendingDefers(g *gort.Goroutine, gr *group) {
	defers, err := c.process.Defers(g, &c.stack)
	if err != nil {
		c.process.AddGap(gort.Gap{
			What:   err.Error(),
			Effect: "pending deferred calls may be missing",
		})
	}
	for _, d := range defers {
		gr.defers[c.frames.Defer(d)]++
	}
}

// finish orders groups and list and fills the totals.
func (c *collector) finish() *facts.Goroutines {
	out := &facts.Goroutines{
		ByStatus:     make(map[facts.Status]int),
		ByWaitReason: make(map[string]int),
		ByQuadrant:   make(map[facts.Quadrant]int),
		Groups:       make([]facts.Group, 0, len(c.order)),
		List:         make([]facts.Goroutine, 0, len(c.list)),
	}
	for _, gr := range c.order {
		slices.Sort(gr.ids)
	}
	slices.SortStableFunc(c.order, func(a, b *group) int {
		return cmp.Or(cmp.Compare(len(b.ids), len(a.ids)), cmp.Compare(a.ids[0], b.ids[0]))
	})
	for i, gr := range c.order {
		gr.ordinal = i + 1
		out.Groups = append(out.Groups, gr.facts())
		n := len(gr.ids)
		out.Total += n
		if gr.System {
			out.System += n
		}
		out.ByStatus[gr.Status] += n
		out.ByQuadrant[gr.Quadrant] += n
		if gr.WaitReason.Known {
			out.ByWaitReason[gr.WaitReason.V] += n
		}
	}
	out.User = out.Total - out.System
	slices.SortFunc(c.list, func(a, b member) int { return cmp.Compare(a.ID, b.ID) })
	for _, m := range c.list {
		m.Group = m.group.ordinal
		out.List = append(out.List, m.Goroutine)
	}
	return out
}
