// Postmortem reads what a dead Go process left behind and says why it died, hung
// or bloated. It is a batch program: files in, report out; it needs no network and
// changes nothing but the files it is told to write.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"postmortem/internal/bulk"
	"postmortem/internal/parallel"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// Exit codes. With --exit-class the class of the death takes the place of 0.
const (
	exitFailOn  = 1  // a finding reaches --fail-on, or an example of a rule file fails
	exitInput   = 3  // an input is unreadable, of no known format, or not the core's binary; or the output cannot be written
	exitBug     = 4  // a bug in postmortem
	exitRequire = 5  // --require is not met
	exitUsage   = 64 // wrong usage
)

// exitError ends the program with a code; without an error it says nothing.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usagef is wrong usage.
func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// one demands a single argument; what is its name, and use how the command is called.
func one(what, use string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("%d arguments are given, one %s is wanted: %s", len(args), what, use)
		}
		return nil
	}
}

// app is one run of the program.
type app struct {
	stdin          io.Reader
	stdout, stderr *os.File
}

func run(args []string, stdin io.Reader, stdout, stderr *os.File) (code int) {
	defer rescue(stderr, &code)
	// A mapped input that shrinks while it is read faults; that is an error, not a crash.
	debug.SetPanicOnFault(true)
	// The memory of a large heap is a few arrays without pointers, of a phase each:
	// collecting often costs next to nothing then and keeps the peak low.
	bulk.WhenMade(64<<20, func() { debug.SetGCPercent(10) })

	ctx, end := context.WithCancelCause(context.Background())
	defer end(nil)
	endOnSignal(ctx, end)
	root := newRoot(&app{stdin, stdout, stderr})
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var exit *exitError
	if !errors.As(err, &exit) { // from the command line parser
		exit = &exitError{exitUsage, err}
	}
	if exit.err != nil {
		fmt.Fprintln(stderr, "postmortem: "+oneLine(exit.err.Error()))
	}
	var in *interrupt
	if errors.As(context.Cause(ctx), &in) {
		in.raise()
	}
	return exit.code
}

// interrupt is a signal that ended the run.
type interrupt struct{ signal syscall.Signal }

func (i *interrupt) Error() string { return "interrupted by " + i.signal.String() }

// raise ends the program with the signal, as if it had not been caught: whoever
// waits for it sees why. It returns if the signal does not come.
func (i *interrupt) raise() {
	signal.Reset(i.signal)
	syscall.Kill(os.Getpid(), i.signal)
	time.Sleep(time.Second)
}

// endOnSignal ends the run at the first interrupt, so that temporary files go; the
// second one ends the program at once. It returns when signals are caught.
func endOnSignal(ctx context.Context, end context.CancelCauseFunc) {
	signals := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		if !signal.Ignored(s) { // as nohup and background jobs of scripts have it
			signal.Notify(signals, s)
		}
	}
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			end(&interrupt{s.(syscall.Signal)})
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
}

// rescue, deferred, turns a panic into an exit code.
func rescue(stderr io.Writer, code *int) {
	r := recover()
	if r == nil {
		return
	}
	stack := debug.Stack()
	err, _ := r.(error)
	if part := (*parallel.Panic)(nil); errors.As(err, &part) {
		r, stack = part.Value, part.Stack
	}
	if fault := (interface {
		error
		Addr() uintptr
	})(nil); errors.As(err, &fault) {
		fmt.Fprintf(stderr, "postmortem: reading an input faulted at %#x: the file was probably truncated while it was read; run again on a copy that nothing writes to\n", fault.Addr())
		*code = exitInput
		return
	}
	fmt.Fprintf(stderr, "postmortem: bug in postmortem: %s: no report was made; please report it with the lines below\n", oneLine(fmt.Sprint(r)))
	stderr.Write(stack)
	*code = exitBug
}

// oneLine makes a message of any origin one printable line.
func oneLine(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, s)
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "postmortem",
		Short:         "Say why a Go process died, from its core dump",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usagef("no command is given: postmortem analyze CORE BINARY is the main one, --help lists all")
		},
	}
	root.AddCommand(newAnalyze(a), newIdentify(a), newRender(a), newRules(a), newVersion(a))
	return root
}
