package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"postmortem/coreread/layout/internal/record"
)

// target is one build of the probe.
type target struct {
	release    record.Release
	arch       string
	experiment string
}

func (t target) String() string {
	s := t.release.String()
	if t.experiment != "" {
		s += "+" + t.experiment
	}
	return s + "-" + t.arch
}

// build builds the probe programs for t into dir, unless they are there, and
// returns their paths: the one that uses much, the one that does nothing.
func build(probeDir, dir string, t target) (probe, tiny string, err error) {
	probe, tiny = filepath.Join(dir, t.String()+"-probe"), filepath.Join(dir, t.String()+"-tiny")
	for pkg, out := range map[string]string{".": probe, "./tiny": tiny} {
		if _, err := os.Stat(out); err == nil {
			continue
		}
		cmd := exec.Command("go", "build", "-trimpath", "-o", out, pkg)
		cmd.Dir = probeDir
		cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+t.release.String(), "GOOS=linux", "GOARCH="+t.arch,
			"CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off", "GOEXPERIMENT="+t.experiment)
		if msg, err := cmd.CombinedOutput(); err != nil {
			return "", "", fmt.Errorf("building %s for %v: %w\n%s", pkg, t, err, msg)
		}
	}
	return probe, tiny, nil
}
