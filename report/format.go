package report

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Format is a form of the report.
type Format string

const (
	Text        Format = "text"
	Markdown    Format = "markdown"
	JSON        Format = "json"
	JSONSummary Format = "json-summary"
)

// Formats lists all forms, with the extension of a file that holds each. A file's
// extension names the first that has it.
var Formats = []struct {
	Format    Format
	Extension string
}{
	{Text, ".txt"},
	{Markdown, ".md"},
	{JSON, ".json"},
	{JSONSummary, ".summary.json"},
}

// ParseFormat reads a format's name; the error lists the names.
func ParseFormat(s string) (Format, error) {
	var known []string
	for _, f := range Formats {
		if s == string(f.Format) {
			return f.Format, nil
		}
		known = append(known, string(f.Format))
	}
	return "", fmt.Errorf("unknown format %q: known are %s", s, strings.Join(known, ", "))
}

// FormatOf is the format that a file's name asks for; ok is false when its
// extension is none of a report.
func FormatOf(file string) (f Format, ok bool) {
	name := strings.ToLower(filepath.Base(file))
	if strings.HasSuffix(name, ".markdown") {
		return Markdown, true
	}
	longest := 0
	for _, k := range Formats {
		if strings.HasSuffix(name, k.Extension) && len(k.Extension) > longest {
			f, longest = k.Format, len(k.Extension)
		}
	}
	return f, longest > 0
}

// Config is how to render.
type Config struct {
	Format Format
	// Width is the number of columns of text output; 0 stands for 100.
	Width int
	// Color lets text output use ANSI colors: for terminals only.
	Color bool
}

// Render writes the report. The same document and configuration give the same
// bytes. Its own memory does not grow with the number of goroutines.
func Render(w io.Writer, cfg Config, v *View) error {
	switch cfg.Format {
	case Text:
		return renderText(w, v.page(), cfg)
	case Markdown:
		return renderMarkdown(w, v.page())
	case JSON:
		return renderJSON(w, v.doc)
	case JSONSummary:
		return renderSummary(w, v.doc)
	}
	_, err := ParseFormat(string(cfg.Format))
	return err
}
