package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"
)

const (
	balanceRequests = 280
	ledgerWorkers   = 20
)

// Ledger and Cache lock each other in different orders.
type Ledger struct {
	mu      sync.Mutex
	entries map[string]int
	cache   *Cache
}

type Cache struct {
	mu     sync.Mutex
	values map[string]int
	ledger *Ledger
}

// Both have their lock before either goes on; what they are is told on posted and evicted.
var (
	meet            sync.WaitGroup
	posted, evicted = make(chan string, 1), make(chan string, 1)
)

// Post has the ledger and wants the cache.
func (l *Ledger) Post(name string, amount int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[name] += amount
	posted <- goid()
	meet.Done()
	meet.Wait()
	l.cache.Put(name, l.entries[name])
}

// Put is called with the ledger's lock held.
//
//go:noinline
func (c *Cache) Put(name string, value int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[name] = value
}

// Evict has the cache and wants the ledger.
func (c *Cache) Evict(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	evicted <- goid()
	meet.Done()
	meet.Wait()
	if c.ledger.Balance(name) == 0 {
		delete(c.values, name)
	}
}

// Balance is what everybody wants.
//
//go:noinline
func (l *Ledger) Balance(name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries[name]
}

// hang leaves one handler that posts, one that evicts, and all others behind the first.
func hang(mux *http.ServeMux, l net.Listener) map[string]string {
	ledger, cache := &Ledger{entries: map[string]int{}}, &Cache{values: map[string]int{}}
	ledger.cache, cache.ledger = cache, ledger
	meet.Add(2)
	mux.HandleFunc("/post", func(w http.ResponseWriter, r *http.Request) { ledger.Post("a", 1) })
	mux.HandleFunc("/evict", func(w http.ResponseWriter, r *http.Request) { cache.Evict("a") })
	mux.HandleFunc("/balance", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strconv.Itoa(ledger.Balance(r.URL.RawQuery)))
	})
	ask(l, "/post")
	ask(l, "/evict")
	values := map[string]string{
		"has_ledger": <-posted, "has_cache": <-evicted,
		"ledger": fmt.Sprintf("%#x", unsafe.Pointer(&ledger.mu)), "cache": fmt.Sprintf("%#x", unsafe.Pointer(&cache.mu)),
		"behind": strconv.Itoa(balanceRequests + ledgerWorkers),
	}
	for i := 0; i < balanceRequests; i++ {
		ask(l, "/balance?a")
	}
	for i := 0; i < ledgerWorkers; i++ {
		go audit(ledger)
	}
	time.Sleep(time.Second)
	return values
}

func audit(l *Ledger) {
	for l.Balance("a") >= 0 {
		time.Sleep(time.Second)
	}
}

// goid is the id of the calling goroutine.
func goid() string {
	var b [64]byte
	return strings.Fields(string(b[:runtime.Stack(b[:], false)]))[1]
}
