package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// command runs a program of which only the failure is of interest.
func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// A victim is a program that dies and leaves a core.
type victim struct {
	source    string // of its main.go
	toolchain string // value of GOTOOLCHAIN that builds it; empty: what go is
}

// build makes the binary of the victim in a folder of its own below dir.
func (v victim) build(dir string) (binary string, err error) {
	src := filepath.Join(dir, "victim")
	if err := os.MkdirAll(src, 0o755); err != nil {
		return "", err
	}
	for name, text := range map[string]string{"go.mod": "module example.com/victim\n\ngo 1.18\n", "main.go": v.source} {
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	binary = filepath.Join(src, "victim.bin")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = src
	if v.toolchain != "" {
		build.Env = append(os.Environ(), "GOTOOLCHAIN="+v.toolchain)
	}
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the victim: %w\n%s", err, out)
	}
	return binary, nil
}

// kill runs a victim until it has died, in a new folder below dir, where the kernel writes its core.
func kill(dir, binary string, args ...string) (core, printed string, err error) {
	if err := raiseCoreLimit(); err != nil {
		return "", "", err
	}
	grave, err := os.MkdirTemp(dir, "dead")
	if err != nil {
		return "", "", err
	}
	die := exec.Command(binary, args...)
	die.Dir = grave
	die.Env = append(os.Environ(), "GOTRACEBACK=crash", "GOMAXPROCS=2")
	out, _ := die.Output() // it dies, as it should
	found, err := filepath.Glob(filepath.Join(grave, "core*"))
	if err != nil || len(found) != 1 {
		return "", "", fmt.Errorf("the victim left no core in its directory: set the kernel's core_pattern to core")
	}
	return found[0], string(out), nil
}

func raiseCoreLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_CORE, &limit)
}

// usage is what one or several runs took.
type usage struct {
	wall   time.Duration // of the shortest
	median time.Duration
	anon   int64 // peak of RssAnon of all, bytes: mapped files do not count
	err    error
}

// measure runs something several times, one at a time.
func measure(runs int, once func() (usage, error)) usage {
	var all []time.Duration
	var most int64
	for range runs {
		u, err := once()
		if err != nil {
			return usage{err: err}
		}
		all = append(all, u.wall)
		most = max(most, u.anon)
	}
	return usage{wall: slices.Min(all), median: median(all), anon: most}
}

// median is the middle one, the lower of two.
func median(l []time.Duration) time.Duration {
	l = slices.Sorted(slices.Values(l))
	return l[(len(l)-1)/2]
}

func runTool(stdin *strings.Reader, name string, args ...string) (usage, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2")
	if stdin != nil {
		cmd.Stdin = stdin
	}
	var problems strings.Builder
	cmd.Stderr = &problems
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	done := make(chan struct{})
	peak := make(chan int64)
	go watchAnonymous(cmd.Process.Pid, done, peak)
	err := cmd.Wait()
	u := usage{wall: time.Since(start)}
	close(done)
	u.anon = <-peak
	if err != nil {
		return u, fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, problems.String())
	}
	return u, nil
}

// watchAnonymous sends the largest RssAnon that a process had, in bytes.
func watchAnonymous(pid int, done chan struct{}, peak chan int64) {
	var most int64
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			peak <- most
			return
		case <-tick.C:
			most = max(most, anonymous(pid))
		}
	}
}

func anonymous(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, ok := strings.Cut(string(status), "RssAnon:")
	if !ok {
		return 0
	}
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}
