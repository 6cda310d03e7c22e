package report

import (
	"fmt"
	"io"
	"reflect"

	"postmortem/analyzer/facts"
)

// RenderIdentity writes what a core alone says of its process, in any format but
// the summary, which is for whole reports.
func RenderIdentity(w io.Writer, cfg Config, id *facts.Identity) error {
	switch cfg.Format {
	case Text:
		return renderText(w, identityPage(id), cfg)
	case Markdown:
		return renderMarkdown(w, identityPage(id))
	case JSON:
		return writeJSON(w, reflect.ValueOf(id).Elem(), nil)
	}
	return fmt.Errorf("format %s is not for an identity: text, markdown and json are", cfg.Format)
}

func identityPage(id *facts.Identity) *page {
	a := newAuthor(&facts.Document{Target: facts.Target{
		MainModule: id.MainModule, MainPackage: id.MainPackage, VCSRevision: id.VCSRevision, VCSModified: id.VCSModified,
		Process: &id.Process, Binary: &facts.Binary{Name: id.Executable.V},
	}})
	title := a.program()
	if id.MainModule != nil && id.MainModule.Version.Known {
		title += " " + id.MainModule.Version.V
	}
	var r rows
	r.add("executable", or(id.Executable, same))
	r.add("build id", or(id.BuildID, same))
	r.add("Go build id", or(id.GoBuildID, same))
	r.add("Go version", or(id.GoVersion, same))
	r.add("architecture", or(id.GOARCH, same))
	if id.MainModule != nil {
		r.add("main module", lit(id.MainModule.Path), " ", or(id.MainModule.Version, same))
	} else {
		r.add("main module", "unknown")
	}
	r.add("main package", or(id.MainPackage, same))
	r.add("vcs revision", or(id.VCSRevision, same), a.modified())
	r.add("process", processLine(&id.Process))
	r.add("core", coreLine(&id.Core))
	r.add("core signal", a.dumpedBy(id.DumpSignal))
	return &page{title: title, sections: []section{{"Identity", []block{r.t}}}}
}

// dumpedBy is the signal that wrote a core, and its sender.
func (a *author) dumpedBy(s *facts.Signal) text {
	if s == nil {
		return say("none in the core")
	}
	t := a.signalName(s)
	if s.FaultAddress.Known {
		t = say(t, " at ", lit(hex(s.FaultAddress.V)))
	}
	if s.Sender != nil && s.Sender.Who != facts.SenderKernel {
		t = say(t, ", sent", a.sender(s))
	}
	return t
}
