package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	idleConnections = 200
	poolWorkers     = 8
)

type task struct {
	name string
	done chan struct{}
}

// sessions is a cache with a janitor.
type sessions struct {
	mu   sync.RWMutex
	seen map[string]time.Time
}

// idle has answered each client once; all connections are kept, all workers wait for work, and tickers tick.
func idle(mux *http.ServeMux, l net.Listener) map[string]string {
	tasks := make(chan task)
	for i := 0; i < poolWorkers; i++ {
		go work(tasks)
	}
	s := &sessions{seen: map[string]time.Time{}}
	go s.clean(context.Background())
	for _, period := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
		go tick(period)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.see(r.RemoteAddr)
		t := task{name: r.URL.Path, done: make(chan struct{})}
		tasks <- t
		<-t.done
		io.WriteString(w, "hello\n")
	})
	for i := 0; i < idleConnections; i++ {
		r, err := http.ReadResponse(bufio.NewReader(ask(l, "/hello")), nil)
		must(err)
		_, err = io.Copy(io.Discard, r.Body)
		must(err)
	}
	return map[string]string{"connections": strconv.Itoa(idleConnections), "workers": strconv.Itoa(poolWorkers), "tickers": "4"}
}

func work(tasks <-chan task) {
	for t := range tasks {
		close(t.done)
	}
}

func tick(period time.Duration) {
	t := time.NewTicker(period)
	defer t.Stop()
	for range t.C {
	}
}

func (s *sessions) see(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[name] = time.Now()
}

func (s *sessions) clean(ctx context.Context) {
	t := time.NewTicker(5 * time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			s.mu.Lock()
			for name, at := range s.seen {
				if now.Sub(at) > time.Hour {
					delete(s.seen, name)
				}
			}
			s.mu.Unlock()
		}
	}
}
