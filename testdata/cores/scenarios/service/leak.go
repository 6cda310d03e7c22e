package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	leaks     = 2000
	leakBytes = 4 << 10 // that each keeps
)

var errTimeout = errors.New("timeout")

// leak has handled requests whose fetches came too late.
func leak(mux *http.ServeMux, l net.Listener) map[string]string {
	served := make(chan error)
	mux.HandleFunc("/fetch", func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < leaks; i++ {
			if _, err := fetch(i); err != errTimeout {
				panic(err)
			}
		}
		io.WriteString(w, "late\n")
		served <- nil
	})
	ask(l, "/fetch")
	<-served
	return map[string]string{"leaks": strconv.Itoa(leaks), "bytes_each": strconv.Itoa(leakBytes)}
}

// fetch gives up before its goroutine has anything; that will stay in its send.
//
//go:noinline
func fetch(n int) ([]byte, error) {
	c := make(chan []byte)
	late := make(chan struct{})
	go func() {
		<-late
		c <- load(n)
	}()
	t := time.NewTimer(10 * time.Microsecond)
	defer t.Stop()
	defer close(late)
	select {
	case b := <-c:
		return b, nil
	case <-t.C:
		return nil, errTimeout
	}
}

//go:noinline
func load(n int) []byte {
	b := make([]byte, leakBytes)
	for i := range b {
		b[i] = byte(n)
	}
	return b
}
