package facts

// Target is what the process was and what it was built from.
type Target struct {
	// GoVersion is the full version, experiments included ("go1.25.4 X:greenteagc").
	GoVersion  Maybe[string] `json:"go_version"`
	GOOS       Maybe[string] `json:"goos"`
	GOARCH     Maybe[string] `json:"goarch"`
	MainModule *Module       `json:"main_module"`
	// MainPackage is the import path of package main.
	MainPackage   Maybe[string]     `json:"main_package"`
	VCSRevision   Maybe[string]     `json:"vcs_revision"`
	VCSModified   Maybe[bool]       `json:"vcs_modified"`
	BuildSettings map[string]string `json:"build_settings"`
	// Deps are sorted by path.
	Deps   []Module `json:"deps"`
	Binary *Binary  `json:"binary"`
	Core   *Core    `json:"core"`
	// Process is what the core's own notes say.
	Process *Process `json:"process"`
	// InstanceID is equal for two cores of one process and differs between processes.
	InstanceID Maybe[string] `json:"instance_id"`
	Time       Time          `json:"time"`
}

// Module is a Go module at a version.
type Module struct {
	Path    string        `json:"path"`
	Version Maybe[string] `json:"version"`
}

// Binary is the executable file.
type Binary struct {
	// Name is the base name.
	Name string `json:"name"`
	// BuildID is the GNU build id, in hexadecimal.
	BuildID   Maybe[string] `json:"build_id"`
	GoBuildID Maybe[string] `json:"go_build_id"`
	PIE       bool          `json:"pie"`
	// LoadBias is a runtime address minus the binary's own address of the same thing.
	LoadBias  Maybe[Word] `json:"load_bias"`
	HasSymtab bool        `json:"has_symtab"`
	HasDWARF  bool        `json:"has_dwarf"`
}

// Core is the core file.
type Core struct {
	// Name is the base name, "stdin" for standard input.
	Name     string   `json:"name"`
	Producer Producer `json:"producer"`
	// Compression is "none", "zstd", "gzip", "xz" or "lz4".
	Compression string `json:"compression"`
	// FileBytes is the size on disk, compressed or not.
	FileBytes Maybe[uint64] `json:"file_bytes"`
	// MemoryBytes is the memory of the process that the core holds.
	MemoryBytes Maybe[uint64] `json:"memory_bytes"`
}

// Producer is who wrote the core.
type Producer string

const (
	ProducerKernel  Producer = "kernel"
	ProducerGcore   Producer = "gcore"
	ProducerDlv     Producer = "dlv"
	ProducerUnknown Producer = "unknown"
)

// Process is the process as the kernel named it.
type Process struct {
	PID     Maybe[int]    `json:"pid"`
	Comm    Maybe[string] `json:"comm"`
	Threads Maybe[int]    `json:"threads"`
}

// Time is when the process lived. Times are RFC 3339 in UTC.
type Time struct {
	Started Maybe[string] `json:"started"`
	// LastSeen is the largest of the clocks that the runtime left: the death is later.
	LastSeen Maybe[string] `json:"last_seen"`
	// UptimeNS is from the start to LastSeen, so a lower bound.
	UptimeNS Maybe[int64] `json:"uptime_ns"`
	// Basis is the clock that LastSeen comes from ("sched.lastpoll").
	Basis Maybe[string] `json:"basis"`
}
