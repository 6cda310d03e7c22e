package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"postmortem/report"
)

// output is where the report goes and in which forms.
type output struct {
	formats []string
	file    string
	dir     string
}

func (o *output) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&o.formats, "format", nil, "`format` of the report: text, markdown, json or json-summary; may repeat with --out-dir (default text on a terminal, else markdown)")
	f.StringVarP(&o.file, "out", "o", "", "write the report to `FILE`, whole or not at all; its extension gives the format")
	f.StringVar(&o.dir, "out-dir", "", "write a report for each --format into `DIR`, which is made if needed")
}

// target is one report to be written: "" is standard output.
type target struct {
	format report.Format
	path   string
}

// targets checks the flags and says what is to be written.
func (o *output) targets(a *app) ([]target, error) {
	var formats []report.Format
	for _, s := range o.formats {
		f, err := report.ParseFormat(s)
		if err != nil {
			return nil, usagef("--format: %w", err)
		}
		formats = append(formats, f)
	}
	switch {
	case o.dir != "" && o.file != "":
		return nil, usagef("--out and --out-dir exclude each other: give one of them")
	case o.dir != "":
		return o.dirTargets(formats)
	case len(formats) > 1:
		return nil, usagef("several formats need --out-dir DIR to write to")
	case o.file == "" || o.file == "-":
		f := report.Markdown
		if _, ok := terminalWidth(int(a.stdout.Fd())); ok {
			f = report.Text
		}
		if len(formats) == 1 {
			f = formats[0]
		}
		return []target{{format: f}}, nil
	}
	return o.fileTarget(formats)
}

func (o *output) fileTarget(formats []report.Format) ([]target, error) {
	t := target{path: o.file}
	if len(formats) == 1 {
		t.format = formats[0]
	} else {
		f, ok := report.FormatOf(o.file)
		if !ok {
			return nil, usagef("the extension of %s names no format: give one with --format, or end the name in .txt, .md, .json or .summary.json", o.file)
		}
		t.format = f
	}
	if info, err := os.Stat(filepath.Dir(o.file)); err != nil || !info.IsDir() {
		return nil, usagef("%s cannot be written: %s is not a directory; make it first", o.file, filepath.Dir(o.file))
	}
	if info, err := os.Stat(o.file); err == nil && info.IsDir() {
		return nil, usagef("%s is a directory: give a file, or use --out-dir", o.file)
	}
	return []target{t}, nil
}

func (o *output) dirTargets(formats []report.Format) ([]target, error) {
	if len(formats) == 0 {
		formats = []report.Format{report.Markdown}
	}
	if err := os.MkdirAll(o.dir, 0o777); err != nil {
		return nil, usagef("--out-dir %s cannot be made: %w", o.dir, cause(err))
	}
	var out []target
	for _, f := range formats {
		for _, k := range report.Formats {
			if k.Format == f {
				out = append(out, target{f, filepath.Join(o.dir, "report"+k.Extension)})
			}
		}
	}
	return out, nil
}

// write writes one report with render.
func (t target) write(a *app, render func(io.Writer, report.Config) error) error {
	cfg := report.Config{Format: t.format}
	if t.path != "" {
		return outputError(t.path, writeWhole(t.path, func(w io.Writer) error { return render(w, cfg) }))
	}
	if width, ok := terminalWidth(int(a.stdout.Fd())); ok {
		cfg.Width = width
		cfg.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return outputError("standard output", render(a.stdout, cfg))
}

// terminalWidth is the width of the terminal that fd is, ok false when it is none.
func terminalWidth(fd int) (width int, ok bool) {
	if !term.IsTerminal(fd) {
		return 0, false
	}
	width, _, err := term.GetSize(fd)
	if err != nil {
		return 0, true
	}
	return width, true
}

// outputError is an output that could not be written.
func outputError(name string, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitInput, fmt.Errorf("writing %s: %w: the report is not there; make room or choose another place", name, cause(err))}
}

// writeWhole writes a file whole or not at all: readers see the old content or the
// new. What is no regular file (a device, a pipe) is written in place.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // replace the file, not a link to it
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	f, err := createBeside(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err := errors.Join(write(f), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// createBeside makes a new file in path's directory, with the mode that the umask
// gives a file of the user's.
func createBeside(path string) (*os.File, error) {
	for {
		var b [6]byte
		rand.Read(b[:])
		name := filepath.Join(filepath.Dir(path), ".postmortem-"+hex.EncodeToString(b[:]))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// cause drops the operation and the path from a file system's error: the message
// around it names them.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
