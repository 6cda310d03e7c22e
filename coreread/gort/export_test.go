package gort

import (
	"maps"
	"slices"
)

// SystemCallNames are the calls that are known, by number.
func SystemCallNames(goarch string) map[uint64]string { return maps.Clone(systemCalls[goarch]) }

// DescriptorCallNames are the calls that take a file descriptor first.
func DescriptorCallNames() []string { return slices.Collect(maps.Keys(descriptorCalls)) }
