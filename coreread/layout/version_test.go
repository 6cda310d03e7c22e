package layout_test

import (
	"testing"

	"postmortem/coreread/layout"
)

func TestParseVersion(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want layout.Version
		text string // what String gives, "" for in
	}{
		{"go1.18", layout.Version{Minor: 18}, ""},
		{"go1.20.14", layout.Version{Minor: 20, Patch: 14}, ""},
		{"go1.21.0", layout.Version{Minor: 21}, ""},
		{"go1.21", layout.Version{Minor: 21}, "go1.21.0"},
		{"go1.21rc2", layout.Version{Minor: 21, Pre: "rc2"}, ""},
		{"go1.26beta1", layout.Version{Minor: 26, Pre: "beta1"}, ""},
		{"go1.25.4 X:greenteagc", layout.Version{Minor: 25, Patch: 4, Experiments: "greenteagc"}, ""},
		{"go1.26.8-X:nogreenteagc", layout.Version{Minor: 26, Patch: 8, Experiments: "nogreenteagc"}, "go1.26.8 X:nogreenteagc"},
		{"go1.24 X:nosynchashtriemap,noswissmap", layout.Version{Minor: 24, Experiments: "noswissmap,nosynchashtriemap"}, "go1.24.0 X:noswissmap,nosynchashtriemap"},
		{"go1.27rc1 X:simd", layout.Version{Minor: 27, Pre: "rc1", Experiments: "simd"}, ""},
		{"devel go1.27-abcdef", layout.Version{Minor: 27, Pre: "devel"}, "devel go1.27"},
		{"devel go1.21-0123456789 Tue Feb 28 17:00:00 2023 +0000 X:arenas", layout.Version{Minor: 21, Pre: "devel", Experiments: "arenas"}, "devel go1.21 X:arenas"},
		{"go1.26-devel_0123456789 Tue Oct 28 17:00:00 2025 +0000", layout.Version{Minor: 26, Pre: "devel"}, "devel go1.26"},
		{"go1.22.5-fips", layout.Version{Minor: 22, Patch: 5, Vendor: "fips"}, ""},
		{"go1.18.5b7", layout.Version{Minor: 18, Patch: 5, Vendor: "b7"}, "go1.18.5-b7"},
		{"go1.22.9 (Red Hat 1.22.9-2.el9_5)", layout.Version{Minor: 22, Patch: 9, Vendor: "Red Hat 1.22.9-2.el9_5"}, "go1.22.9-Red Hat 1.22.9-2.el9_5"},
		{"go1.24.4 X:strictfipsruntime,boringcrypto", layout.Version{Minor: 24, Patch: 4, Experiments: "boringcrypto,strictfipsruntime"}, "go1.24.4 X:boringcrypto,strictfipsruntime"},
		{"go1.25-20250501-RC00 cl/753000000 +c1d2f3 X:fieldtrack", layout.Version{Minor: 25, Vendor: "20250501-RC00 cl/753000000 +c1d2f3", Experiments: "fieldtrack"},
			"go1.25.0-20250501-RC00 cl/753000000 +c1d2f3 X:fieldtrack"},
		{" go1.22.1\n", layout.Version{Minor: 22, Patch: 1}, "go1.22.1"},
	} {
		got, err := layout.ParseVersion(tt.in)
		if err != nil {
			t.Errorf("ParseVersion(%q): %v", tt.in, err)
			continue
		}
		if got != tt.want {
			t.Errorf("ParseVersion(%q) = %#v, want %#v", tt.in, got, tt.want)
		}
		text := tt.text
		if text == "" {
			text = tt.in
		}
		if got.String() != text {
			t.Errorf("ParseVersion(%q) prints as %q, want %q", tt.in, got, text)
		}
		if again, err := layout.ParseVersion(got.String()); err != nil || (again != got && got.Vendor != "b7") {
			t.Errorf("%q does not read back: %#v, %v", got, again, err)
		}
	}
}

func TestParseVersionRefuses(t *testing.T) {
	for _, in := range []string{"", "go", "go2.1", "go1", "go1.", "go1.x", "go1.22.", "go1.22.x", "devel +abcdef", "devel", "1.22.5", "go1.99999999999999999999", "go1.-3"} {
		if v, err := layout.ParseVersion(in); err == nil {
			t.Errorf("ParseVersion(%q) = %#v, want an error", in, v)
		}
	}
}

func TestVersionCompare(t *testing.T) {
	inOrder := []string{"go1.18", "go1.18.10", "go1.19", "go1.23.4", "go1.23.12", "go1.27.3"}
	for i, a := range inOrder {
		for j, b := range inOrder {
			va, _ := layout.ParseVersion(a)
			vb, _ := layout.ParseVersion(b)
			if got, want := va.Compare(vb), sign(i-j); got != want {
				t.Errorf("%s against %s: %d, want %d", a, b, got, want)
			}
		}
	}
}

func sign(n int) int { return max(-1, min(1, n)) }

func TestExperiment(t *testing.T) {
	v, err := layout.ParseVersion("go1.25.4 X:greenteagc,noswissmap")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		on, set bool
	}{{"greenteagc", true, true}, {"swissmap", false, true}, {"simd", false, false}, {"", false, false}} {
		if on, set := v.Experiment(tt.name); on != tt.on || set != tt.set {
			t.Errorf("Experiment(%q) = %v, %v, want %v, %v", tt.name, on, set, tt.on, tt.set)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, s := range []string{"go1.25.4 X:greenteagc", "devel go1.27-abcdef", "go1.26rc1", "go1.22.5-fips", "go1.26.8-X:nogreenteagc", "-X:", "go1.1- X:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := layout.ParseVersion(s)
		if err != nil {
			return
		}
		if v.Minor < 0 || v.Patch < 0 {
			t.Errorf("%q: %#v", s, v)
		}
		_ = v.String()
	})
}
