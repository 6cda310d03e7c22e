// Package truth prints what a process knows of itself just before it ends, to be compared with what is read from its
// remains. It builds its line by hand: encoding/json would double the size of the smaller binaries. From the reading of
// the statistics on it allocates nothing.
package truth

import (
	"os"
	"runtime"
	"sort"
	"strconv"
)

// Labels are the goroutine labels that some goroutine of the process has.
var Labels = map[string]string{}

var (
	buffer [64 << 10]byte
	stats  runtime.MemStats
)

// Tell writes one line of JSON to standard output; values are facts that only the scenario knows.
func Tell(scenario string, values map[string]string) {
	tell(scenario, object("labels", Labels)+object("values", values))
}

// TellMore is Tell for a process that knows more than strings: more is members of the line's object, each with a comma
// before it, and with them go the statistics by size class.
func TellMore(scenario string, more string) { tell(scenario, more) }

// tell writes the line, where more is what follows the numbers.
func tell(scenario, more string) {
	limit, pid, version := memoryLimit(), os.Getpid(), runtime.Version()
	line := append(buffer[:0], `{"scenario":`...)
	line = strconv.AppendQuote(line, scenario)
	line = append(line, `,"go":`...)
	line = strconv.AppendQuote(line, version)
	runtime.ReadMemStats(&stats)
	for _, f := range [...]struct {
		name  string
		value uint64
	}{
		{"pid", uint64(pid)},
		{"gomaxprocs", uint64(runtime.GOMAXPROCS(0))},
		{"goroutines", uint64(runtime.NumGoroutine())},
		{"cgo_calls", uint64(runtime.NumCgoCall())},
		{"heap_alloc", stats.HeapAlloc},
		{"heap_inuse", stats.HeapInuse},
		{"heap_idle", stats.HeapIdle},
		{"heap_released", stats.HeapReleased},
		{"heap_sys", stats.HeapSys},
		{"heap_objects", stats.HeapObjects},
		{"mallocs", stats.Mallocs},
		{"frees", stats.Frees},
		{"total_alloc", stats.TotalAlloc},
		{"stack_inuse", stats.StackInuse},
		{"stack_sys", stats.StackSys},
		{"mspan_inuse", stats.MSpanInuse},
		{"mcache_inuse", stats.MCacheInuse},
		{"buckhash_sys", stats.BuckHashSys},
		{"gc_sys", stats.GCSys},
		{"other_sys", stats.OtherSys},
		{"sys", stats.Sys},
		{"next_gc", stats.NextGC},
		{"num_gc", uint64(stats.NumGC)},
		{"num_forced_gc", uint64(stats.NumForcedGC)},
		{"pause_total_ns", stats.PauseTotalNs},
		{"last_gc_unix_ns", stats.LastGC},
		{"memory_limit", limit},
	} {
		line = append(append(append(line, `,"`...), f.name...), `":`...)
		line = strconv.AppendUint(line, f.value, 10)
	}
	line = append(line, more...)
	line = append(line, `,"by_size":[`...)
	for i := range stats.BySize {
		class := &stats.BySize[i]
		if class.Mallocs == 0 {
			continue
		}
		if line[len(line)-1] != '[' {
			line = append(line, ',')
		}
		line = strconv.AppendUint(append(line, '['), uint64(class.Size), 10)
		line = strconv.AppendUint(append(line, ','), class.Mallocs, 10)
		line = strconv.AppendUint(append(line, ','), class.Frees, 10)
		line = append(line, ']')
	}
	os.Stdout.Write(append(line, "]}\n"...))
}

func object(name string, m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	s := ""
	for _, k := range keys {
		s += "," + strconv.Quote(k) + ":" + strconv.Quote(m[k])
	}
	return `,"` + name + `":{` + s[1:] + "}"
}
