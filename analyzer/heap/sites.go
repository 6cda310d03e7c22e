package heap

import (
	"cmp"

	"postmortem/analyzer/facts"
	"postmortem/coreread/exe"
	"postmortem/coreread/goheap"
	"postmortem/coreread/goprof"
	"postmortem/coreread/image"
)

// site is the sampled objects that one stack allocated and that still exist.
type site struct {
	bucket  int
	objects facts.Tally
	largest uint32 // reachable object that retains most; the one of the lowest address of several
	reached bool
}

// describeSites joins the objects that the memory profiler had sampled with what
// keeps them: where they were allocated, and by which path they are retained.
func (a *Analysis) describeSites(profiles *goprof.Profiles, doc *facts.Heap) {
	sites := make(map[int]*site)
	doc.AllocationSites = []facts.AllocationSite{}
	if profiles.Memory.Disabled {
		return // a sample or two that the runtime took before it knew
	}
	for i := range a.Heap.Spans {
		s := &a.Heap.Spans[i]
		if s.InUse() && s.Specials != 0 {
			profiles.Sampled(image.Range{Start: s.Start, End: s.End()}, s.Specials, func(at image.Addr, bucket int) {
				if o := a.Heap.FindObject(at); o != goheap.NoObject {
					a.addSample(sites, bucket, o)
				}
			})
		}
	}
	list := make([]*site, 0, len(sites))
	for _, s := range sites {
		list = append(list, s)
	}
	doc.AllocationSitesTotal = top(&list, facts.AllocationSitesCap, func(a, b *site) int {
		return cmp.Or(-cmp.Compare(a.objects.Bytes, b.objects.Bytes), -cmp.Compare(a.objects.Objects, b.objects.Objects), cmp.Compare(a.bucket, b.bucket))
	})
	n := &namer{graph: a.Graph, types: a.Types, start: a.names.start}
	for _, s := range list {
		out := facts.AllocationSite{Frames: []*facts.Frame{}, Objects: s.objects.Objects, Bytes: s.objects.Bytes}
		stack := profiles.AllocationStack(s.bucket)
		out.FramesTotal = len(stack)
		for _, f := range stack[:min(len(stack), facts.SiteFramesCap)] {
			out.Frames = append(out.Frames, a.siteFrame(f))
		}
		if s.reached {
			out.RetainingPath, out.RetainingPathTotal = n.path(n.chain(a.Doms, s.largest))
		}
		doc.AllocationSites = append(doc.AllocationSites, out)
	}
}

// addSample counts a sampled object.
func (a *Analysis) addSample(sites map[int]*site, bucket int, o goheap.Object) {
	s := sites[bucket]
	if s == nil {
		s = &site{bucket: bucket}
		sites[bucket] = s
	}
	s.objects.Objects++
	s.objects.Bytes += a.Heap.Size(o)
	if v := uint32(o); a.Doms.Reached(v) && (!s.reached || a.Doms.Retained(v) > a.Doms.Retained(s.largest)) {
		s.largest, s.reached = v, true
	}
}

// siteFrame writes a function of an allocation's stack.
func (a *Analysis) siteFrame(f exe.SourceFrame) *facts.Frame {
	if f.Func == "" {
		return &facts.Frame{Func: "?", Trust: facts.TrustCgo}
	}
	return a.opt.Frames.Named(f)
}

// describeProfiles says which of the runtime's profiles the core holds.
func describeProfiles(p *goprof.Profiles, doc *facts.Heap) {
	doc.Profiles = []facts.Profile{}
	if len(p.Memory.Buckets) > 0 && !p.Memory.Disabled {
		out := facts.Profile{Name: "heap", Records: len(p.Memory.Buckets)}
		if p.Memory.RateKnown {
			out.Rate = facts.Some(p.Memory.Rate)
			var objects, bytes int64
			for i := range p.Memory.Buckets {
				b := &p.Memory.Buckets[i]
				n, size := goprof.Scale(b.Served.Live(), b.Size, p.Memory.Rate)
				objects += n
				bytes += size
			}
			if objects >= 0 && bytes >= 0 {
				out.Objects, out.Bytes = facts.Some(uint64(objects)), facts.Some(uint64(bytes))
			}
		}
		doc.Profiles = append(doc.Profiles, out)
	}
	describeContention("block", &p.Block, doc)
	describeContention("mutex", &p.Mutex, doc)
}

func describeContention(name string, c *goprof.Contention, doc *facts.Heap) {
	if len(c.Buckets) == 0 {
		return
	}
	out := facts.Profile{Name: name, Rate: facts.Some(c.Rate), Records: len(c.Buckets)}
	var events, delay int64
	known := true
	for i := range c.Buckets {
		ns, ok := c.Nanoseconds(&c.Buckets[i])
		events += c.Buckets[i].Count
		delay += ns
		known = known && ok
	}
	if events >= 0 {
		out.Events = facts.Some(uint64(events))
	}
	if known {
		out.DelayNS = facts.Some(delay)
	}
	doc.Profiles = append(doc.Profiles, out)
}
