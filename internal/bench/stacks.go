package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// parked parks goroutines three frames deep in a channel receive and dies.
const parked = `package main

import (
	"os"
	"strconv"
	"time"
)

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	c := make(chan int)
	for i := 0; i < n; i++ {
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

// stacks measures postmortem and Delve listing the stacks of very many parked goroutines.
func stacks(dir, tool string, opt options) error {
	core, binary := opt.core, opt.binary
	if core == "" {
		var err error
		if binary, err = (victim{source: parked}).build(dir); err != nil {
			return err
		}
		if core, _, err = kill(dir, binary, strconv.Itoa(opt.goroutines)); err != nil {
			return err
		}
	}
	ours := measure(opt.runs, func() (usage, error) {
		return runTool(nil, tool, "analyze", core, binary, "--no-heap", "--quiet", "--format", "json", "-o", filepath.Join(dir, "report.json"))
	})
	fmt.Printf("%-28s %10s %14s\n", "tool", "wall", "anonymous")
	printStacks("postmortem analyze", ours)
	if opt.dlv == "" || ours.err != nil {
		return ours.err
	}
	theirs := measure(1, func() (usage, error) {
		return runTool(strings.NewReader("goroutines -t\nexit\n"), opt.dlv, "core", binary, core, "--allow-non-terminal-interactive")
	})
	printStacks("dlv core, goroutines -t", theirs)
	if theirs.err == nil {
		fmt.Printf("ratio 1/%.1f\n", theirs.wall.Seconds()/ours.wall.Seconds())
	}
	return theirs.err
}

func printStacks(name string, u usage) {
	if u.err != nil {
		fmt.Printf("%-28s %v\n", name, u.err)
		return
	}
	fmt.Printf("%-28s %10s %10d MiB\n", name, milliseconds(u.wall), u.anon>>20)
}
