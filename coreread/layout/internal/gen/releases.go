package main

import "postmortem/coreread/layout/internal/record"

// releases are those that are recorded: the first and a late patch release of
// every minor version, and inside a series the two releases on both sides of
// every change to a struct that needs a table, as far as their toolchains are
// to be had: writing the tables says where such a change is not pinned to one
// patch release (1.18).
var releases = []record.Release{
	{Minor: 18}, {Minor: 18, Patch: 10},
	{Minor: 19}, {Minor: 19, Patch: 13},
	{Minor: 20}, {Minor: 20, Patch: 14},
	{Minor: 21}, {Minor: 21, Patch: 5}, {Minor: 21, Patch: 6}, {Minor: 21, Patch: 13},
	{Minor: 22}, {Minor: 22, Patch: 12},
	{Minor: 23}, {Minor: 23, Patch: 1}, {Minor: 23, Patch: 2}, {Minor: 23, Patch: 3}, {Minor: 23, Patch: 4}, {Minor: 23, Patch: 12},
	{Minor: 24}, {Minor: 24, Patch: 9},
	{Minor: 25}, {Minor: 25, Patch: 4},
	{Minor: 26}, {Minor: 26, Patch: 8},
	{Minor: 27}, {Minor: 27, Patch: 3},
}
