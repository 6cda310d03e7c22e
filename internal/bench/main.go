// Bench measures postmortem against Delve on cores that it makes itself: a
// program with very many parked goroutines dies, and both tools list the stacks
// of its core. Times are the best of several runs with a warm page cache.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// victim parks goroutines three frames deep in a channel receive and dies.
const victim = `package main

import (
	"os"
	"strconv"
	"time"
)

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	c := make(chan int)
	for range n {
		go outer(c)
	}
	time.Sleep(time.Second)
	panic("enough")
}

//go:noinline
func outer(c chan int) { inner(c) }

//go:noinline
func inner(c chan int) { <-c }
`

func main() {
	goroutines := flag.Int("goroutines", 100_000, "goroutines of the dead process")
	runs := flag.Int("runs", 3, "runs of postmortem; the best counts")
	dlv := flag.String("dlv", "", "path of dlv; empty to measure postmortem alone")
	core := flag.String("core", "", "measure this core instead of making one, with -binary")
	binary := flag.String("binary", "", "binary of -core")
	flag.Parse()
	if err := run(*goroutines, *runs, *dlv, *core, *binary); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(goroutines, runs int, dlv, core, binary string) error {
	dir, err := os.MkdirTemp("", "postmortem-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tool := filepath.Join(dir, "postmortem")
	if err := command("go", "build", "-o", tool, "./cmd/postmortem"); err != nil {
		return err
	}
	if core == "" {
		if core, binary, err = makeCore(dir, goroutines); err != nil {
			return err
		}
	}
	ours := measure(runs, func() (usage, error) {
		return runTool(nil, tool, "analyze", core, binary, "--no-heap", "--quiet", "--format", "json", "-o", filepath.Join(dir, "report.json"))
	})
	fmt.Printf("%-28s %10s %14s\n", "tool", "wall", "anonymous")
	ours.print("postmortem analyze")
	if dlv == "" || ours.err != nil {
		return ours.err
	}
	theirs := measure(1, func() (usage, error) {
		return runTool(strings.NewReader("goroutines -t\nexit\n"), dlv, "core", binary, core, "--allow-non-terminal-interactive")
	})
	theirs.print("dlv core, goroutines -t")
	if theirs.err == nil {
		fmt.Printf("ratio 1/%.1f\n", theirs.wall.Seconds()/ours.wall.Seconds())
	}
	return theirs.err
}

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// makeCore lets the victim die where the kernel writes its core.
func makeCore(dir string, goroutines int) (core, binary string, err error) {
	src := filepath.Join(dir, "victim")
	if err := os.MkdirAll(src, 0o755); err != nil {
		return "", "", err
	}
	for name, text := range map[string]string{"go.mod": "module example.com/victim\n\ngo 1.22\n", "main.go": victim} {
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o644); err != nil {
			return "", "", err
		}
	}
	binary = filepath.Join(src, "victim.bin")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = src
	if out, err := build.CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("building the victim: %w\n%s", err, out)
	}
	if err := raiseCoreLimit(); err != nil {
		return "", "", err
	}
	die := exec.Command(binary, strconv.Itoa(goroutines))
	die.Dir = src
	die.Env = append(os.Environ(), "GOTRACEBACK=crash")
	_ = die.Run() // it dies, as it should
	found, err := filepath.Glob(filepath.Join(src, "core*"))
	if err != nil || len(found) != 1 {
		return "", "", fmt.Errorf("the victim left no core in its directory: set the kernel's core_pattern to core")
	}
	return found[0], binary, nil
}

func raiseCoreLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_CORE, &limit)
}

// usage is what one run took.
type usage struct {
	wall time.Duration
	anon int64 // peak of RssAnon, bytes: mapped files do not count
	err  error
}

func (u usage) print(name string) {
	if u.err != nil {
		fmt.Printf("%-28s %v\n", name, u.err)
		return
	}
	fmt.Printf("%-28s %10s %10d MiB\n", name, u.wall.Round(time.Millisecond), u.anon>>20)
}

// measure returns the shortest of several runs, and the largest memory of them.
func measure(runs int, once func() (usage, error)) (best usage) {
	for i := range runs {
		u, err := once()
		if err != nil {
			return usage{err: err}
		}
		if i == 0 || u.wall < best.wall {
			best.wall = u.wall
		}
		best.anon = max(best.anon, u.anon)
	}
	return best
}

func runTool(stdin *strings.Reader, name string, args ...string) (usage, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
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
