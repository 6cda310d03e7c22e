package facts_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"

	"postmortem/analyzer/facts"
)

var update = flag.Bool("update", false, "write the JSON Schema anew")

// enums are the values of the string types that have a fixed set.
var enums = map[reflect.Type][]any{
	reflect.TypeFor[facts.Class](): {facts.ClassPanic, facts.ClassFatal, facts.ClassOutOfMemory, facts.ClassInterrupted, facts.ClassDeadlock,
		facts.ClassFault, facts.ClassAborted, facts.ClassSnapshot, facts.ClassUnknown},
	reflect.TypeFor[facts.Severity]():      {facts.SeverityInfo, facts.SeverityWarning, facts.SeverityError, facts.SeverityCritical},
	reflect.TypeFor[facts.Confidence]():    {facts.ConfidencePossible, facts.ConfidenceLikely, facts.ConfidenceProven},
	reflect.TypeFor[facts.Producer]():      {facts.ProducerKernel, facts.ProducerGcore, facts.ProducerDlv, facts.ProducerUnknown},
	reflect.TypeFor[facts.Symbols]():       {facts.SymbolsDWARF, facts.SymbolsSymtab, facts.SymbolsNone},
	reflect.TypeFor[facts.CoreState]():     {facts.CoreWhole, facts.CoreCut, facts.CoreFiltered},
	reflect.TypeFor[facts.IdentityState](): {facts.IdentityVerified, facts.IdentityUnverifiable, facts.IdentityMismatchForced},
	reflect.TypeFor[facts.SectionState]():  {facts.SectionComplete, facts.SectionPartial, facts.SectionSkipped, facts.SectionAbsent},
	reflect.TypeFor[facts.CrashKind](): {facts.CrashPanic, facts.CrashFatal, facts.CrashSignal, facts.CrashDeadlock, facts.CrashOutOfMemory,
		facts.CrashAbortRequest, facts.CrashAbortSelf, facts.CrashSnapshot, facts.CrashUnknown},
	reflect.TypeFor[facts.SenderWho](): {facts.SenderSelf, facts.SenderOther, facts.SenderKernel, facts.SenderUnknown},
	reflect.TypeFor[facts.Status](): {facts.StatusIdle, facts.StatusRunnable, facts.StatusRunning, facts.StatusSyscall, facts.StatusWaiting,
		facts.StatusCopystack, facts.StatusPreempted, facts.StatusLeaked},
	reflect.TypeFor[facts.Quadrant](): {facts.QuadrantChannel, facts.QuadrantNetpoll, facts.QuadrantSyscall, facts.QuadrantGC, facts.QuadrantLock,
		facts.QuadrantTimer, facts.QuadrantRunning, facts.QuadrantRunnable, facts.QuadrantOther},
	reflect.TypeFor[facts.Trust](): {facts.TrustPclntab, facts.TrustRegisters, facts.TrustFramePointer, facts.TrustScan, facts.TrustCgo},
	reflect.TypeFor[facts.ThreadState](): {facts.ThreadGo, facts.ThreadRuntime, facts.ThreadSyscall, facts.ThreadFutex, facts.ThreadNetpoll,
		facts.ThreadSignalHandler, facts.ThreadC, facts.ThreadUnknown},
	reflect.TypeFor[facts.RootKind](): {facts.RootGlobal, facts.RootGoroutine, facts.RootThread, facts.RootFinalizer, facts.RootCleanup,
		facts.RootSpecial, facts.RootOther},
	reflect.TypeFor[facts.SuspectKind](): {facts.SuspectDominator, facts.SuspectGroup},
	reflect.TypeFor[facts.ResourceKind](): {facts.ResourceChannel, facts.ResourceNilChannel, facts.ResourceNothing, facts.ResourceMutex,
		facts.ResourceRWMutex, facts.ResourceWaitGroup, facts.ResourceCond, facts.ResourceOnce, facts.ResourceSemaphore, facts.ResourceFDLock,
		facts.ResourcePoll, facts.ResourceSyscall, facts.ResourceC, facts.ResourceSleep, facts.ResourceWorld, facts.ResourceGC,
		facts.ResourceIdle, facts.ResourceOther},
	reflect.TypeFor[facts.WaitOp](): {facts.OpSend, facts.OpReceive, facts.OpLock, facts.OpRLock, facts.OpWait, facts.OpRead, facts.OpWrite,
		facts.OpCall, facts.OpSleep, facts.OpIdle},
	reflect.TypeFor[facts.RuleState](): {facts.RuleFired, facts.RuleClear, facts.RuleSkipped, facts.RuleFailed},
	reflect.TypeFor[facts.Who]():       {facts.WhoOnCall, facts.WhoDeveloper},
}

// caps are the bounds of arrays, by struct and key.
var caps = map[string]uint64{
	"Completeness.gaps":             facts.GapsCap,
	"Waits.resources":               facts.ResourcesCap,
	"Waits.edges":                   facts.WaitEdgesCap,
	"Waits.cycles":                  facts.WaitCyclesCap,
	"Waits.head_blockers":           facts.HeadBlockersCap,
	"Resource.holders":              facts.HoldersCap,
	"ChannelState.referenced_by":    facts.ReferrersCap,
	"Heap.arenas":                   facts.ArenasCap,
	"Heap.types":                    facts.TypesCap,
	"Heap.roots":                    facts.RootsCap,
	"Heap.retained_by_group":        facts.RetainedByGroupCap,
	"Heap.dominators":               facts.DominatorsCap,
	"Heap.packages":                 facts.PackagesCap,
	"Heap.goroutines":               facts.GoroutinesRetainedCap,
	"Heap.suspects":                 facts.SuspectsCap,
	"Heap.allocation_sites":         facts.AllocationSitesCap,
	"LargeObjects.top":              facts.LargeObjectsCap,
	"Dominator.path":                facts.PathCap,
	"Suspect.path":                  facts.PathCap,
	"AllocationSite.frames":         facts.SiteFramesCap,
	"AllocationSite.retaining_path": facts.PathCap,
	"DuplicateStrings.top":          facts.WasteTopCap,
	"SpareSlices.top":               facts.WasteTopCap,
	"SparseMaps.top":                facts.WasteTopCap,
}

// orNull is a schema that also takes null.
func orNull(s *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, {Type: "null"}}}
}

// schemaOf describes the types that JSON tags do not: words, maybes, enumerations
// and what may be nil. It returns nil for the others.
func schemaOf(t reflect.Type) *jsonschema.Schema {
	switch {
	case t == reflect.TypeFor[facts.Word]():
		return &jsonschema.Schema{Type: "string", Pattern: "^0x[0-9a-f]{1,16}$"}
	case enums[t] != nil:
		return &jsonschema.Schema{Type: "string", Enum: enums[t]}
	case strings.HasPrefix(t.Name(), "Maybe["):
		return orNull(schemaOfBasic(t.Field(0).Type))
	}
	return nil
}

func schemaOfBasic(t reflect.Type) *jsonschema.Schema {
	if s := schemaOf(t); s != nil {
		return s
	}
	switch t.Kind() {
	case reflect.String:
		return &jsonschema.Schema{Type: "string"}
	case reflect.Bool:
		return &jsonschema.Schema{Type: "boolean"}
	}
	return &jsonschema.Schema{Type: "integer"}
}

// bounded writes the caps of a struct's arrays.
func bounded(s *jsonschema.Schema, name string) {
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		if n, ok := caps[name+"."+p.Key]; ok {
			p.Value.MaxItems = &n
			p.Value.Description = fmt.Sprintf("At most %d", n)
			if _, ok := s.Properties.Get(p.Key + "_total"); ok {
				p.Value.Description += ", of " + p.Key + "_total"
			}
		}
	}
}

// nullable lets every property that is a pointer, a slice or a map be null.
func nullable(s *jsonschema.Schema, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		switch f.Type.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			p, ok := s.Properties.Get(f.Tag.Get("json"))
			if ok && len(p.AnyOf) == 0 {
				if f.Type.Kind() == reflect.Map && f.Type.Elem().Kind() == reflect.Pointer {
					p.AdditionalProperties = orNull(p.AdditionalProperties)
				}
				s.Properties.Set(f.Tag.Get("json"), orNull(p))
			}
		}
	}
}

func makeSchema(t *testing.T) []byte {
	r := &jsonschema.Reflector{AllowAdditionalProperties: true, Anonymous: true, Mapper: schemaOf}
	s := r.Reflect(&facts.Document{})
	s.ID = ""
	s.Title = "A postmortem report"
	s.Description = "Version " + facts.Schema + ". null is unknown, [] is known to be none. Keys may be added; arrays that are capped have a sibling NAME_total."
	types := map[string]reflect.Type{}
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			walk(t.Elem())
		case reflect.Struct:
			if types[t.Name()] != nil {
				return
			}
			types[t.Name()] = t
			for i := range t.NumField() {
				walk(t.Field(i).Type)
			}
		}
	}
	walk(reflect.TypeFor[facts.Document]())
	for name, def := range s.Definitions {
		bounded(def, name)
		nullable(def, types[name])
	}
	if v, ok := s.Definitions["Document"].Properties.Get("schema"); ok {
		v.Const = facts.Schema
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func TestSchemaIsCurrent(t *testing.T) {
	got := makeSchema(t)
	file := filepath.Join("..", "..", "docs", "schema", "postmortem-1.json")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the structs say (-committed +structs; go test ./analyzer/facts -update writes it anew):\n%s", file, cmp.Diff(string(want), string(got)))
	}
}

// TestEveryDeathHasAnExitClass: the numbers are the contract's.
func TestEveryDeathHasAnExitClass(t *testing.T) {
	want := map[facts.Class]int{"panic": 128, "fatal": 128, "out-of-memory": 129, "interrupted": 130, "deadlock": 131, "fault": 132, "aborted": 133, "snapshot": 0, "unknown": 0}
	if diff := cmp.Diff(want, facts.ExitClasses); diff != "" {
		t.Errorf("exit classes (-contract +code):\n%s", diff)
	}
}
