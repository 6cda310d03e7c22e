package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// binaryName is the name of the binary of a case: cases share binaries.
func (c dumpCase) binaryName() string { return c.Program + "-" + c.Go + "-" + c.Variant }

// build makes the binary, unless an earlier case has, and returns its path. The path's last element is the program's
// name, so that this is what the core says.
func (c dumpCase) build(cfg config) (string, error) {
	v, ok := variants[c.Variant]
	if !ok {
		return "", fmt.Errorf("no variant %q", c.Variant)
	}
	out, err := filepath.Abs(filepath.Join(cfg.work, c.binaryName(), c.Program))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	args := append([]string{"build", "-trimpath", "-o", out}, v.flags...)
	cmd := exec.Command("go", append(args, "./"+c.Program)...)
	cmd.Dir = cfg.sources
	cgo := "0"
	if v.cgo {
		cgo = "1"
	}
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=go"+c.Go, "CGO_ENABLED="+cgo, "GOFLAGS=-buildvcs=false", "GOWORK=off")
	if v.experiment != "" {
		cmd.Env = append(cmd.Env, "GOEXPERIMENT="+v.experiment)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building with go%s: %w\n%s", c.Go, err, stderr.Bytes())
	}
	return out, nil
}
