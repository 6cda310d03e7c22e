package main

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
)

// archive is the archive that keeps the binary of a case, "" for a file of its own. The binaries of one program by many Go
// versions have much in common, which compression finds only if they lie in one file.
func (c dumpCase) archive() string {
	switch c.Program {
	case "heap", "waits", "service":
		return c.Program
	}
	return ""
}

// share puts the binary of a case where others find it too, or notes that it has to go into an archive.
func (c dumpCase) share(cfg config, binary string, m *meta) error {
	folder := filepath.Join(cfg.out, "bin")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if name := c.archive(); name != "" {
		file := filepath.Join(folder, name+".tar.zst")
		m.Binary, m.Member = "../../bin/"+filepath.Base(file), c.binaryName()
		if cfg.archives[file] == nil {
			cfg.archives[file] = map[string]string{}
		}
		cfg.archives[file][m.Member] = binary
		return nil
	}
	shared := filepath.Join(folder, c.binaryName()+".zst")
	m.Binary = "../../bin/" + filepath.Base(shared)
	if cfg.saved[shared] {
		return nil
	}
	cfg.saved[shared] = true
	return compress(binary, shared)
}

// pack writes the archives: what they had, and what is new.
func pack(cfg config) error {
	for file, members := range cfg.archives {
		plain := filepath.Join(cfg.work, filepath.Base(file)+".tar")
		if _, err := os.Stat(file); err == nil {
			if err := extract(cfg, file, members); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		if err := firstError(writeTar(plain, members), compress(plain, file), os.Remove(plain)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// extract unpacks an archive and adds its members to those that have the new files' paths.
func extract(cfg config, file string, members map[string]string) error {
	folder, err := os.MkdirTemp(cfg.work, "archive")
	if err != nil {
		return err
	}
	unpack := exec.Command("zstd", "-q", "-dc", "--long=27", file)
	packed, err := unpack.StdoutPipe()
	if err != nil {
		return err
	}
	if err := unpack.Start(); err != nil {
		return err
	}
	r := tar.NewReader(packed)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return unpack.Wait()
		}
		if err != nil {
			return err
		}
		if members[h.Name] != "" {
			continue
		}
		members[h.Name] = filepath.Join(folder, filepath.Base(h.Name))
		content, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := os.WriteFile(members[h.Name], content, 0o755); err != nil {
			return err
		}
	}
}

// writeTar writes files under other names, sorted, so that versions next to each other are.
func writeTar(to string, members map[string]string) error {
	var names []string
	for name := range members {
		names = append(names, name)
	}
	sort.Strings(names)
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	w := tar.NewWriter(out)
	for _, name := range names {
		content, err := os.ReadFile(members[name])
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}); err != nil {
			return err
		}
		if _, err := w.Write(content); err != nil {
			return err
		}
	}
	return w.Close()
}
