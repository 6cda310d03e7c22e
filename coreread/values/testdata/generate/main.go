// Command generate builds ../crash and dumps the cores that this package's tests read. It runs in the package's
// folder (go generate), on Linux/amd64 with a core_pattern that writes "core" or "core.PID" into the current folder,
// and with QEMU's qemu-aarch64-static in the path, which writes the cores of arm64 programs itself.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"
)

var builds = []struct {
	name, toolchain, arch string
	flags                 []string
	deaths                []string
}{
	{"optimised", "go1.26.8", "amd64", nil, []string{"panic", "fault", "wait"}},
	{"optimised27", "go1.27.3", "amd64", nil, []string{"panic"}},
	{"plain-pie", "go1.27.3", "amd64", []string{"-gcflags=-N -l", "-buildmode=pie"}, []string{"panic"}},
	{"arm64", "go1.26.8", "arm64", nil, []string{"panic"}},
}

func main() {
	log.SetFlags(0)
	folder, err := filepath.Abs("testdata")
	if err != nil {
		log.Fatal(err)
	}
	for _, b := range builds {
		binary := filepath.Join(folder, b.name)
		args := append([]string{"build", "-trimpath", "-buildvcs=false", "-o", binary}, b.flags...)
		build := exec.Command("go", append(args, ".")...)
		build.Dir = filepath.Join(folder, "crash")
		build.Env = append(os.Environ(), "GOTOOLCHAIN="+b.toolchain, "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+b.arch)
		if out, err := build.CombinedOutput(); err != nil {
			log.Fatalf("%s: %v\n%s", b.name, err, out)
		}
		for _, death := range b.deaths {
			if err := dump(binary, b.arch, death, fmt.Sprintf("%s-%s.core.zst", binary, death)); err != nil {
				log.Fatalf("%s: %v", death, err)
			}
		}
		if err := compress(binary, binary+".zst"); err != nil {
			log.Fatal(err)
		}
		os.Remove(binary)
	}
}

// dump runs binary until it dies and packs its core.
func dump(binary, arch, death, to string) error {
	dir, err := os.MkdirTemp("", "values")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	unlimited := syscall.Rlimit{Cur: ^uint64(0), Max: ^uint64(0)}
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &unlimited); err != nil {
		return err
	}
	run, pattern := exec.Command(binary, death), "core*"
	if arch == "arm64" {
		run, pattern = exec.Command("qemu-aarch64-static", binary, death), "qemu_*.core"
	}
	run.Dir, run.Env = dir, []string{"GOTRACEBACK=crash", "GOMAXPROCS=2"}
	var stderr strings.Builder
	run.Stderr = &stderr
	if err := run.Start(); err != nil {
		return err
	}
	if death == "wait" {
		time.Sleep(time.Second)
		run.Process.Signal(syscall.SIGABRT)
	}
	run.Wait()
	cores, _ := filepath.Glob(filepath.Join(dir, pattern))
	if len(cores) != 1 {
		return fmt.Errorf("it left %d cores\n%s", len(cores), stderr.String())
	}
	return compress(cores[0], to)
}

func compress(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	w, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, in); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return out.Close()
}
