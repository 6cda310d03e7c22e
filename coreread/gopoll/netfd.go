package gopoll

import (
	"errors"
	"fmt"
	"strings"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// NetFD is a net.netFD: a socket of package net.
type NetFD struct {
	FD
	Network   string // "tcp", "udp6", "unix", "ip4:icmp": what the program or package net called it
	Family    int64  // AF_INET and the like
	SockType  int64  // SOCK_STREAM and the like
	Connected bool   // by a dial or by its own request, not by accepting
	Local     NetAddr
	Remote    NetAddr // the zero NetAddr while it has none: of a listener, and before it is connected
}

// Socket types of Linux that make connections.
const (
	sockStream    = 1
	sockSeqPacket = 5
)

// Listening reports whether it is there to accept connections: it has an address,
// is of a kind that makes connections and has no peer.
func (n *NetFD) Listening() bool {
	return (n.SockType == sockStream || n.SockType == sockSeqPacket) && n.Local.Type != "" && n.Remote.Type == "" && !n.Connected
}

// netReader reads net.netFD; it is bound when first needed.
type netReader struct {
	tried bool
	err   error

	size, family, sockType, connected, network, local, remote uint64
}

func (r *Reader) bindNet() error {
	o := &r.net
	if o.tried {
		return o.err
	}
	s := r.p.Layout().Struct("net.netFD")
	*o = netReader{
		tried: true, size: s.Size(), family: s.Offset("family"), sockType: s.Offset("sotype"), connected: s.Offset("isConnected"),
		network: s.Offset("net"), local: s.Offset("laddr"), remote: s.Offset("raddr"),
	}
	at := s.Offset("pfd")
	if o.err = s.Err(); o.err == nil && at != 0 {
		o.err = errors.New("a net.netFD does not begin with its internal/poll.FD")
	}
	return o.err
}

var errNoNetFD = errors.New("there is no net.netFD")

// maxNetwork bounds the name of a network, in bytes: "unixpacket", "ip6:" and a protocol.
const maxNetwork = 64

// Net reads the net.netFD at addr, which is also the address of its FD. It is an
// error when what stands there contradicts itself. An address that cannot be read
// is not Known.
func (r *Reader) Net(addr image.Addr) (NetFD, error) {
	f, err := r.FD(addr)
	if err != nil {
		return NetFD{}, err
	}
	if f.File {
		return NetFD{}, fmt.Errorf("%w: the descriptor is of package os", errNoNetFD)
	}
	if err := r.bindNet(); err != nil {
		return NetFD{}, err
	}
	o := &r.net
	rec, err := r.record(addr, o.size)
	if err != nil {
		return NetFD{}, err
	}
	n := NetFD{FD: f, Family: rec.i64(o.family), SockType: rec.i64(o.sockType), Connected: rec.u8(o.connected) == 1}
	if n.Family < 0 || n.Family > 255 || n.SockType < 0 || n.SockType > 255 || rec.u8(o.connected) > 1 {
		return NetFD{}, errNoNetFD
	}
	n.Network, err = r.text(rec.value(o.network), maxNetwork)
	if err != nil || !isNetwork(n.Network) {
		return NetFD{}, errNoNetFD
	}
	n.Local = r.addressOf(&n, "local", rec.value(o.local))
	n.Remote = r.addressOf(&n, "remote", rec.value(o.remote))
	return n, nil
}

// addressOf reads one of n's addresses; what cannot be read is a gap, told once,
// and an address that is not Known.
func (r *Reader) addressOf(n *NetFD, which string, v Value) NetAddr {
	a, err := r.netAddr(v)
	if err == nil {
		return a
	}
	if !r.told[which] {
		r.told[which] = true
		r.p.AddGap(gort.Gap{
			What:   fmt.Sprintf("%s address of the %s socket %d: %v", which, n.Network, n.Sysfd, err),
			Addr:   n.Addr,
			Effect: "addresses of connections are missing from the report",
		})
	}
	return NetAddr{Type: unknownType}
}

// isNetwork reports whether package net calls some network so.
func isNetwork(s string) bool {
	for _, family := range []string{"tcp", "udp", "ip", "unix"} {
		if strings.HasPrefix(s, family) {
			return true
		}
	}
	return false
}

// text reads the string whose address and length are the words of v.
func (r *Reader) text(v Value, limit uint64) (string, error) {
	n := uint64(v.Data)
	if n > limit {
		return "", fmt.Errorf("a string of %d bytes is too long to be what it should", n)
	}
	data, err := r.p.Image.Bytes(v.Type, n)
	return string(data), err
}
