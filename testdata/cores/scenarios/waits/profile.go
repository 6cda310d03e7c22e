//go:build go1.26

package main

import (
	"bytes"
	"runtime/pprof"
	"strconv"
)

// profile has the runtime find the leaked goroutines. Its profile names them only where it prints all goroutines, with
// the word in what they wait for: "goroutine 7 [chan send (leaked)]:".
func profile() (ids []int64, ok bool) {
	p := pprof.Lookup("goroutineleak")
	if p == nil {
		return nil, false // Go 1.26 without the experiment
	}
	var b bytes.Buffer
	if err := p.WriteTo(&b, 2); err != nil {
		panic(err)
	}
	for _, line := range bytes.Split(b.Bytes(), []byte("\n")) {
		if !bytes.HasPrefix(line, []byte("goroutine ")) || !bytes.Contains(line, []byte("(leaked)")) {
			continue
		}
		id, err := strconv.ParseInt(string(bytes.Fields(line)[1]), 10, 64)
		if err != nil {
			panic(err)
		}
		ids = append(ids, id)
	}
	return ids, true
}
