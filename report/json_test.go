package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postmortem/analyzer/facts"
	"postmortem/report"
)

// contractKeys are the keys that outside programs rely on, typed from the contract.
// What follows "path:" is the order of the keys of the object (or of the objects of
// the array) at that path; other keys may stand between them.
const contractKeys = `
: schema tool verdict signature context target completeness crash goroutines threads scheduler gc heap
tool: version commit
verdict: class title severity confidence finding signature exit_class
signature: scheme fine coarse basis frames
target: go_version goos goarch main_module main_package vcs_revision vcs_modified build_settings deps binary core process instance_id time
target.main_module: path version
target.deps: path version
target.binary: name build_id go_build_id pie load_bias has_symtab has_dwarf
target.core: name producer compression file_bytes memory_bytes
target.process: pid comm threads
target.time: started last_seen uptime_ns basis
completeness: symbols core identity missing_bytes unreadable_goroutines unknown_type_bytes sections gaps
completeness.sections.crash: state why
completeness.gaps: what address bytes effect
crash: kind message goroutine thread frames signal dump_signal panics runtime_print_tail
crash.frames: func file line source module in_app pc static_pc inlined trust
crash.signal: number name code code_name fault_address sender source
crash.signal.sender: pid who
crash.dump_signal: number name code code_name fault_address sender source
crash.panics: message type recovered goexit
goroutines: total user system by_status by_wait_reason by_quadrant groups list
goroutines.groups: id fingerprint count status wait_reason quadrant goid_ranges waited_at_least_ns created_by label_keys pending_defers frames frames_elided cycle
goroutines.groups.waited_at_least_ns: min median max unknown
goroutines.groups.created_by: func file line
goroutines.groups.pending_defers: func file line count
goroutines.groups.frames: func file line source module in_app pc static_pc inlined trust
goroutines.list: id group start parent thread m locked waited_at_least_ns labels
goroutines.list.start: func file line
threads: tid goroutine m signal registers instruction_bytes state frames
scheduler: gomaxprocs ms idle_ms spinning_ms run_queue per_p
scheduler.per_p: id status run_queue m
gc: phase cycles stop_the_world heap_live_bytes heap_goal_bytes gogc memory_limit pauses last_gc_age_ns cpu_limiter
gc.stop_the_world: in_progress reason waiting_for
gc.memory_limit: set bytes
gc.pauses: count last_ns p50_ns p95_ns max_ns
heap: arenas spans objects object_bytes reachable_objects reachable_bytes garbage_objects garbage_bytes types roots retained_by_group dominators accounting profiles
heap.spans: in_use free by_class
heap.types: name count bytes retained_bytes
heap.roots: kind name goroutine retained_bytes
heap.retained_by_group: group bytes
heap.dominators: address type bytes retained_bytes path
heap.accounting: what bytes
`

// keyOrders collects the keys of every object of a document, by path.
func keyOrders(t *testing.T, doc []byte) map[string][][]string {
	t.Helper()
	out := map[string][][]string{}
	dec := json.NewDecoder(bytes.NewReader(doc))
	var walk func(path string) error
	walk = func(path string) error {
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		switch tok {
		case json.Delim('{'):
			var keys []string
			for dec.More() {
				k, err := dec.Token()
				if err != nil {
					return err
				}
				keys = append(keys, k.(string))
				if err := walk(strings.TrimPrefix(path+"."+k.(string), ".")); err != nil {
					return err
				}
			}
			out[path] = append(out[path], keys)
			_, err = dec.Token()
		case json.Delim('['):
			for dec.More() {
				if err := walk(path); err != nil {
					return err
				}
			}
			_, err = dec.Token()
		}
		return err
	}
	if err := walk(""); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestJSONHasTheContractsKeysInOrder(t *testing.T) {
	doc := panicked()
	doc.Completeness.Gaps = []facts.Gap{{What: "x", Effect: "y"}}
	doc.Heap = leakedHeap()
	got := keyOrders(t, render(t, doc, report.Config{Format: report.JSON}))
	for _, line := range strings.Split(strings.TrimSpace(contractKeys), "\n") {
		path, keys, _ := strings.Cut(line, ":")
		want := strings.Fields(keys)
		objects := got[path]
		if len(objects) == 0 {
			t.Errorf("%q: no such object in the document", path)
		}
		for _, have := range objects {
			var known []string
			for _, k := range have {
				if slices.Contains(want, k) {
					known = append(known, k)
				}
			}
			if !slices.Equal(known, want) {
				t.Errorf("%q: keys %v, want in this order %v", path, have, want)
			}
		}
	}
	for _, absent := range []string{"evidence"} {
		if slices.Contains(got[""][0], absent) {
			t.Errorf("%s is in the document, and not built", absent)
		}
	}
}

// TestJSONMeansWhatEncodingJSONSays holds the writer against the standard library.
func TestJSONMeansWhatEncodingJSONSays(t *testing.T) {
	for name, doc := range documents() {
		t.Run(name, func(t *testing.T) {
			got := render(t, doc, report.Config{Format: report.JSON})
			want, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			var g, w any
			if err := json.Unmarshal(got, &g); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(want, &w); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(w, g); diff != "" {
				t.Errorf("encoding/json's document and ours differ (-theirs +ours):\n%s", diff)
			}

			var back facts.Document
			if err := json.Unmarshal(got, &back); err != nil {
				t.Fatal(err)
			}
			if again := render(t, &back, report.Config{Format: report.JSON}); !bytes.Equal(got, again) {
				t.Errorf("read back and rendered again:\n%s", cmp.Diff(string(got), string(again)))
			}
			if name == "hostile" {
				return // its invalid UTF-8 is U+FFFD when read back
			}
			if diff := cmp.Diff(doc, &back); diff != "" {
				t.Errorf("read back differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJSONLayout(t *testing.T) {
	got := string(render(t, panicked(), report.Config{Format: report.JSON}))
	for _, want := range []string{
		"{\n  \"schema\": \"postmortem/1\",\n",
		"          [100, 120],\n",
		`"label_keys": ["request_id"],`,
		`"context": {},`,
		`"waiting_for": []`,
		`"load_bias": "0x0",`,
		`"finding": null,`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the document has no %q", want)
		}
	}
	if !strings.HasSuffix(got, "\n}\n") {
		t.Error("no final newline")
	}
	for i, l := range strings.Split(got, "\n") {
		if spaces := len(l) - len(strings.TrimLeft(l, " ")); spaces%2 != 0 || strings.HasSuffix(l, " ") || strings.Contains(l, "\t") {
			t.Fatalf("line %d is not laid out by two spaces: %q", i+1, l)
		}
	}
}

// TestJSONIsHarmlessOnATerminal: nothing that is not printable stands in the bytes.
func TestJSONIsHarmlessOnATerminal(t *testing.T) {
	for name, doc := range documents() {
		for _, f := range report.Formats {
			checkPrintable(t, name, f.Format, render(t, doc, report.Config{Format: f.Format}))
		}
	}
}

// discard counts what is written to it and its largest piece.
type discard struct{ bytes, largest int }

func (d *discard) Write(p []byte) (int, error) {
	d.bytes += len(p)
	d.largest = max(d.largest, len(p))
	return len(p), nil
}

func TestManyGoroutinesNeedLittleMemory(t *testing.T) {
	const n = 100_000
	doc := panicked()
	shared := doc.Goroutines.List[0]
	doc.Goroutines.List = make([]facts.Goroutine, n)
	for i := range doc.Goroutines.List {
		shared.ID = int64(i + 1)
		doc.Goroutines.List[i] = shared
	}
	for _, f := range report.Formats {
		var before, after runtime.MemStats
		var w discard
		runtime.ReadMemStats(&before)
		if err := report.Render(&w, report.Config{Format: f.Format}, report.NewView(doc)); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		// the document is some 40 MB
		if got := after.TotalAlloc - before.TotalAlloc; got > 24<<20 {
			t.Errorf("%s: allocated %d MiB for %d bytes of output", f.Format, got>>20, w.bytes)
		}
		if f.Format == report.JSON && (w.bytes < n*100 || w.largest > 1<<20) {
			t.Errorf("json: %d bytes in pieces of up to %d", w.bytes, w.largest)
		}
	}
}

func TestWriteErrorsAreReported(t *testing.T) {
	for _, f := range report.Formats {
		r, w := io.Pipe()
		r.Close()
		if err := report.Render(w, report.Config{Format: f.Format}, report.NewView(panicked())); err == nil {
			t.Errorf("%s: writing to a closed pipe gave no error", f.Format)
		}
	}
}

// fill sets everything that v holds: n elements of each array, s as each text.
func fill(v reflect.Value, n int, s string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n, s)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n, s)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(v.Index(i), n, s)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n, s)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for i := range n {
			e := reflect.New(v.Type().Elem()).Elem()
			fill(e, n, s)
			v.SetMapIndex(reflect.ValueOf(fmt.Sprintf("%s%d", s, i)).Convert(v.Type().Key()), e)
		}
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(-1 << 62)
	case reflect.Uint64:
		v.SetUint(1 << 63)
	case reflect.Float64:
		v.SetFloat(-1.0 / 3)
	}
}

func TestSummaryFits(t *testing.T) {
	for _, n := range []int{0, 1, 3, 12} {
		for _, s := range []string{"", "short", strings.Repeat("\U000e0001", 400), strings.Repeat("\x01", 9000)} {
			var doc facts.Document
			fill(reflect.ValueOf(&doc).Elem(), n, s)
			got := render(t, &doc, report.Config{Format: report.JSONSummary})
			if len(got) > 64<<10 {
				t.Errorf("%d elements, texts of %d bytes: the summary has %d bytes", n, len(s), len(got))
			}
			if !json.Valid(got) {
				t.Errorf("%d elements, texts of %d bytes: the summary is no JSON", n, len(s))
			}
		}
	}
}

func TestSummarySaysWhatItCut(t *testing.T) {
	doc := manyGroups(1000)
	doc.Crash.Message = str(strings.Repeat("é", 5000))
	var got struct {
		Verdict facts.Verdict
		Crash   struct {
			Message      string
			MessageTotal int `json:"message_total"`
		}
		Goroutines struct {
			Total       int
			Groups      []json.RawMessage
			GroupsTotal int `json:"groups_total"`
			List        []json.RawMessage
			ListTotal   int `json:"list_total"`
		}
	}
	if err := json.Unmarshal(render(t, doc, report.Config{Format: report.JSONSummary}), &got); err != nil {
		t.Fatal(err)
	}
	if got.Verdict != doc.Verdict {
		t.Errorf("verdict %+v, want %+v", got.Verdict, doc.Verdict)
	}
	g := got.Goroutines
	if g.Total != 1000 || g.GroupsTotal != 1000 || g.ListTotal != 1000 || len(g.List) != 0 || len(g.Groups) == 0 || len(g.Groups) > 20 {
		t.Errorf("total %d, groups %d of %d, list %d of %d", g.Total, len(g.Groups), g.GroupsTotal, len(g.List), g.ListTotal)
	}
	if got.Crash.MessageTotal != 10_000 || !strings.HasSuffix(got.Crash.Message, "é…") {
		t.Errorf("message %.20q… of %d bytes", got.Crash.Message, got.Crash.MessageTotal)
	}
}

// TestSummaryKeepsTheLargestCounts cuts wait reasons by how many wait, not by name.
func TestSummaryKeepsTheLargestCounts(t *testing.T) {
	doc := manyGroups(1)
	doc.Goroutines.ByWaitReason = map[string]int{"sync.Mutex.Lock": 5000}
	for i := range 40 {
		doc.Goroutines.ByWaitReason[fmt.Sprintf("chan %02d", i)] = 1
	}
	var got struct {
		Goroutines struct {
			ByWaitReason map[string]int `json:"by_wait_reason"`
		}
	}
	if err := json.Unmarshal(render(t, doc, report.Config{Format: report.JSONSummary}), &got); err != nil {
		t.Fatal(err)
	}
	if kept := got.Goroutines.ByWaitReason; kept["sync.Mutex.Lock"] != 5000 || len(kept) >= 41 {
		t.Errorf("of 41 wait reasons these are kept: %v", kept)
	}
}
