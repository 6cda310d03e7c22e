package gopoll

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"strconv"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
)

// NetAddr is a net.Addr, decoded.
type NetAddr struct {
	Type string // dynamic type, "*net.TCPAddr"; "" for no address, "unknown" for one that cannot be read
	// IP is 4 or 16 bytes long, or empty for none; Port is 0 where the type has none.
	IP   net.IP
	Port int
	Zone string
	// Name is the path of a unix socket, "" for one without, and begins with @ for
	// an abstract one.
	Name string
	// Known says that the above are read: package net's own types are.
	Known bool
}

// String returns the address as its own String method does; "" for no address and
// for one that is not Known. The name of a unix socket may hold any bytes.
func (a NetAddr) String() string {
	if !a.Known {
		return ""
	}
	if a.Type == "*net.UnixAddr" {
		return a.Name
	}
	host := ""
	if len(a.IP) > 0 {
		host = a.IP.String()
	}
	if a.Zone != "" {
		host += "%" + a.Zone
	}
	if a.Type == "*net.IPAddr" {
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(a.Port))
}

const unknownType = "unknown"

// addrForm is how a dynamic type of net.Addr holds an address. Offsets are bytes.
type addrForm struct {
	err            error  // why there is none
	of             string // interface type: "net.Addr"
	name           string // "*net.TCPAddr"
	known          bool
	size           uint64
	ip, port, zone optional
	path           optional
}

// Places in a runtime.itab, in bytes: the same in all versions
// (src/internal/abi/iface.go).
const (
	itabInter = 0
	itabType  = 8
)

// maxForms bounds the itabs that are kept.
const maxForms = 1 << 10

// Bounds of an address's parts in bytes: sockaddr_un has 108 for a path.
const (
	maxPath = 256
	maxZone = 64
)

// netAddr reads the address that an interface value (itab, data) holds.
func (r *Reader) netAddr(v Value) (NetAddr, error) {
	if v.Type == 0 {
		return NetAddr{}, nil
	}
	form, err := r.form(v.Type)
	if err != nil {
		return NetAddr{}, err
	}
	a := NetAddr{Type: form.name}
	if !form.known {
		return a, nil
	}
	if v.Data == 0 {
		return NetAddr{}, nil // package net keeps typed nils where a dial gave no address
	}
	rec, err := r.record(v.Data, form.size)
	if err != nil {
		return NetAddr{}, err
	}
	if form.ip.present {
		length := rec.i64(form.ip.off + 8)
		if length != 0 && length != net.IPv4len && length != net.IPv6len {
			return NetAddr{}, fmt.Errorf("an IP address of %d bytes", length)
		}
		if a.IP, err = r.p.Image.Bytes(rec.addr(form.ip.off), uint64(length)); err != nil {
			return NetAddr{}, err
		}
	}
	if form.port.present {
		port := rec.i64(form.port.off)
		if port < 0 || port > 1<<16-1 {
			return NetAddr{}, fmt.Errorf("the port %d does not exist", port)
		}
		a.Port = int(port)
	}
	if form.zone.present {
		if a.Zone, err = r.text(rec.value(form.zone.off), maxZone); err != nil {
			return NetAddr{}, err
		}
	}
	if form.path.present {
		if a.Name, err = r.text(rec.value(form.path.off), maxPath); err != nil {
			return NetAddr{}, err
		}
	}
	a.Known = true
	return a, nil
}

var errNoAddr = errors.New("there is no net.Addr")

// form returns what addrForm does, from memory if it has been asked before.
func (r *Reader) form(itab image.Addr) (addrForm, error) {
	form, ok := r.forms[itab]
	if !ok {
		form, form.err = r.addrForm(itab)
		if len(r.forms) >= maxForms {
			clear(r.forms)
		}
		r.forms[itab] = form
	}
	return form, form.err
}

// addrForm finds out what an itab's type is and where it has its parts.
func (r *Reader) addrForm(itab image.Addr) (addrForm, error) {
	c := r.p.Image.Cursor()
	inter, at := c.Addr(itab+itabInter), c.Addr(itab+itabType)
	if c.Err() != nil {
		return addrForm{}, c.Err()
	}
	types := r.p.Exe.Types()
	implemented, err := types.At(r.p.Static(inter))
	if err != nil || implemented.Kind != reflect.Interface {
		return addrForm{}, errNoAddr
	}
	pointer, err := types.At(r.p.Static(at))
	if err != nil {
		return addrForm{}, fmt.Errorf("%w: %w", errNoAddr, err)
	}
	form := addrForm{of: implemented.String, name: pointer.String}
	if pointer.Kind != reflect.Pointer {
		return form, nil // a type of the program's own
	}
	elem, err := types.At(pointer.Elem)
	if err != nil {
		return addrForm{}, fmt.Errorf("%w: %w", errNoAddr, err)
	}
	if elem.PkgPath != "net" || elem.Kind != reflect.Struct {
		return form, nil
	}
	form.size = elem.Size
	for _, f := range elem.Fields {
		form.place(f)
	}
	switch form.name {
	case "*net.TCPAddr", "*net.UDPAddr":
		form.known = form.ip.present && form.port.present && form.zone.present
	case "*net.IPAddr":
		form.known = form.ip.present && form.zone.present
	case "*net.UnixAddr":
		form.known = form.path.present
	}
	return form, nil
}

// place notes where a field is, if it has the kind that it should.
func (a *addrForm) place(f exe.Field) {
	at := optional{f.Offset, true}
	switch {
	case f.Offset+f.Size > a.size || f.Offset+f.Size < f.Offset:
	case f.Name == "IP" && f.Kind == reflect.Slice && f.Size == 24:
		a.ip = at
	case f.Name == "Port" && f.Kind == reflect.Int && f.Size == 8:
		a.port = at
	case f.Name == "Zone" && f.Kind == reflect.String && f.Size == 16:
		a.zone = at
	case f.Name == "Name" && f.Kind == reflect.String && f.Size == 16:
		a.path = at
	}
}
