package facts_test

import (
	"encoding/json"
	"math"
	"testing"

	"postmortem/analyzer/facts"
)

func TestWord(t *testing.T) {
	for w, want := range map[facts.Word]string{
		0:              `"0x0"`,
		0xc000012345:   `"0xc000012345"`,
		math.MaxUint64: `"0xffffffffffffffff"`,
		1<<53 + 1:      `"0x20000000000001"`,
	} {
		b, err := json.Marshal(w)
		if err != nil || string(b) != want {
			t.Errorf("Marshal(%#x) = %s, %v; want %s", uint64(w), b, err, want)
		}
		var back facts.Word
		if err := json.Unmarshal([]byte(want), &back); err != nil || back != w {
			t.Errorf("Unmarshal(%s) = %#x, %v", want, uint64(back), err)
		}
	}
	for _, bad := range []string{`12`, `"12"`, `"0x"`, `"0xg"`, `"0x10000000000000000"`, `null`, `"0x-1"`, `"0x+1"`} {
		var w facts.Word
		if err := json.Unmarshal([]byte(bad), &w); err == nil {
			t.Errorf("Unmarshal(%s) = %#x, want an error", bad, uint64(w))
		}
	}
}

func TestMaybe(t *testing.T) {
	type doc struct {
		A facts.Maybe[int]        `json:"a"`
		B facts.Maybe[string]     `json:"b"`
		C facts.Maybe[facts.Word] `json:"c"`
	}
	for _, tt := range []struct {
		in   doc
		want string
	}{
		{doc{}, `{"a":null,"b":null,"c":null}`},
		{doc{facts.Some(0), facts.Some(""), facts.Some(facts.Word(16))}, `{"a":0,"b":"","c":"0x10"}`},
	} {
		b, err := json.Marshal(tt.in)
		if err != nil || string(b) != tt.want {
			t.Errorf("Marshal(%+v) = %s, %v; want %s", tt.in, b, err, tt.want)
		}
		var back doc
		if err := json.Unmarshal(b, &back); err != nil || back != tt.in {
			t.Errorf("Unmarshal(%s) = %+v, %v; want %+v", b, back, err, tt.in)
		}
	}
	var m facts.Maybe[int]
	if err := json.Unmarshal([]byte(`"x"`), &m); err == nil {
		t.Error("a string was taken for an int")
	}
}
