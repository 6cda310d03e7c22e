package facts

// IdentitySchema names the version of Identity's keys.
const IdentitySchema = "postmortem-identity/1"

// Identity is what a core alone says of its process.
type Identity struct {
	Schema string `json:"schema"`
	Tool   Tool   `json:"tool"`
	// Executable is the base name of the file that ran.
	Executable  Maybe[string] `json:"executable"`
	BuildID     Maybe[string] `json:"build_id"`
	GoBuildID   Maybe[string] `json:"go_build_id"`
	GoVersion   Maybe[string] `json:"go_version"`
	GOARCH      Maybe[string] `json:"goarch"`
	MainModule  *Module       `json:"main_module"`
	MainPackage Maybe[string] `json:"main_package"`
	VCSRevision Maybe[string] `json:"vcs_revision"`
	VCSModified Maybe[bool]   `json:"vcs_modified"`
	Core        Core          `json:"core"`
	Process     Process       `json:"process"`
	// DumpSignal is the signal that wrote the core; nil when the core names none.
	DumpSignal *Signal `json:"dump_signal"`
}
