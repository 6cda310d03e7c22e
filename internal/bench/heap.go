package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed testdata/heap/main.go
var usersSource string

const (
	objectsPerUser = 12
	collections    = 5
	// allowance is the memory that postmortem may have whatever the size of the heap, in bytes, and perObject what
	// it may have for each object.
	allowance = 150 << 20
	perObject = 64
)

// millions are the sizes of the heaps, in objects; the last one is compared with the collector.
var millions = []int{1, 2, 4, 8, 12}

// rounds is how many processes of the last size live, collect and die: what the
// machine has to do besides changes over minutes, and weighs on a process's
// collections and on the analysis right after them alike.
const rounds = 5

// A heapRun is one dead process and what postmortem took for it.
type heapRun struct {
	objects int64
	bytes   int64
	gc      time.Duration // median of its collections
	whole   usage         // of analyze
	rest    usage         // of analyze --no-heap
}

// heaps measures postmortem on heaps of growing size.
func heaps(dir, tool string, opt options) error {
	if opt.core != "" {
		var r heapRun
		err := r.analyze(dir, tool, opt.core, opt.binary, opt.runs)
		if err == nil {
			r.print()
		}
		return err
	}
	binary, err := victim{source: usersSource, toolchain: opt.toolchain}.build(dir)
	if err != nil {
		return err
	}
	fmt.Printf("%10s %9s %9s %10s %10s %12s %10s %12s %10s\n",
		"objects", "heap", "GC", "analyze", "--no-heap", "heap part", "ns/object", "anonymous", "x GC")
	var last []heapRun
	for i, m := range millions {
		times, runs := 1, opt.runs
		if i == len(millions)-1 {
			times, runs = rounds, 1
		}
		for range times {
			r, err := measureHeap(dir, tool, binary, m*1_000_000/objectsPerUser, runs)
			if err != nil {
				return err
			}
			r.printRow()
			if times > 1 {
				last = append(last, r)
			}
		}
	}
	fmt.Println()
	compare(last)
	return nil
}

// measureHeap lets a process with that many users die and analyses its core.
func measureHeap(dir, tool, binary string, users, runs int) (heapRun, error) {
	core, printed, err := kill(dir, binary, strconv.Itoa(users), strconv.Itoa(collections))
	if err != nil {
		return heapRun{}, err
	}
	defer os.RemoveAll(filepath.Dir(core))
	r, err := parseHeap(printed)
	if err != nil {
		return heapRun{}, err
	}
	return r, r.analyze(dir, tool, core, binary, runs)
}

// parseHeap reads what the process has printed: lines of a name and a number.
func parseHeap(printed string) (heapRun, error) {
	var r heapRun
	var gc []time.Duration
	for line := range strings.Lines(printed) {
		name, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return r, fmt.Errorf("the process says %q: %w", line, err)
		}
		switch name {
		case "gc":
			gc = append(gc, time.Duration(n))
		case "objects":
			r.objects = n
		case "bytes":
			r.bytes = n
		}
	}
	if len(gc) != collections || r.objects == 0 || r.bytes == 0 {
		return r, fmt.Errorf("the process died too soon: %q", printed)
	}
	r.gc = median(gc)
	return r, nil
}

func (r *heapRun) analyze(dir, tool, core, binary string, runs int) error {
	args := []string{"analyze", core, binary, "--quiet", "--format", "json", "-o", filepath.Join(dir, "report.json")}
	once := func(args ...string) func() (usage, error) {
		return func() (usage, error) { return runTool(nil, tool, args...) }
	}
	if _, err := once(append(args, "--no-heap")...)(); err != nil { // warms the page cache
		return err
	}
	r.rest = measure(runs, once(append(args, "--no-heap")...))
	r.whole = measure(runs, once(args...))
	if r.rest.err != nil {
		return r.rest.err
	}
	return r.whole.err
}

// part is what the heap costs: the medians' difference.
func (r *heapRun) part() time.Duration { return r.whole.median - r.rest.median }

// ratio is the cost of the heap in collections of it.
func (r *heapRun) ratio() float64 { return r.part().Seconds() / r.gc.Seconds() }

func (r *heapRun) printRow() {
	fmt.Printf("%10d %5d MiB %9s %10s %10s %12s %10.0f %8d MiB %10.2f\n", r.objects, r.bytes>>20, milliseconds(r.gc),
		milliseconds(r.whole.median), milliseconds(r.rest.median), milliseconds(r.part()),
		float64(r.part().Nanoseconds())/float64(r.objects), r.whole.anon>>20, r.ratio())
}

func (r *heapRun) print() {
	fmt.Printf("analyze             median %8s, best %8s, anonymous %d MiB\n", milliseconds(r.whole.median), milliseconds(r.whole.wall), r.whole.anon>>20)
	fmt.Printf("analyze --no-heap   median %8s, best %8s, anonymous %d MiB\n", milliseconds(r.rest.median), milliseconds(r.rest.wall), r.rest.anon>>20)
}

// compare prints what the analysis of a heap takes in collections of the same heap,
// by process.
func compare(all []heapRun) {
	var gc, part []time.Duration
	var ratios []float64
	anon, objects := int64(0), all[0].objects
	for _, r := range all {
		gc, part, ratios = append(gc, r.gc), append(part, r.part()), append(ratios, r.ratio())
		anon = max(anon, r.whole.anon)
	}
	slices.Sort(ratios)
	fmt.Printf("runtime.GC()        median %8s of %d processes, each the median of %d\n", milliseconds(median(gc)), len(all), collections)
	fmt.Printf("heap part           median %8s, best %8s\n", milliseconds(median(part)), milliseconds(slices.Min(part)))
	fmt.Printf("heap part           median %.2f times runtime.GC() of the same process, from %.2f to %.2f\n",
		ratios[(len(ratios)-1)/2], ratios[0], ratios[len(ratios)-1])
	fmt.Printf("anonymous memory    %.1f bytes per object; %d MiB and %d bytes per object would be %d MiB\n",
		float64(anon)/float64(objects), allowance>>20, perObject, (allowance+perObject*objects)>>20)
}
