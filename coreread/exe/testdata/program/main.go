// Program is analysed by the tests of package exe. Run, it shows its own
// read-only memory: for every mapping of its file without write permission a line
// "start length" in hexadecimal and the bytes, after a line with the address of
// main.main and of the variable Counter.
package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"
)

// Counter is a variable that the tests look up.
var Counter int64 = 42

type pair[K comparable, V any] struct {
	key   K
	value V
}

type list[T any] struct{ items []T }

func (l *list[T]) add(x T) { l.items = append(l.items, x) }

func mapOf[T, U any](in []T, f func(T) U) (out []U) {
	for _, x := range in {
		out = append(out, f(x))
	}
	return out
}

type shape interface{ area() float64 }

type square struct{ side float64 }

func (s square) area() float64 { return s.side * s.side }

func twice(n int) int { return scaled(n) * 2 }

func scaled(n int) int {
	if n > 100 {
		return n - len(os.Args)
	}
	return n + len(os.Args)
}

type reader struct {
	maps *bufio.Scanner
	mem  *os.File
	out  *bufio.Writer
}

// next copies the next mapping of the program's file that nobody writes to.
func (r *reader) next(path string) bool {
	for r.maps.Scan() {
		line := r.maps.Text()
		fields := strings.Fields(line)
		if !strings.HasSuffix(line, path) || strings.Contains(fields[1], "w") {
			continue
		}
		var start, end int64
		if _, err := fmt.Sscanf(fields[0], "%x-%x", &start, &end); err != nil {
			panic(err)
		}
		data := make([]byte, end-start)
		if _, err := r.mem.ReadAt(data, start); err != nil {
			panic(err)
		}
		fmt.Fprintf(r.out, "%x %x\n", start, len(data))
		r.out.Write(data)
		return true
	}
	return false
}

func open(path string) *os.File {
	f, err := os.Open(path)
	if err != nil {
		panic(err)
	}
	return f
}

func main() {
	l := &list[pair[string, int]]{}
	l.add(pair[string, int]{"a", twice(3)})
	sort.Slice(l.items, func(i, j int) bool { return l.items[i].value < l.items[j].value })
	names := mapOf(l.items, func(p pair[string, int]) string { return strings.ToUpper(p.key) })
	var s shape = &square{float64(len(names))}
	done := make(chan float64)
	go func() { done <- s.area() }()
	<-done
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	r := &reader{maps: bufio.NewScanner(open("/proc/self/maps")), mem: open("/proc/self/mem"), out: bufio.NewWriter(os.Stdout)}
	defer r.out.Flush()
	fmt.Fprintf(r.out, "%x %x\n", reflect.ValueOf(main).Pointer(), reflect.ValueOf(&Counter).Pointer())
	for r.next(path) {
	}
}
