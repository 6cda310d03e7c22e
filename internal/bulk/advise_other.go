//go:build !linux

package bulk

func advise([]byte) {}

func drop([]byte) {}
