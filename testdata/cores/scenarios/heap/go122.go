//go:build !go1.23

package main

const timerType, tickerType, timerKind = "time.Timer", "time.Ticker", live

func uniques() {}
