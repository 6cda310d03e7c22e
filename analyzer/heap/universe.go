package heap

import "postmortem/coreread/gotypes"

// Universe returns the types of the process.
func (a *Analysis) Universe() *gotypes.Universe { return a.universe }
