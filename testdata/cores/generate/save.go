package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// meta is the meta.json beside a core.
type meta struct {
	Program   string   `json:"program"`
	Scenario  string   `json:"scenario"`
	Args      []string `json:"args,omitempty"`
	Go        string   `json:"go"`
	Variant   string   `json:"variant"`
	Producer  string   `json:"producer"`
	Binary    string   `json:"binary"`                  // path from the folder of the case
	Member    string   `json:"binary_member,omitempty"` // name in the archive that Binary is
	PID       int      `json:"pid"`
	Ended     string   `json:"ended"`            // the signal that ended the process
	Signal    string   `json:"signal,omitempty"` // the one sent from outside
	Env       string   `json:"env,omitempty"`
	Cut       int      `json:"cut_percent,omitempty"`
	CoreBytes int64    `json:"core_bytes"`            // before compression
	Whole     int64    `json:"whole_bytes,omitempty"` // size before the cut
	Attempts  int      `json:"attempts"`
	Notes     []string `json:"notes,omitempty"` // what is odd about the print
}

// make runs the case until its print is complete and saves what it left.
func (c dumpCase) make(cfg config) (*meta, error) {
	binary, err := c.build(cfg)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		p, err := c.runOnce(cfg, binary)
		if err == nil {
			var notes []string
			if notes, err = c.check(p); err == nil {
				defer os.RemoveAll(p.dir)
				return c.save(cfg, p, binary, &meta{Attempts: attempt, Notes: notes})
			}
			if attempt < cfg.tries {
				os.RemoveAll(p.dir)
			}
		}
		if attempt == cfg.tries {
			return nil, fmt.Errorf("attempt %d: %w", attempt, err)
		}
	}
}

func (c dumpCase) dir(cfg config) string {
	if cfg.raw {
		return filepath.Join(cfg.out, c.name())
	}
	return filepath.Join(cfg.out, "dumps", c.name())
}

func (c dumpCase) exists(cfg config) bool {
	_, err := os.Stat(filepath.Join(c.dir(cfg), "meta.json"))
	return err == nil
}

func (c dumpCase) save(cfg config, p *process, binary string, m *meta) (*meta, error) {
	dir := c.dir(cfg)
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	m.Program, m.Scenario, m.Args, m.Go, m.Variant, m.Producer = c.Program, c.Scenario, c.Args, c.Go, c.Variant, c.Producer
	m.PID, m.Ended, m.Env, m.Cut = p.cmd.Process.Pid, p.ended, c.Env, c.Cut
	if c.Signal != 0 {
		m.Signal = c.Signal.String()
	}
	info, err := os.Stat(p.core)
	if err != nil {
		return nil, err
	}
	m.CoreBytes = info.Size()
	if c.Cut != 0 {
		m.Whole, m.CoreBytes = m.CoreBytes, m.CoreBytes*int64(c.Cut)/100
		if err := os.Truncate(p.core, m.CoreBytes); err != nil {
			return nil, err
		}
	}
	if cfg.raw {
		m.Binary = "bin"
		err = firstError(command("cp", "--sparse=always", p.core, filepath.Join(dir, "core")), command("cp", binary, filepath.Join(dir, "bin")))
	} else {
		err = firstError(compress(p.core, filepath.Join(dir, "core.zst")), c.share(cfg, binary, m))
	}
	if err != nil {
		return nil, err
	}
	if err := saveProfiles(p, dir); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	return m, firstError(
		os.WriteFile(filepath.Join(dir, "stdout.txt"), append(p.stdout, '\n'), 0o644),
		os.WriteFile(filepath.Join(dir, "stderr.txt"), p.stderr, 0o644),
		os.WriteFile(filepath.Join(dir, "meta.json"), append(b, '\n'), 0o644))
}

// saveProfiles keeps the profiles that the process has written of itself.
func saveProfiles(p *process, dir string) error {
	profiles, err := filepath.Glob(filepath.Join(p.dir, "*.pb.gz"))
	if err != nil {
		return err
	}
	for _, file := range profiles {
		if err := command("cp", file, dir); err != nil {
			return err
		}
	}
	return nil
}

// compress needs the zstd program: the Go library has no level as high.
func compress(from, to string) error {
	return command("zstd", "-q", "-f", "-19", "--long=27", from, "-o", to)
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

func firstError(l ...error) error {
	for _, err := range l {
		if err != nil {
			return err
		}
	}
	return nil
}
