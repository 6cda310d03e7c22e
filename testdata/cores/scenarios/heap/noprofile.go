//go:build !pprof

package main

func startProfiles() {}

func writeProfiles() {}
