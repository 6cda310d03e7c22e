package gopoll

import (
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// dialWindow is how far above the stack pointer of a connecting goroutine the
// address is looked for, in bytes: the frame of net.(*netFD).dial, which keeps it
// for later, lies there.
const dialWindow = 4 << 10

// Connecting returns the address that g is connecting n to: a socket has no
// addresses of its own until it is connected. It is ok only when a single one is
// on g's stack as package net hands them to its sockets; a dial that was told its
// local address has two.
func (r *Reader) Connecting(g *gort.Goroutine, n *NetFD) (to NetAddr, ok bool) {
	if g.Status != layout.GWaiting || n.Connected || n.Local.Type != "" || n.Remote.Type != "" {
		return NetAddr{}, false
	}
	m := r.p.Exe.Module()
	data := image.Range{Start: m.Text, End: m.End}
	code := image.Range{Start: m.Text, End: m.EText}
	stack := r.parked(g, dialWindow)
	order := r.p.Image.ByteOrder()
	for ; len(stack) >= 16; stack = stack[8:] {
		v := Value{image.Addr(order.Uint64(stack)), image.Addr(order.Uint64(stack[8:]))}
		static := r.p.Static(v.Type)
		if v.Data == 0 || !plausible(g, v.Type) || !data.Contains(static) || code.Contains(static) {
			continue
		}
		if form, err := r.form(v.Type); err != nil || form.of != "net.sockaddr" || !form.known {
			continue
		}
		a, err := r.netAddr(v)
		if err != nil || !a.Known {
			continue
		}
		if ok && a.String() != to.String() {
			return NetAddr{}, false
		}
		to, ok = a, true
	}
	return to, ok
}
