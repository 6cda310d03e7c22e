package frames

import (
	"path"
	"runtime/debug"
	"sort"
	"strings"
)

// Modules tells which module a function belongs to.
type Modules struct {
	main        string   // path of the main module, empty when unknown
	mainPackage string   // import path of package main
	paths       []string // of all modules, longest first
	inApp       []string // further prefixes of packages that count as the program's own
}

// NewModules knows the modules that a binary was built from; info may be nil.
func NewModules(info *debug.BuildInfo, inApp []string) *Modules {
	m := &Modules{inApp: inApp}
	if info == nil {
		return m
	}
	m.main, m.mainPackage = info.Main.Path, info.Path
	if m.main != "" {
		m.paths = append(m.paths, m.main)
	}
	for _, dep := range info.Deps {
		m.paths = append(m.paths, dep.Path)
	}
	sort.Slice(m.paths, func(i, j int) bool { return len(m.paths[i]) > len(m.paths[j]) })
	return m
}

// Place is where a function comes from.
type Place struct {
	Module string // module path, "std" for the standard library, empty when unknown
	Source string // file relative to its module, empty when unknown
	InApp  bool   // the main module, package main, or a prefix the user named
}

// standard is the module of packages that ship with Go.
const standard = "std"

// Place returns where the function of a full name, in a file as the compiler
// recorded it, comes from.
func (m *Modules) Place(function, file string) Place {
	pkg := PackageOf(function)
	importPath := pkg
	if pkg == "main" && m.mainPackage != "" && m.mainPackage != "command-line-arguments" {
		importPath = m.mainPackage
	}
	place := Place{Module: m.moduleOf(importPath)}
	if pkg == "main" && place.Module == "" {
		place.Module = m.main
	}
	place.InApp = pkg == "main" || place.Module != "" && place.Module == m.main
	for _, prefix := range m.inApp {
		place.InApp = place.InApp || within(importPath, prefix)
	}
	if place.Module == "" && !place.InApp && standardPath(importPath) {
		place.Module = standard
	}
	place.Source = source(importPath, place.Module, file)
	return place
}

// source returns the file relative to its module: a package's directory is its
// import path without that of the module.
func source(importPath, module, file string) string {
	if file == "" || strings.HasPrefix(file, "<") || module == "" {
		return ""
	}
	dir := importPath
	if module != standard {
		if !within(importPath, module) {
			return path.Base(file)
		}
		dir = strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/")
	}
	return path.Join(dir, path.Base(file))
}

func (m *Modules) moduleOf(importPath string) string {
	for _, p := range m.paths {
		if within(importPath, p) {
			return p
		}
	}
	return ""
}

// within reports whether a package is prefix or below it.
func within(importPath, prefix string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	return importPath == prefix || strings.HasPrefix(importPath, prefix+"/")
}

// standardPath reports whether an import path has the form of the standard
// library's: its first element has no dot.
func standardPath(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return first != "" && !strings.Contains(first, ".")
}

// PackageOf returns the import path in a function's full name, as the linker
// wrote it ("net/http.(*Server).Serve" is "net/http").
func PackageOf(function string) string {
	// Type arguments may hold import paths of their own.
	name := function
	if i := strings.IndexByte(name, '['); i >= 0 {
		name = name[:i]
	}
	start := strings.LastIndexByte(name, '/') + 1
	i := strings.IndexByte(name[start:], '.')
	if i < 0 {
		return ""
	}
	return unescape(name[:start+i])
}

// unescape undoes what the linker does to dots in an import path's last element
// (cmd/internal/objabi.PathToPrefix).
func unescape(pkg string) string {
	if !strings.Contains(pkg, "%") {
		return pkg
	}
	return strings.NewReplacer("%2e", ".", "%22", `"`, "%25", "%").Replace(pkg)
}
