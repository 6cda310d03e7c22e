// Generate builds the scenario programs with every Go version and variant, lets each process end, and keeps its core, its
// binary and what it printed. It runs only where the kernel writes cores into the current directory; the tests use
// what it has written and need neither that nor the toolchains.
//
//	go run ./testdata/cores/generate              the committed set, into testdata/cores
//	go run ./testdata/cores/generate -set all -raw -out DIR
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// config is what the command line says.
type config struct {
	out     string // the folder that gets dumps/ and bin/
	sources string // the module of the scenario programs
	raw     bool   // uncompressed, with the binary beside the core
	tries   int    // how often a case is run until its print is complete
	dlv     string
	work    string
	saved   map[string]bool // the shared binaries that are there already

	// archives are the binaries that have to go into archives: by the archive's path, then by name their files.
	archives map[string]map[string]string
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	cfg := config{saved: map[string]bool{}, archives: map[string]map[string]string{}}
	set := flag.String("set", "committed", "which cases: committed, all")
	only := flag.String("only", "", "only cases whose name matches this `regexp`")
	list := flag.Bool("list", false, "only list the cases")
	keep := flag.Bool("keep", false, "leave alone what is there already")
	flag.StringVar(&cfg.out, "out", "testdata/cores", "the `folder` to write to")
	flag.StringVar(&cfg.sources, "sources", "testdata/cores/scenarios", "the `folder` of the scenario programs")
	flag.BoolVar(&cfg.raw, "raw", false, "write plain cores and binaries, one folder for each case")
	flag.IntVar(&cfg.tries, "tries", 8, "run a case up to this many `times` until its print is complete")
	flag.StringVar(&cfg.dlv, "dlv", "dlv", "the delve `command`")
	flag.Parse()

	match, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	cases, err := selected(*set)
	if err != nil {
		return err
	}
	if !*list {
		if err := canDump(); err != nil {
			return err
		}
		if cfg.work, err = os.MkdirTemp("", "cores"); err != nil {
			return err
		}
		defer os.RemoveAll(cfg.work)
	}
	var failed []string
	for _, c := range cases {
		if !match.MatchString(c.name()) || *keep && c.exists(cfg) {
			continue
		}
		if *list {
			fmt.Println(c.name())
			continue
		}
		m, err := c.make(cfg)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", c.name(), err)
			failed = append(failed, c.name())
			continue
		}
		fmt.Printf("%s: pid %d, %s, attempt %d, core of %d bytes\n", c.name(), m.PID, m.Ended, m.Attempts, m.CoreBytes)
	}
	if err := pack(cfg); err != nil {
		return err
	}
	if len(failed) > 0 {
		return errors.New("not made: " + strings.Join(failed, " "))
	}
	return nil
}

// canDump says what is to be done where the kernel does not write cores into the current directory, and lifts the limit
// on their size for the processes to come.
func canDump() error {
	b, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil {
		return err
	}
	if p := strings.TrimSpace(string(b)); !strings.HasPrefix(p, "core") || strings.Contains(p, "/") {
		return fmt.Errorf("the kernel sends cores to %q; as root: echo core > /proc/sys/kernel/core_pattern", p)
	}
	lim := syscall.Rlimit{Cur: ^uint64(0), Max: ^uint64(0)}
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &lim); err != nil {
		return fmt.Errorf("lifting the limit on core size (ulimit -c unlimited): %w", err)
	}
	return os.WriteFile("/proc/self/coredump_filter", []byte("0x33"), 0) // the kernel's default, inherited
}

// corePath is where the kernel has put the core of a process that ran in dir.
func corePath(dir string) (string, error) {
	l, err := filepath.Glob(filepath.Join(dir, "core*"))
	if err != nil || len(l) != 1 {
		return "", fmt.Errorf("%d core files in %s", len(l), dir)
	}
	return l[0], nil
}
