package main

import (
	"net"
	"os"
	"syscall"
	"time"
)

// keep holds the other ends of what goroutines wait for.
var keep []interface{}

// descriptors are waits for the outside.
func descriptors() {
	tcp()
	unix()
	udp()
	pipes()
	spawn(blockedSyscall)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// control is what has a file descriptor.
type control interface {
	SyscallConn() (syscall.RawConn, error)
}

// descriptor is the file descriptor of a connection or file.
func descriptor(c control) (fd uintptr) {
	raw, err := c.SyscallConn()
	must(err)
	must(raw.Control(func(n uintptr) { fd = n }))
	return fd
}

// conn notes that the calling goroutine waits for a connection.
func conn(mode string, c net.Conn, deadline int64) {
	p := poll{id: goid(), mode: mode, fd: descriptor(c.(control)), network: c.LocalAddr().Network(), local: c.LocalAddr().String(), deadline: deadline}
	if r := c.RemoteAddr(); r != nil {
		p.remote = r.String()
	}
	notePoll(p)
}

// connect returns both ends of a connection.
func connect(l net.Listener) (client, server net.Conn) {
	client, err := net.Dial(l.Addr().Network(), l.Addr().String())
	must(err)
	server, err = l.Accept()
	must(err)
	return client, server
}

func accept(shape string, l net.Listener) {
	spawn(func() {
		notePoll(poll{id: goid(), mode: "read", fd: descriptor(l.(control)), network: l.Addr().Network(), local: l.Addr().String()})
		wait(shape, live, "read")
		c, err := l.Accept()
		println(c, err)
	})
}

func read(shape string, c net.Conn, deadline time.Duration) {
	spawn(func() {
		unix := int64(0)
		if deadline != 0 {
			at := time.Now().Add(deadline)
			unix = at.UnixNano()
			must(c.SetReadDeadline(at))
		}
		conn("read", c, unix)
		wait(shape, live, "read")
		var b [100]byte
		n, err := c.Read(b[:])
		println(n, err)
	})
}

func tcp() {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(err)
	client, server := connect(l)
	keep = append(keep, client)
	read("read from a TCP connection", server, 0)
	client, server = connect(l)
	keep = append(keep, client)
	read("read from a TCP connection with a deadline", server, 2*time.Hour)
	client, server = connect(l)
	keep = append(keep, client)
	spawn(func() {
		must(server.(*net.TCPConn).SetWriteBuffer(4096))
		conn("write", server, 0)
		wait("write to a TCP connection that nobody reads", live, "write")
		b := make([]byte, 64<<10)
		for {
			if _, err := server.Write(b); err != nil {
				println(err.Error())
			}
		}
	})
	accept("accept TCP connections", l)
	l6, err := net.Listen("tcp6", "[::1]:0")
	if err == nil {
		accept("accept TCP connections by IPv6", l6)
	}
}

func unix() {
	l, err := net.Listen("unix", "socket")
	must(err)
	client, server := connect(l)
	keep = append(keep, client)
	read("read from a unix connection", server, 0)
	accept("accept unix connections", l)
	must(os.Remove("socket"))
}

func udp() {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	must(err)
	spawn(func() {
		conn("read", c.(net.Conn), 0)
		wait("read UDP packets", live, "read")
		var b [100]byte
		n, _, err := c.ReadFrom(b[:])
		println(n, err)
	})
}

// pipes are files in the poller; of two readers of one, the second waits for the first.
func pipes() {
	r, w, err := os.Pipe()
	must(err)
	keep = append(keep, w)
	for _, shape := range []string{"read from a pipe", "wait for another reader of a pipe"} {
		shape := shape
		spawn(func() {
			op := "lock"
			if shape == "read from a pipe" {
				op = "read"
				notePoll(poll{id: goid(), mode: "read", fd: descriptor(r), network: "pipe"})
			}
			wait(shape, live, op)
			var b [1]byte
			n, err := r.Read(b[:])
			println(n, err)
		})
		pause()
	}
	full, fill, err := os.Pipe()
	must(err)
	keep = append(keep, full)
	spawn(func() {
		notePoll(poll{id: goid(), mode: "write", fd: descriptor(fill), network: "pipe"})
		wait("write to a full pipe", live, "write")
		n, err := fill.Write(make([]byte, 1<<20))
		println(n, err)
	})
}

// blockedSyscall holds a thread.
func blockedSyscall() {
	var fd [2]int
	must(syscall.Pipe(fd[:]))
	notePoll(poll{id: goid(), mode: "call", fd: uintptr(fd[0]), network: "pipe"})
	wait("read system call", live, "call")
	var b [1]byte
	n, err := syscall.Read(fd[0], b[:])
	println(n, err)
}
