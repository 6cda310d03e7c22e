package report

import "testing"

func TestPackageOf(t *testing.T) {
	for fn, want := range map[string]string{
		"main.main": "main", "net/http.(*conn).serve": "net/http", "github.com/a/b.v2/c.F": "github.com/a/b.v2/c",
		"example.com/x.Map[go.shape.int].Get": "example.com/x", "example.com/x.F[example.com/y.T]": "example.com/x", "": "", "libc.so.6+0x12": "libc",
	} {
		if got := packageOf(fn); got != want {
			t.Errorf("packageOf(%q) = %q, want %q", fn, got, want)
		}
	}
}

func TestMiddle(t *testing.T) {
	if got := middle("abcdefghijklmnopqrstuvwxyz", 10); got != "abc…uvwxyz" {
		t.Errorf("middle = %q", got)
	}
	if got := middle("short", 10); got != "short" {
		t.Errorf("middle = %q", got)
	}
}
