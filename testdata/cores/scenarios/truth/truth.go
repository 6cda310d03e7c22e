// Package truth prints what a process knows of itself just before it ends, to be compared with what is read from its
// remains. It builds its line by hand: encoding/json would double the size of the smaller binaries.
package truth

import (
	"os"
	"runtime"
	"sort"
	"strconv"
)

// Labels are the goroutine labels that some goroutine of the process has.
var Labels = map[string]string{}

// Tell writes one line of JSON to standard output; values are facts that only the scenario knows.
func Tell(scenario string, values map[string]string) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	line := `{"scenario":` + strconv.Quote(scenario) + `,"go":` + strconv.Quote(runtime.Version())
	for _, f := range []struct {
		name  string
		value uint64
	}{
		{"pid", uint64(os.Getpid())},
		{"gomaxprocs", uint64(runtime.GOMAXPROCS(0))},
		{"goroutines", uint64(runtime.NumGoroutine())},
		{"cgo_calls", uint64(runtime.NumCgoCall())},
		{"heap_alloc", m.HeapAlloc},
		{"heap_inuse", m.HeapInuse},
		{"heap_sys", m.HeapSys},
		{"heap_objects", m.HeapObjects},
		{"mallocs", m.Mallocs},
		{"frees", m.Frees},
		{"stack_inuse", m.StackInuse},
		{"next_gc", m.NextGC},
		{"num_gc", uint64(m.NumGC)},
		{"num_forced_gc", uint64(m.NumForcedGC)},
		{"pause_total_ns", m.PauseTotalNs},
		{"last_gc_unix_ns", m.LastGC},
		{"memory_limit", memoryLimit()},
	} {
		line += `,"` + f.name + `":` + strconv.FormatUint(f.value, 10)
	}
	os.Stdout.WriteString(line + object("labels", Labels) + object("values", values) + "}\n")
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
