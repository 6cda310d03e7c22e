package waits

import (
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/coreread/gopoll"
	"postmortem/coreread/gosync"
	"postmortem/coreread/image"
)

// resourceFacts describes one resource.
func (d *describer) resourceFacts(i uint32) facts.Resource {
	r := &d.resources[i]
	out := facts.Resource{ID: d.ids[i], Kind: r.kind, WaiterCount: r.waiters, HoldersTotal: len(r.holders)}
	out.Holders = append([]facts.Holder{}, r.holders[:min(len(r.holders), facts.HoldersCap)]...)
	if r.at != 0 {
		out.Address = facts.Some(facts.Word(r.at))
	}
	switch r.kind {
	case facts.ResourceChannel:
		d.describeChannel(i, &out)
	case facts.ResourceMutex, facts.ResourceOnce, facts.ResourceRWMutex:
		out.Lock = d.lock(r)
	case facts.ResourceWaitGroup:
		if s, err := d.sync.WaitGroup(r.at); err == nil {
			out.WaitGroup = &facts.WaitGroupState{Counter: int64(s.Counter), Waiters: int64(s.Waiters)}
		}
	case facts.ResourcePoll:
		d.describePoll(r, &out)
	case facts.ResourceSleep:
		out.Timer = d.sleep(r)
	case facts.ResourceSyscall:
		out.Syscall = d.syscall(r)
	}
	if typ, ok := objectTypes[r.kind]; ok {
		out.Type = facts.Some(typ)
		d.name(r.at, typ, &out)
	}
	switch {
	case r.kind == facts.ResourceFDLock && out.Name.Known:
		out.Name.V += " " + r.label
	case r.kind == facts.ResourceSemaphore:
		d.name(r.at, "", &out)
	case r.label != "":
		out.Name = facts.Some(r.label)
	}
	return out
}

// name names an object by what it lies in, or by what leads to it.
func (d *describer) name(at image.Addr, typ string, out *facts.Resource) {
	name, ok := d.names.place(at, typ)
	if !ok {
		name, ok = d.names.byReference(d.referrers.to(at))
	}
	out.Name = facts.Maybe[string]{V: name, Known: ok}
}

// atomicValue is the field in which an atomic.Value has what it holds.
const atomicValue = ".v"

// describeChannel describes a channel, what leads to it, and the context that it is of.
func (d *describer) describeChannel(i uint32, out *facts.Resource) {
	at := d.resources[i].at
	refs := d.referrers.to(at)
	if name, ok := d.names.byReference(refs); ok {
		out.Name = facts.Some(strings.TrimSuffix(name, atomicValue))
	}
	out.Channel = d.channel(at)
	if out.Channel == nil {
		return
	}
	if out.Channel.Element.Known {
		out.Type = facts.Some("chan " + out.Channel.Element.V)
	}
	if refs != nil {
		out.Channel.ReferencedBy, out.Channel.ReferencedByTotal = d.referrerFacts(refs, i)
		out.Context = d.context(at, refs)
	}
}

func (d *describer) channel(at image.Addr) *facts.ChannelState {
	s, err := d.sync.Channel(at)
	if err != nil {
		return nil
	}
	out := &facts.ChannelState{
		Element: d.element(s.ElemType), Length: s.Len, Capacity: s.Cap, Closed: s.Closed, Senders: s.Senders.Count, Receivers: s.Receivers.Count,
	}
	if d.poll != nil {
		if t, ok := d.poll.ChannelTimer(at); ok {
			out.Timer = d.timer(&t)
		}
	}
	return out
}

func (d *describer) element(descriptor image.Addr) facts.Maybe[string] {
	name, ok := d.names.typeName(descriptor)
	return facts.Maybe[string]{V: name, Known: ok}
}

func (d *describer) timer(t *gopoll.Timer) *facts.TimerState {
	out := &facts.TimerState{PeriodNS: t.Period, Stopped: t.State == gopoll.Stopped}
	if t.State == gopoll.Pending && !t.Fake {
		out.FiresInNS = d.fromNow(t.When)
	}
	return out
}

// fromNow is how long after the moment of death a reading of the runtime's clock lies.
func (d *describer) fromNow(at int64) facts.Maybe[int64] {
	if d.in.Clocks == nil || d.in.Clocks.Now == 0 || at <= 0 {
		return facts.Maybe[int64]{}
	}
	return facts.Some(at - d.in.Clocks.Now)
}

func (d *describer) sleep(r *resource) *facts.TimerState {
	if d.poll == nil {
		return nil
	}
	g, err := d.process.GoroutineAt(r.g)
	if err != nil {
		return nil
	}
	when, ok := d.poll.Sleep(&g)
	if !ok {
		return nil
	}
	return &facts.TimerState{FiresInNS: d.fromNow(when)}
}

func (d *describer) lock(r *resource) *facts.LockState {
	var m gosync.MutexState
	var err error
	switch r.kind {
	case facts.ResourceRWMutex:
		s, err := d.sync.RWMutex(r.at)
		if err != nil {
			return nil
		}
		return &facts.LockState{
			Locked: s.Locked, Starving: s.Writers.Starving, Woken: s.Writers.Woken,
			Waiters: int64(s.Writers.Waiters), Readers: int64(s.Readers), WriterWaits: s.WriterWaits,
		}
	case facts.ResourceOnce:
		var s gosync.OnceState
		s, err = d.sync.Once(r.at)
		m = s.Mutex
	default:
		m, err = d.sync.Mutex(r.at)
	}
	if err != nil {
		return nil
	}
	return &facts.LockState{Locked: m.Locked, Starving: m.Starving, Woken: m.Woken, Waiters: int64(m.Waiters)}
}
