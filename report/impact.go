package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
)

// impact is what the death took with it: how much was going on, and what was left
// half done.
func (a *author) impact() []block {
	g := a.goroutines
	if a.doc.Goroutines == nil {
		return nil
	}
	lines := paragraph{a.countLine()}
	if t := a.handlersLine(); t != nil {
		lines = append(lines, t)
	}
	if !a.aboutAll() { // else the evidence shows the groups
		if t := a.largestLine(); t != nil {
			lines = append(lines, t)
		}
	}
	if t := a.retainLine(); t != nil {
		lines = append(lines, t)
	}
	if g.ByStatus[facts.StatusLeaked] > 0 {
		lines = append(lines, say(fmt.Sprintf("The runtime's own leak detector had marked %s as leaked.", plural(g.ByStatus[facts.StatusLeaked], "goroutine"))))
	}
	return append([]block{lines}, a.pendingDefers()...)
}

// countLine is "214 goroutines, 13 of them the runtime's own: 150 channel, 30 netpoll, …".
func (a *author) countLine() text {
	g := a.goroutines
	s := plural(g.Total, "goroutine")
	if g.System > 0 {
		s += fmt.Sprintf(", %s of them the runtime's own", count(g.System))
	}
	type held struct {
		q facts.Quadrant
		n int
	}
	var by []held
	for q, n := range g.ByQuadrant {
		if n > 0 {
			by = append(by, held{q, n})
		}
	}
	slices.SortFunc(by, func(x, y held) int { return cmp.Or(cmp.Compare(y.n, x.n), strings.Compare(string(x.q), string(y.q))) })
	for i, h := range by {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		s += sep + count(h.n) + " " + quadrantWord(h.q)
	}
	return say(s + ".")
}

func quadrantWord(q facts.Quadrant) string {
	switch q {
	case facts.QuadrantChannel:
		return "at channels"
	case facts.QuadrantNetpoll:
		return "on the network"
	case facts.QuadrantSyscall:
		return "in system or C calls"
	case facts.QuadrantGC:
		return "in the collector"
	case facts.QuadrantLock:
		return "at locks"
	case facts.QuadrantTimer:
		return "asleep"
	case facts.QuadrantRunning:
		return "running"
	case facts.QuadrantRunnable:
		return "ready to run"
	}
	return string(q)
}

// servers tell frames of a request being served: all that is inside of fn. The
// handler is the program's own function next inside of the innermost frame whose
// name has both prefix and suffix, so that middleware is not taken for it.
var servers = []struct{ fn, prefix, suffix, what string }{
	{"net/http.serverHandler.ServeHTTP", "net/http.", ".ServeHTTP", "HTTP handlers"},
	{"google.golang.org/grpc.(*Server).handleStream", "google.golang.org/grpc.(*Server).", "RPC", "gRPC handlers"},
}

// handlersLine counts the goroutines that were serving a request, by handler.
func (a *author) handlersLine() text {
	const most = 4
	var out text
	for _, s := range servers {
		total := 0
		by := map[string]int{}
		for i := range a.goroutines.Groups {
			g := &a.goroutines.Groups[i]
			if !slices.ContainsFunc(g.Frames, func(f *facts.Frame) bool { return f != nil && f.Func == s.fn }) {
				continue
			}
			total += g.Count
			if name := handler(g.Frames, s.prefix, s.suffix); name != "" {
				by[name] += g.Count
			}
		}
		if total == 0 {
			continue
		}
		if len(out) > 0 {
			out = say(out, "; ")
		}
		out = say(out, count(total), " in ", s.what)
		for i, name := range byCount(by) {
			if i == most {
				out = say(out, fmt.Sprintf(", … %d more", len(by)-most))
				break
			}
			sep := ", "
			if i == 0 {
				sep = ": "
			}
			out = say(out, sep, count(by[name]), " ", lit(a.fn(name)))
		}
	}
	if len(out) == 0 {
		return nil
	}
	return say(out, ".")
}

// handler is the in-app function next inside of the innermost frame with prefix
// and suffix, "" for none.
func handler(frames []*facts.Frame, prefix, suffix string) string {
	own := ""
	for _, f := range frames {
		switch {
		case f == nil:
		case f.InApp:
			own = strings.TrimSuffix(f.Func, "-fm") // a method value's wrapper
		case strings.HasPrefix(f.Func, prefix) && strings.HasSuffix(f.Func, suffix):
			return own
		}
	}
	return ""
}

// byCount lists keys by falling count, then by name.
func byCount(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y string) int { return cmp.Or(cmp.Compare(m[y], m[x]), strings.Compare(x, y)) })
	return keys
}

// programGroups are the groups that are not the runtime's, largest first.
func (a *author) programGroups() []*facts.Group {
	var out []*facts.Group
	for i := range a.goroutines.Groups {
		if g := &a.goroutines.Groups[i]; !g.System {
			out = append(out, g)
		}
	}
	return out
}

// largestLine names the largest groups.
func (a *author) largestLine() text {
	const most = 3
	var t text
	n := 0
	for _, g := range a.programGroups() {
		if g.Count < 2 || n == most {
			break
		}
		sep := "; "
		if n == 0 {
			sep = "Largest groups: "
		}
		t = say(t, sep, count(g.Count), " × ", a.state(g))
		if f := blame(g.Frames); f != nil {
			t = say(t, " in ", a.at(f))
		}
		n++
	}
	if n == 0 {
		return nil
	}
	return say(t, ".")
}

// ownPackages are the packages that frames mark as the program's own.
func (a *author) ownPackages() map[string]bool {
	own := map[string]bool{"main": true}
	for i := range a.goroutines.Groups {
		for _, f := range a.goroutines.Groups[i].Frames {
			if f != nil && f.InApp {
				own[packageOf(f.Func)] = true
			}
		}
	}
	return own
}

// packageOf is the package path of a function's name: everything before the first
// dot behind the last slash, type arguments aside.
func packageOf(fn string) string {
	end := len(fn)
	if i := strings.IndexByte(fn, '['); i >= 0 {
		end = i
	}
	slash := strings.LastIndexByte(fn[:end], '/') + 1
	if dot := strings.IndexByte(fn[slash:end], '.'); dot >= 0 {
		return fn[:slash+dot]
	}
	return fn[:end]
}
