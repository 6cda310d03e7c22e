package park

import "runtime"

// shapes starts goroutines whose stacks are of interest more than what they wait for.
func shapes() {
	Go(closures("outer"))
	Go((&visitor{name: "method value"}).visit)
	var w waiter = wrapped{&visitor{name: "wrapper"}}
	Go(w.visit)
	Go(generic[int])
	q := &queue[string]{items: make(chan string)}
	Go(q.pop)
	p := pair[int, *queue[string]]{b: q}
	Go(p.wait)
	Go(func() { descend(150, new([4]int)) })
	Go(func() { inlined(3) })
	Go(bigFrame)
	started.Add(1)
	go arguments(1, "two", []int{3}, 4.5, map[string]int{"five": 5}, struct{ a, b int8 }{6, 7}, nil)
	Go(nestedCreator)
	Go(chained(generic[string]))
}

func closures(name string) func() {
	n := 0
	return func() {
		n++
		func() {
			defer func() { n-- }()
			Ready()
			func() {
				Forever()
				println(name, n)
			}()
		}()
	}
}

type waiter interface{ visit() }

type visitor struct{ name string }

//go:noinline
func (v *visitor) visit() {
	Ready()
	Forever()
	println(v.name)
}

// wrapped has a compiler-made visit that calls the embedded one.
type wrapped struct{ *visitor }

//go:noinline
func generic[T any]() {
	var zero T
	Ready()
	Forever()
	_ = zero
}

type queue[T any] struct{ items chan T }

//go:noinline
func (q *queue[T]) pop() {
	Ready()
	q.receive(func(T) {})
}

//go:noinline
func (q *queue[T]) receive(f func(T)) { f(<-q.items) }

type pair[A comparable, B any] struct {
	a A
	b B
}

//go:noinline
func (p pair[A, B]) wait() {
	func() {
		Ready()
		Forever()
	}()
}

// descend parks n calls down.
//
//go:noinline
func descend(n int, pad *[4]int) int {
	if n == 0 {
		Ready()
		Forever()
	}
	pad[n%4] += n
	return descend(n-1, pad) + pad[0]
}

func inlined(n int) int { return middle(n) + 1 }
func middle(n int) int  { return inner(n) * 2 }
func inner(n int) int {
	ready := Ready
	ready()
	<-never
	return n
}

// bigFrame has a frame of several pages.
func bigFrame() {
	var a [20000]byte
	for i := range a {
		a[i] = byte(i)
	}
	Ready()
	Forever()
	runtime.KeepAlive(&a)
}

//go:noinline
func arguments(i int, s string, l []int, f float64, m map[string]int, t struct{ a, b int8 }, e error) {
	Ready()
	Forever()
	println(i, s, len(l), f, len(m), t.a, e)
}

func nestedCreator() {
	Go(func() {
		Go(func() {
			Ready()
			Forever()
		})
		Ready()
		Forever()
	})
	Ready()
	Forever()
}

func chained(f func()) func() { return func() { f() } }
