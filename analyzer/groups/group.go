package groups

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"

	"postmortem/analyzer/facts"
	"postmortem/coreread/gort"
)

// facts writes the group for the report.
func (gr *group) facts() facts.Group {
	out := gr.Group
	out.ID = gr.ordinal
	out.Count = len(gr.ids)
	out.GoidRanges = ranges(gr.ids)
	out.WaitedAtLeastNS = spread(gr.waits, len(gr.ids))
	out.LabelKeys = slices.Sorted(maps.Keys(gr.keys))
	if out.LabelKeys == nil {
		out.LabelKeys = []string{}
	}
	out.PendingDefers = make([]facts.Defer, 0, len(gr.defers))
	for d, n := range gr.defers {
		d.Count = n
		out.PendingDefers = append(out.PendingDefers, d)
	}
	slices.SortFunc(out.PendingDefers, func(a, b facts.Defer) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Func, b.Func),
			cmp.Compare(a.File.V, b.File.V), cmp.Compare(a.Line.V, b.Line.V))
	})
	return out
}

// ranges writes ascending ids as [first, last] pairs without gaps.
func ranges(ids []int64) [][2]int64 {
	var out [][2]int64
	for _, id := range ids {
		if n := len(out); n > 0 && out[n-1][1]+1 == id {
			out[n-1][1] = id
			continue
		}
		out = append(out, [2]int64{id, id})
	}
	return out
}

// spread summarises the waits that are known of n goroutines.
func spread(waits []int64, n int) facts.WaitSpread {
	out := facts.WaitSpread{Unknown: n - len(waits)}
	if len(waits) == 0 {
		return out
	}
	slices.Sort(waits)
	out.Min = facts.Some(waits[0])
	out.Median = facts.Some(waits[len(waits)/2])
	out.Max = facts.Some(waits[len(waits)-1])
	return out
}

// fingerprint hashes what makes the group, without anything that depends on
// where the binary was loaded.
func fingerprint(gr *group) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\n%s\n", gr.Status, gr.WaitReason.V)
	if gr.CreatedBy != nil {
		fmt.Fprintf(h, "%s:%d\n", gr.CreatedBy.Func, gr.CreatedBy.Line.V)
	}
	for _, f := range gr.Frames {
		fmt.Fprintf(h, "%s %x\n", f.Func, uint64(f.StaticPC.V))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// labelsOf returns the profiler labels of g, their values hidden unless shown.
// Equal sets of labels are shared.
func (c *collector) labelsOf(g *gort.Goroutine, gr *group) map[string]*string {
	if g.Labels == 0 {
		return map[string]*string{}
	}
	labels, err := c.process.Labels(g)
	if err != nil {
		c.process.AddGap(gort.Gap{
			What:   fmt.Sprintf("labels of goroutine %d: %v", g.ID, err),
			Addr:   g.Labels,
			Effect: "its labels are missing",
		})
		return nil
	}
	out := make(map[string]*string, len(labels))
	var shared string
	for _, l := range labels {
		gr.keys[l.Key] = true
		out[l.Key] = nil
		shared += fmt.Sprintf("%q", l.Key)
		if c.opt.ShowLabel != nil && c.opt.ShowLabel(l.Key) {
			value := l.Value
			out[l.Key] = &value
			shared += fmt.Sprintf("=%q", value)
		}
	}
	if made, ok := c.labels[shared]; ok {
		return made
	}
	c.labels[shared] = out
	return out
}
