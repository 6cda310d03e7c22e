package waits

import (
	"postmortem/analyzer/facts"
	"postmortem/analyzer/typing"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gopoll"
	"postmortem/coreread/gort"
)

// describePoll describes a file descriptor that goroutines wait for in the poller.
func (d *describer) describePoll(r *resource, out *facts.Resource) {
	if r.poll == nil {
		return
	}
	out.Poll = d.pollState(r.poll)
	g, err := d.process.GoroutineAt(r.g)
	if err != nil {
		return
	}
	owner, ok := d.poll.Owner(&g, r.poll)
	if !ok {
		return
	}
	d.describeOwner(&owner, &g, out.Poll)
	if typ := ownerType(&owner, out.Poll); typ != "" {
		out.Type = facts.Some(typ)
	}
}

func (d *describer) pollState(p *gopoll.Poll) *facts.PollState {
	return &facts.PollState{
		FD: facts.Maybe[int64]{V: p.FD, Known: p.FDKnown}, Closing: p.Closing,
		ReadDeadlineNS: d.fromNow(p.ReadDeadline), WriteDeadlineNS: d.fromNow(p.WriteDeadline),
	}
}

// describeOwner says which connection a descriptor is that g waits for.
func (d *describer) describeOwner(owner *gopoll.FD, g *gort.Goroutine, out *facts.PollState) {
	if owner.File {
		return
	}
	n, err := d.poll.Net(owner.Addr)
	if err != nil {
		return
	}
	out.Network = facts.Some(n.Network)
	out.Listening = facts.Some(n.Listening())
	out.Local, out.Remote = d.address(&n.Local), d.address(&n.Remote)
	if to, ok := d.poll.Connecting(g, &n); ok {
		out.Remote = d.address(&to)
	}
}

// address writes an address; paths of sockets are hidden by default.
func (d *describer) address(a *gopoll.NetAddr) facts.Maybe[string] {
	if s := a.String(); s != "" && (a.Name == "" || d.in.ShowValues) {
		return facts.Some(s)
	}
	return facts.Maybe[string]{}
}

// connectionTypes are the types of package net's connections, by network without
// the version of IP.
var connectionTypes = map[string]struct{ connection, listener string }{
	"tcp": {"*net.TCPConn", "*net.TCPListener"}, "udp": {"*net.UDPConn", ""}, "ip": {"*net.IPConn", ""},
	"unix": {"*net.UnixConn", "*net.UnixListener"}, "unixgram": {"*net.UnixConn", ""}, "unixpacket": {"*net.UnixConn", "*net.UnixListener"},
}

// ownerType returns the type that a program has a descriptor as; "" when unknown.
func ownerType(owner *gopoll.FD, p *facts.PollState) string {
	if owner.File {
		return "*os.File"
	}
	if !p.Network.Known {
		return ""
	}
	network := p.Network.V
	for i, c := range network {
		if c == ':' || c == '4' || c == '6' {
			network = network[:i]
			break
		}
	}
	if t := connectionTypes[network]; p.Listening.V && t.listener != "" {
		return t.listener
	} else {
		return t.connection
	}
}

// syscall describes the system call that a goroutine is in.
func (d *describer) syscall(r *resource) *facts.SyscallState {
	out := &facts.SyscallState{}
	call, ok := d.systemCall(r.goroutine)
	if !ok {
		return out
	}
	out.Number = facts.Some(int64(call.Number))
	if call.Name != "" {
		out.Name = facts.Some(call.Name)
	}
	if fd, ok := call.FD(); ok {
		out.FD = facts.Some(fd)
		out.Target = d.target(r, fd)
	}
	return out
}

// target says what the descriptor is that a goroutine makes a system call about: the
// file or connection whose method makes the call, or the one on the heap that has
// the number; nil when there is neither.
func (d *describer) target(r *resource, fd int64) *facts.PollState {
	g, err := d.process.GoroutineAt(r.g)
	if d.poll == nil || err != nil {
		return nil
	}
	owner, ok := d.poll.CallOwner(&g, fd)
	if !ok {
		if d.files == nil {
			d.files = d.findFiles()
		}
		if owner, ok = d.files[fd]; !ok {
			return nil
		}
	}
	out := &facts.PollState{FD: facts.Some(fd), Closing: owner.Closing}
	if p, err := d.poll.Poll(owner.Desc); owner.Desc != 0 && err == nil {
		out = d.pollState(&p)
	}
	d.describeOwner(&owner, &g, out)
	return out
}

// findFiles returns the open files and connections on the heap by number.
func (d *describer) findFiles() map[int64]gopoll.FD {
	files := map[int64]gopoll.FD{}
	if d.in.Heap == nil {
		return files
	}
	types := d.in.Heap.Types
	is := make([]bool, len(types.Table))
	for i, e := range types.Table {
		is[i] = e.Form == typing.Single && (e.Name == "os.file" || e.Name == "net.netFD")
	}
	for o, k := range types.Of {
		if !is[k] || !d.in.Heap.Doms.Reached(uint32(o)) {
			continue
		}
		if fd, err := d.poll.FD(d.in.Heap.Heap.Address(goheap.Object(o))); err == nil && fd.Sysfd >= 0 {
			files[fd.Sysfd] = fd
		}
	}
	return files
}
