package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"reflect"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"

	"example.com/scenarios/park"
	"example.com/scenarios/truth"
)

// newer starts goroutines that need a newer Go than 1.18.
var newer []func()

// service is a web server and its own clients.
type service struct {
	mu       sync.Mutex
	accounts cache[string, *account]
	audits   chan *account
	stop     chan struct{}
	url      string
}

type account struct {
	name  string
	owner *owner
	next  *account
}

type owner struct{ email string }

// cache is a map with a lock, for whatever it holds.
type cache[K comparable, V any] struct {
	mu sync.RWMutex
	m  map[K]V
}

//go:noinline
func (c *cache[K, V]) get(k K, load func(K) V) V {
	c.mu.RLock()
	v, ok := c.m[k]
	c.mu.RUnlock()
	if ok {
		return v
	}
	return c.fill(k, load)
}

//go:noinline
func (c *cache[K, V]) fill(k K, load func(K) V) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := load(k)
	c.m[k] = v
	return v
}

// crashServer dies of a nil pointer far down in a goroutine that a request started.
func crashServer() {
	s := startWorld()
	s.get("/audit?account=jane")
	park.Forever()
}

// crashServerOtherBug dies of an index out of range in another place.
func crashServerOtherBug() {
	s := startWorld()
	s.get("/report?page=9")
	park.Forever()
}

// serveUntilKilled works until a signal ends it.
func serveUntilKilled() {
	startWorld()
	truth.Tell("serve", nil)
	park.Forever()
}

// startWorld starts the server, its clients and goroutines in all kinds of wait.
func startWorld() *service {
	park.All()
	for _, f := range newer {
		f()
	}
	s := &service{accounts: cache[string, *account]{m: map[string]*account{}}, audits: make(chan *account), stop: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	s.url = "http://" + l.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("/slow", s.slow)
	mux.HandleFunc("/locked", s.locked)
	mux.HandleFunc("/stream", s.stream)
	mux.HandleFunc("/upload", s.upload)
	mux.HandleFunc("/audit", s.audit)
	mux.HandleFunc("/report", report)
	mux.HandleFunc("/panic", func(w http.ResponseWriter, r *http.Request) { panic("recovered and logged by net/http") })
	mux.Handle("/", logged(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "hello") })))
	srv := &http.Server{Handler: logged(mux), ReadHeaderTimeout: time.Minute}
	go srv.Serve(l)
	s.clients()
	labelled()
	park.Go(s.auditor)
	park.Go(s.background)
	park.Go(func() { reflect.ValueOf(s).MethodByName("Reflected").Call([]reflect.Value{reflect.ValueOf(3)}) })
	park.Settle()
	time.Sleep(200 * time.Millisecond)
	return s
}

// logged is middleware: closures over closures.
func logged(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func(start time.Time) {
			if v := recover(); v != nil {
				panic(v)
			}
			_ = time.Since(start)
		}(time.Now())
		h.ServeHTTP(w, r)
	})
}

func (s *service) slow(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Hour)
	defer cancel()
	select {
	case <-ctx.Done():
	case <-s.stop:
	}
}

func (s *service) locked(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	<-s.stop
}

func (s *service) stream(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, "first")
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func (s *service) upload(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
}

// audit starts the goroutine that dies.
func (s *service) audit(w http.ResponseWriter, r *http.Request) {
	a := s.accounts.get(r.URL.Query().Get("account"), load)
	go s.check(a)
	<-s.stop
}

func load(name string) *account {
	first := &account{name: name}
	for i := 0; i < 40; i++ {
		first = &account{name: name, next: first, owner: &owner{"jane@example.com"}}
	}
	return first
}

func (s *service) check(a *account) {
	defer s.mu.TryLock()
	defer func() {
		if v := recover(); v != nil {
			panic(v) // seen, and not dealt with
		}
	}()
	truth.Tell("crashserver", nil)
	verify(a, func(o *owner) bool { return len(o.email) > 0 })
}

//go:noinline
func verify(a *account, ok func(*owner) bool) bool {
	defer nothing(a)
	if a.next != nil {
		return verify(a.next, ok)
	}
	return ok(a.owner)
}

//go:noinline
func nothing(*account) {}

func report(w http.ResponseWriter, r *http.Request) {
	go func() {
		truth.Tell("crashserver2", nil)
		fmt.Fprintln(w, page([]string{"a", "b"}, len(r.URL.Query().Get("page"))*9))
	}()
}

//go:noinline
func page(pages []string, n int) string { return pages[n] }

// clients starts requests that will not be answered.
func (s *service) clients() {
	s.get("/")
	s.get("/panic")
	for _, path := range []string{"/slow", "/slow", "/locked", "/locked"} {
		path := path
		park.Go(func() {
			park.Ready()
			s.get(path)
		})
	}
	park.Go(func() {
		resp, err := http.Get(s.url + "/stream")
		if err != nil {
			panic(err)
		}
		park.Ready()
		io.Copy(io.Discard, resp.Body)
	})
	park.Go(func() {
		r, w := io.Pipe()
		go fmt.Fprint(w, "part")
		park.Ready()
		http.Post(s.url+"/upload", "text/plain", r)
	})
}

func (s *service) get(path string) {
	c := &http.Client{Timeout: time.Hour}
	resp, err := c.Get(s.url + path)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
}

// labelled starts goroutines with labels, one of them through another.
func labelled() {
	truth.Labels["worker"], truth.Labels["tenant"] = "42", "blue"
	park.Go(func() {
		pprof.Do(context.Background(), pprof.Labels("worker", "42", "tenant", "blue"), func(ctx context.Context) {
			park.Go(func() {
				pprof.Do(ctx, pprof.Labels("step", "2"), func(context.Context) { park.Ready(); park.Forever() })
			})
			park.Ready()
			park.Forever()
		})
	})
	truth.Labels["step"] = "2"
}

func (s *service) auditor() {
	park.Ready()
	for a := range s.audits {
		fmt.Fprintln(os.Stderr, a.name)
	}
}

// background is the usual loop of a worker.
func (s *service) background() {
	runtime.LockOSThread()
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	var buf bytes.Buffer
	park.Ready()
	for {
		select {
		case <-tick.C:
			buf.WriteByte('.')
		case <-s.stop:
			return
		}
	}
}

// Reflected is called through reflect.
func (s *service) Reflected(n int) {
	swap := reflect.MakeFunc(reflect.TypeOf(func(int, int) (int, int) { return 0, 0 }), func(in []reflect.Value) []reflect.Value {
		park.Ready()
		park.Forever()
		return []reflect.Value{in[1], in[0]}
	})
	a, b := swap.Interface().(func(int, int) (int, int))(n, n+1)
	fmt.Println(a, b)
}
