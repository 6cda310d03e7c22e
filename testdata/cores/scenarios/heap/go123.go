//go:build go1.23

package main

import "unique"

// timerType and tickerType are what timers really are: what points to them says time.Timer and time.Ticker.
const timerType, tickerType, timerKind = "runtime.timeTimer", "runtime.timeTimer", loose

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
