package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// limits of patience: how long a process may take until it is ready, and from then until it is dead. Up to Go 1.21 each
// thread sleeps 5 s before it passes the signal on.
const (
	patience = 20 * time.Second
	lifetime = 2 * time.Minute
)

// process is one run of a case.
type process struct {
	dir    string
	cmd    *exec.Cmd
	ended  string
	stdout []byte
	stderr []byte
	core   string
}

// runOnce lets one process of the case end, in a folder of its own.
func (c dumpCase) runOnce(cfg config, binary string) (*process, error) {
	dir, err := os.MkdirTemp(cfg.work, "run")
	if err != nil {
		return nil, err
	}
	p := &process{dir: dir}
	if err := c.start(p, binary); err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- p.cmd.Wait() }()
	if c.Signal != 0 {
		if err := c.end(cfg, p, done); err != nil {
			p.cmd.Process.Kill()
			return nil, err
		}
	}
	select {
	case <-done:
	case <-time.After(lifetime):
		p.cmd.Process.Kill()
		return nil, fmt.Errorf("still alive after %v", lifetime)
	}
	return p, c.collect(p)
}

func (c dumpCase) start(p *process, binary string) error {
	p.cmd = exec.Command(binary, append([]string{c.Scenario}, c.Args...)...)
	p.cmd.Args[0] = "./" + c.Program
	p.cmd.Dir = p.dir
	p.cmd.Env = []string{"GOTRACEBACK=crash", "GOMAXPROCS=2"}
	if c.Env != "" {
		p.cmd.Env = append(p.cmd.Env, c.Env)
	}
	stdout, err := os.Create(filepath.Join(p.dir, "stdout.txt"))
	if err != nil {
		return err
	}
	defer stdout.Close()
	stderr, err := os.Create(filepath.Join(p.dir, "stderr.txt"))
	if err != nil {
		return err
	}
	defer stderr.Close()
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	return p.cmd.Start()
}

// end waits until the process has said that it is ready, has its core written if that is another program's job, and
// sends the signal.
func (c dumpCase) end(cfg config, p *process, done <-chan error) error {
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		b, err := os.ReadFile(filepath.Join(p.dir, "stdout.txt"))
		if err != nil {
			return err
		}
		if len(b) > 0 && b[len(b)-1] == '\n' {
			break
		}
		if time.Since(start) > patience {
			return errors.New("not ready")
		}
	}
	time.Sleep(500 * time.Millisecond)
	pid := strconv.Itoa(p.cmd.Process.Pid)
	var dump *exec.Cmd
	switch c.Producer {
	case "gcore":
		dump = exec.Command("gcore", "-o", filepath.Join(p.dir, "snapshot"), pid)
	case "dlv":
		dump = exec.Command(cfg.dlv, "attach", "--check-go-version=false", "--allow-non-terminal-interactive=true", pid)
		dump.Stdin = strings.NewReader("dump " + filepath.Join(p.dir, "snapshot") + "\nexit\nn\n")
	}
	if dump != nil {
		dump.Env = append(os.Environ(), "DEBUGINFOD_URLS=")
		if out, err := dump.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", c.Producer, err, out)
		}
	}
	select {
	case <-done:
		return errors.New("died before its time")
	default:
		return p.cmd.Process.Signal(c.Signal)
	}
}

// collect reads what the dead process left behind.
func (c dumpCase) collect(p *process) error {
	status := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() || !status.CoreDump() {
		return fmt.Errorf("left no core: %v", p.cmd.ProcessState)
	}
	p.ended = status.Signal().String()
	var err error
	if p.core, err = corePath(p.dir); err != nil {
		return err
	}
	if c.Producer != "kernel" {
		l, err := filepath.Glob(filepath.Join(p.dir, "snapshot*"))
		if err != nil || len(l) != 1 {
			return fmt.Errorf("%d snapshots in %s", len(l), p.dir)
		}
		p.core = l[0]
	}
	if p.stdout, err = os.ReadFile(filepath.Join(p.dir, "stdout.txt")); err != nil {
		return err
	}
	p.stderr, err = os.ReadFile(filepath.Join(p.dir, "stderr.txt"))
	p.stdout = bytes.TrimSpace(p.stdout)
	return err
}
