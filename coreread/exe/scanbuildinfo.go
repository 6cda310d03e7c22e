package exe

import (
	"runtime/debug"

	"postmortem/coreread/image"
)

// ScanBuildInfo finds the build information of an executable whose headers are
// not in memory, in what is present of the ranges where it was mapped. The error
// is ErrNoBuildInfo when they hold none.
func ScanBuildInfo(m *image.Image, mapped []image.Range) (*debug.BuildInfo, error) {
	for _, r := range mapped {
		for at := r.Start; at < r.End; {
			s, ok := m.SegmentAt(at)
			if !ok {
				break
			}
			if info, err := findBuildInfo(m.Present(image.Range{Start: at, End: r.End})); err == nil {
				return info, nil
			}
			at = s.End
		}
	}
	return nil, ErrNoBuildInfo
}
