//go:build go1.23

package main

import "unique"

// timerType is what time.NewTimer and time.NewTicker allocate, and time.AfterFunc.
const timerType, tickerType = "runtime.timeTimer", "runtime.timeTimer"

type uniqueValue struct {
	a, b int
	s    string
}

var handles [12]unique.Handle[uniqueValue]

func uniques() {
	for i := range handles {
		handles[i] = unique.Make(uniqueValue{a: i / 2, s: "unique"})
	}
	expect(live, "main.uniqueValue", 6)
}
