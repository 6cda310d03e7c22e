package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postmortem/analyzer/facts"
	"postmortem/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func render(t testing.TB, doc *facts.Document, cfg report.Config) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.Render(&b, cfg, report.NewView(doc)); err != nil {
		t.Fatalf("rendering %s: %v", cfg.Format, err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for name, doc := range documents() {
		for _, f := range report.Formats {
			t.Run(name+"/"+string(f.Format), func(t *testing.T) {
				got := render(t, doc, report.Config{Format: f.Format})
				if again := render(t, doc, report.Config{Format: f.Format}); !bytes.Equal(got, again) {
					t.Fatalf("two renders differ:\n%s", cmp.Diff(string(got), string(again)))
				}
				file := filepath.Join("testdata", name+f.Extension)
				if *update {
					if err := os.WriteFile(file, got, 0o666); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), string(got)); diff != "" {
					t.Errorf("%s differs (-want +got; go test ./report -update writes it anew):\n%s", file, diff)
				}
			})
		}
	}
}
