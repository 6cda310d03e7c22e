// Service is a web server that is healthy, that hangs in a deadlock, or that leaks goroutines. It is ended from outside,
// once it has told what is known of it.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/scenarios/truth"
)

// modes prepare the server and its clients, and return what is known.
var modes = map[string]func(*http.ServeMux, net.Listener) map[string]string{
	"idle": idle,
	"hang": hang,
	"leak": leak,
}

func main() {
	if len(os.Args) != 2 || modes[os.Args[1]] == nil {
		println("usage: service idle|hang|leak")
		os.Exit(2)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(err)
	mux := http.NewServeMux()
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() { must(server.Serve(l)) }()
	values := modes[os.Args[1]](mux, l)
	values["address"] = l.Addr().String()
	time.Sleep(200 * time.Millisecond)
	truth.Tell(os.Args[1], values)
	<-stop
	must(server.Close())
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// clients are connections to the server that have asked for something.
var clients []net.Conn

// ask sends a request on a connection of its own and does not wait for the answer.
func ask(l net.Listener, path string) net.Conn {
	c, err := net.Dial("tcp4", l.Addr().String())
	must(err)
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: service\r\n\r\n", path)
	must(err)
	clients = append(clients, c)
	return c
}
