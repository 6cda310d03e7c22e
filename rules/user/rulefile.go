// Package user reads rules that users write: YAML files whose expressions ask the
// facts of a report, in the JSON document's own words. They are checked as a whole
// when they are loaded, before any core is read; they can read nothing but the
// document, and what they may cost is bounded. It runs no rule itself.
package user

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"gopkg.in/yaml.v3"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

// Rule is one rule of a file.
type Rule struct {
	*rule.Rule
	File     string
	Examples []Example
}

// Example is a document, and whether the rule fires on it.
type Example struct {
	Name string // as given, or "example 2"
	At   string // "rules.yaml:12:5"
	// Facts is the document, nil when it is in File, a saved report.
	Facts *facts.Document
	File  string
	Fires bool
	// Title is what the first finding's title must be; "" for any.
	Title string
}

// maxFile is the size of a rule file in bytes, at most.
const maxFile = 1 << 20

// Load reads the rules of a file, or of the files of a directory whose names end in
// .yaml or .yml, in the order of their names. The error is of type Problems when the
// files could be read and say something wrong.
func Load(path string) ([]*Rule, error) {
	files := []string{path}
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if info.IsDir() {
		if files, err = ruleFiles(path); err != nil {
			return nil, err
		}
	}
	var loaded []*Rule
	var found problems
	for _, file := range files {
		text, err := readFile(file)
		if err != nil {
			return nil, err
		}
		loaded = append(loaded, parse(file, text, &found)...)
	}
	first := map[string]string{}
	for _, r := range loaded {
		if file, ok := first[r.ID]; ok {
			found.add(position{r.File, 1, 1}, "the rule %q is in %s, too: rename one of them", r.ID, file)
		}
		first[r.ID] = r.File
	}
	if err := found.err(); err != nil {
		return nil, err
	}
	return loaded, nil
}

func ruleFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yaml" || ext == ".yml") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, &fs.PathError{Op: "loading rules", Path: dir, Err: errors.New("no file there ends in .yaml or .yml")}
	}
	return files, nil
}

func readFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, &fs.PathError{Op: "loading rules", Path: file, Err: fmt.Errorf("it is larger than %d bytes, the most that a rule file may have", maxFile)}
	}
	return text, nil
}

// parse reads the documents of a file, a rule each.
func parse(file string, text []byte, found *problems) (rules []*Rule) {
	d := &decoder{source: newSource(file, text)}
	defer func() {
		if p := recover(); p != nil { // of the YAML library
			d.add(position{file, 1, 1}, "it is not YAML: %v", p)
		}
		slices.SortStableFunc(d.list, func(a, b *Problem) int {
			return cmp.Or(cmp.Compare(a.at.line, b.at.line), cmp.Compare(a.at.column, b.at.column))
		})
		found.list = append(found.list, d.list...)
	}()
	for decode := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var n yaml.Node
		err := decode.Decode(&n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			d.add(d.yamlError(err))
			return rules
		}
		if len(n.Content) != 1 {
			continue
		}
		before := len(d.list)
		if r := d.rule(n.Content[0]); len(d.list) == before {
			rules = append(rules, r)
		}
	}
	if len(rules) == 0 && len(d.list) == 0 {
		d.add(position{file, 1, 1}, "it holds no rule")
	}
	return rules
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// yamlError is where a file stops being YAML, and why: the library tells the line.
func (d *decoder) yamlError(err error) (at position, format string, why string) {
	at = position{d.file, 1, 1}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil && m[1] != "" {
		fmt.Sscan(m[1], &at.line)
	}
	return at, "it is not YAML: %s", yamlLine.ReplaceAllString(err.Error(), "")
}

// fields are the keys of a rule, as read.
type fields struct {
	id, title, docs, doc            *scalar
	severity                        facts.Severity
	confidence                      facts.Confidence
	needs                           []rule.Part
	forEach, when, message, summary *scalar
	goroutines, groups, addresses   *scalar
	evidence                        []evidenceFields
	dependsOn                       []string
	nextSteps                       []stepFields
	examples                        []Example
}

type evidenceFields struct {
	kind string
	text *scalar
	ref  *scalar
}

type stepFields struct {
	who    facts.Who
	action *scalar
}

var ruleID = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// rule reads one rule. It is good only if there are no new problems.
func (d *decoder) rule(n *yaml.Node) *Rule {
	f := fields{confidence: facts.ConfidenceLikely}
	d.mapping(n, "a rule", map[string]func(*yaml.Node){
		"id":         d.textInto(&f.id, "id"),
		"title":      d.textInto(&f.title, "title"),
		"docs":       d.textInto(&f.docs, "docs"),
		"doc":        d.textInto(&f.doc, "doc"),
		"for_each":   d.textInto(&f.forEach, "for_each"),
		"when":       d.textInto(&f.when, "when"),
		"message":    d.textInto(&f.message, "message"),
		"summary":    d.textInto(&f.summary, "summary"),
		"goroutines": d.textInto(&f.goroutines, "goroutines"),
		"groups":     d.textInto(&f.groups, "groups"),
		"addresses":  d.textInto(&f.addresses, "addresses"),
		"severity": func(n *yaml.Node) {
			f.severity = one(d, n, "severity", facts.SeverityInfo, facts.SeverityWarning, facts.SeverityError, facts.SeverityCritical)
		},
		"confidence": func(n *yaml.Node) {
			f.confidence = one(d, n, "confidence", facts.ConfidencePossible, facts.ConfidenceLikely, facts.ConfidenceProven)
		},
		"needs": func(n *yaml.Node) {
			d.sequence(n, "needs", func(n *yaml.Node) {
				f.needs = append(f.needs, one(d, n, "what a rule needs", rule.Crash, rule.Goroutines, rule.Threads, rule.Scheduler, rule.GC, rule.Heap, rule.Waits))
			})
		},
		"depends_on": func(n *yaml.Node) {
			d.sequence(n, "depends_on", func(n *yaml.Node) {
				if s := d.text(n, "the id of a rule"); s != nil {
					f.dependsOn = append(f.dependsOn, s.text)
				}
			})
		},
		"evidence": func(n *yaml.Node) {
			d.sequence(n, "evidence", func(n *yaml.Node) { f.evidence = append(f.evidence, d.evidence(n)) })
		},
		"next_steps": func(n *yaml.Node) {
			d.sequence(n, "next_steps", func(n *yaml.Node) { f.nextSteps = append(f.nextSteps, d.step(n)) })
		},
		"examples": func(n *yaml.Node) {
			d.sequence(n, "examples", func(n *yaml.Node) { f.examples = append(f.examples, d.example(n, len(f.examples)+1)) })
		},
	})
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for _, key := range []struct {
		name    string
		missing bool
	}{{"id", f.id == nil}, {"title", f.title == nil}, {"severity", f.severity == ""}, {"when", f.when == nil && f.forEach == nil}} {
		if key.missing && !has(n, key.name) {
			d.add(d.at(n), "the rule lacks the key %q", key.name)
		}
	}
	if f.id != nil && !ruleID.MatchString(f.id.text) {
		d.add(f.id.start, "id is in lower case with dashes, like \"too-many-workers\", not %q", f.id.text)
	}
	return d.build(&f)
}

func has(n *yaml.Node, key string) bool {
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

func (d *decoder) evidence(n *yaml.Node) (e evidenceFields) {
	e.kind = "count"
	if n.Kind == yaml.ScalarNode {
		e.text = d.text(n, "evidence")
		return e
	}
	d.mapping(n, "evidence", map[string]func(*yaml.Node){
		"kind": func(n *yaml.Node) {
			e.kind = one(d, n, "kind", "crash", "stack", "wait", "lock", "leak", "heap", "gc", "scheduler", "count", "time")
		},
		"text": d.textInto(&e.text, "text"),
		"ref":  d.textInto(&e.ref, "ref"),
	})
	if e.text == nil && !has(n, "text") {
		d.add(d.at(n), "the evidence lacks the key \"text\"")
	}
	return e
}

func (d *decoder) step(n *yaml.Node) (s stepFields) {
	s.who = facts.WhoDeveloper
	if n.Kind == yaml.ScalarNode {
		s.action = d.text(n, "a next step")
		return s
	}
	d.mapping(n, "a next step", map[string]func(*yaml.Node){
		"who":    func(n *yaml.Node) { s.who = one(d, n, "who", facts.WhoOnCall, facts.WhoDeveloper) },
		"action": d.textInto(&s.action, "action"),
	})
	if s.action == nil && !has(n, "action") {
		d.add(d.at(n), "the next step lacks the key \"action\"")
	}
	return s
}

func (d *decoder) example(n *yaml.Node, number int) (e Example) {
	e.Name, e.At = fmt.Sprintf("example %d", number), d.at(n).String()
	d.mapping(n, "an example", map[string]func(*yaml.Node){
		"name": func(n *yaml.Node) {
			if s := d.text(n, "name"); s != nil {
				e.Name = s.text
			}
		},
		"facts": func(n *yaml.Node) {
			if n.Kind == yaml.MappingNode {
				e.Facts = d.document(n)
			} else if s := d.text(n, "facts"); s != nil {
				e.File = s.text
				if !filepath.IsAbs(e.File) {
					e.File = filepath.Join(filepath.Dir(d.file), e.File)
				}
			}
		},
		"fires": func(n *yaml.Node) { e.Fires = d.truth(n, "fires") },
		"title": func(n *yaml.Node) {
			if s := d.text(n, "title"); s != nil {
				e.Title = s.text
			}
		},
	})
	for _, key := range []string{"facts", "fires"} {
		if n.Kind == yaml.MappingNode && !has(n, key) {
			d.add(d.at(n), "the example lacks the key %q", key)
		}
	}
	return e
}

// build checks the expressions of a rule.
func (d *decoder) build(f *fields) *Rule {
	c := &check{severity: f.severity, confidence: f.confidence, dependsOn: f.dependsOn}
	env, err := newEnv(nil)
	if err != nil {
		panic(err)
	}
	if f.forEach != nil {
		c.forEach = compile(env, f.forEach, &d.problems)
		if c.forEach == nil {
			return nil
		}
		out := c.forEach.ast.OutputType()
		if out.Kind() != types.ListKind {
			d.add(f.forEach.start, "for_each is a list, and this is a %s", out)
			return nil
		}
		if env, err = newEnv(out.Parameters()[0]); err != nil {
			panic(err)
		}
	}
	c.when = d.typed(env, f.when, "when", cel.BoolType, cel.NullableType(cel.BoolType))
	numbers, texts := cel.ListType(cel.IntType), cel.ListType(cel.StringType)
	c.goroutines = d.typed(env, f.goroutines, "goroutines", numbers, cel.ListType(cel.NullableType(cel.IntType)))
	c.groups = d.typed(env, f.groups, "groups", numbers)
	c.addresses = d.typed(env, f.addresses, "addresses", texts, cel.ListType(cel.NullableType(cel.StringType)))
	text := func(s *scalar) *template {
		if s == nil {
			return nil
		}
		return parseTemplate(env, s, &d.problems)
	}
	message := f.message
	if message == nil {
		message = f.title
	}
	c.message, c.summary = text(message), text(f.summary)
	for _, e := range f.evidence {
		c.evidence = append(c.evidence, evidence{e.kind, text(e.text), text(e.ref)})
	}
	for _, s := range f.nextSteps {
		c.nextSteps = append(c.nextSteps, step{s.who, text(s.action)})
	}
	if f.id == nil || f.title == nil {
		return nil
	}
	if f.docs != nil {
		c.docs = f.docs.text
	}
	return &Rule{
		Rule: &rule.Rule{
			ID: f.id.text, Title: f.title.text, Severity: f.severity, Needs: f.needs, Doc: documentation(f), Evaluate: c.evaluate,
		},
		File: d.file, Examples: f.examples,
	}
}

// typed checks an expression that has one of some types; nil for none.
func (d *decoder) typed(env *cel.Env, s *scalar, what string, want ...*cel.Type) *expression {
	if s == nil {
		return nil
	}
	e := compile(env, s, &d.problems)
	if e == nil || slices.ContainsFunc(want, e.ast.OutputType().IsExactType) {
		return e
	}
	d.add(s.start, "%s is a %s, and this is a %s", what, want[0], e.ast.OutputType())
	return nil
}

// documentation is the rule's own, or else what it asks, in Markdown.
func documentation(f *fields) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s.\n", f.id.text, strings.TrimSuffix(f.title.text, "."))
	if f.doc != nil {
		b.WriteString("\n" + strings.TrimSpace(f.doc.text) + "\n")
	}
	asks := func(key string, s *scalar) {
		if s != nil {
			fmt.Fprintf(&b, "\n`%s`:\n\n    %s\n", key, strings.ReplaceAll(strings.TrimSpace(s.text), "\n", "\n    "))
		}
	}
	asks("for_each", f.forEach)
	asks("when", f.when)
	if f.docs != nil {
		b.WriteString("\nMore: " + f.docs.text + "\n")
	}
	return b.String()
}
