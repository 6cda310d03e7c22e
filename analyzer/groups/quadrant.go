package groups

import (
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/coreread/layout"
)

// quadrantOf says what holds a goroutine up, by the runtime's own words for it.
func quadrantOf(status layout.GStatus, waitReason string) facts.Quadrant {
	switch status {
	case layout.GRunning, layout.GCopystack:
		return facts.QuadrantRunning
	case layout.GRunnable, layout.GPreempted:
		return facts.QuadrantRunnable
	case layout.GSyscall:
		return facts.QuadrantSyscall
	case layout.GWaiting, layout.GLeaked:
		return waitQuadrant(waitReason)
	}
	return facts.QuadrantOther
}

// waitQuadrants maps wait reasons, or what they begin with, to what they wait for.
var waitQuadrants = []struct {
	prefix   string
	quadrant facts.Quadrant
}{
	{"chan ", facts.QuadrantChannel},
	{"select", facts.QuadrantChannel},
	{"IO wait", facts.QuadrantNetpoll},
	{"sync.", facts.QuadrantLock},
	{"semacquire", facts.QuadrantLock},
	{"sleep", facts.QuadrantTimer},
	{"timer goroutine", facts.QuadrantTimer},
	{"GC ", facts.QuadrantGC},
	{"garbage collection", facts.QuadrantGC},
	{"wait for GC cycle", facts.QuadrantGC},
	{"force gc", facts.QuadrantGC},
	{"finalizer wait", facts.QuadrantGC},
	{"cleanup wait", facts.QuadrantGC},
	{"stopping the world", facts.QuadrantGC},
	{"flushing proc caches", facts.QuadrantGC},
	{"preempted", facts.QuadrantRunnable},
}

func waitQuadrant(reason string) facts.Quadrant {
	for _, w := range waitQuadrants {
		if strings.HasPrefix(reason, w.prefix) {
			return w.quadrant
		}
	}
	return facts.QuadrantOther
}
