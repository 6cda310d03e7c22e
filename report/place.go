package report

import (
	"path"
	"regexp"
	"strconv"
	"strings"

	"postmortem/analyzer/facts"
)

// names shortens what stands in frames for the program at hand.
type names struct {
	module string // path of the main module, "" when unknown
	// sources are the directories that modules were built from, as far as frames
	// tell them, and how a file in one is written.
	sources map[string]func(relative string) string
}

// fn is a function's name without the main module's path: of module
// example.com/orders, example.com/orders/pricing.Apply becomes pricing.Apply and
// example.com/orders.Serve orders.Serve. Other names stay whole.
func (n *names) fn(name string) string {
	if n.module == "" || !strings.HasPrefix(name, n.module) {
		return name
	}
	switch rest := name[len(n.module):]; {
	case strings.HasPrefix(rest, "/") && len(rest) > 1:
		return rest[1:]
	case strings.HasPrefix(rest, "."):
		return baseWithoutVersion(n.module) + rest
	}
	return name
}

// majorVersion is the last element of the path of a module's second major version
// and later ones.
var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// baseWithoutVersion is the last element of a module's path that is a name:
// "caddy" of github.com/caddyserver/caddy/v2.
func baseWithoutVersion(module string) string {
	if dir, base := path.Split(module); dir != "" && majorVersion.MatchString(base) {
		return path.Base(dir)
	}
	return path.Base(module)
}

// learnSources finds out where modules were built: a frame's file ends in its path
// relative to the module.
func (n *names) learnSources(groups []facts.Group, more ...[]*facts.Frame) {
	n.sources = make(map[string]func(string) string)
	done := make(map[string]bool)
	learn := func(frames []*facts.Frame) {
		for _, f := range frames {
			if f == nil || !f.Module.Known || !f.Source.Known || !f.File.Known || done[f.Module.V] {
				continue
			}
			if dir, ok := strings.CutSuffix(f.File.V, f.Source.V); ok && dir != "" {
				done[f.Module.V] = true
				n.sources[dir] = func(relative string) string { return inModule(f.Module.V, f.InApp, relative) }
			}
		}
	}
	for i := range groups {
		learn(groups[i].Frames)
	}
	for _, frames := range more {
		learn(frames)
	}
}

// inModule is how a file of a module is written: the path alone says enough for
// the standard library and for the program's own packages.
func inModule(module string, own bool, relative string) string {
	if module == "std" || own && strings.Contains(relative, "/") {
		return relative
	}
	return baseWithoutVersion(module) + "/" + relative
}

// position is where a frame is: source or file, and line.
func (n *names) position(f *facts.Frame) string {
	switch {
	case f.Source.Known && !f.Module.Known:
		return withLine(f.Source.V, f.Line)
	case f.Source.Known:
		return withLine(inModule(f.Module.V, f.InApp, f.Source.V), f.Line)
	case f.File.Known:
		return n.place(f.File, f.Line)
	}
	return ""
}

// place is a file and line, "" when the file is unknown.
func (n *names) place(file facts.Maybe[string], line facts.Maybe[int]) string {
	if !file.Known {
		return ""
	}
	for dir := path.Dir(file.V); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if write := n.sources[dir+"/"]; write != nil {
			return withLine(write(file.V[len(dir)+1:]), line)
		}
	}
	if first, _, ok := strings.Cut(file.V, "/"); ok && first != "" && !strings.Contains(first, ".") {
		return withLine(file.V, line) // -trimpath leaves the standard library import paths
	}
	return withLine(shortFile(file.V), line)
}

// site is a place like "orders.(*Server).Create (orders/publish.go:131)".
func (n *names) site(s *facts.Site) text {
	t := say(lit(n.fn(s.Func)))
	if pos := n.place(s.File, s.Line); pos != "" {
		t = say(t, " (", lit(pos), ")")
	}
	return t
}

// shortFile keeps of a path the file and the directory above it that has a name:
// versions, as in the module cache, are none.
func shortFile(file string) string {
	dir, base := path.Split(file)
	for dir = path.Clean(dir); dir != "." && dir != "/"; dir = path.Dir(dir) {
		name, _, _ := strings.Cut(path.Base(dir), "@")
		if !majorVersion.MatchString(name) {
			return name + "/" + base
		}
	}
	return base
}

func withLine(file string, line facts.Maybe[int]) string {
	if !line.Known {
		return file
	}
	return file + ":" + strconv.Itoa(line.V)
}
