//go:build !go1.23

package main

const timerType, tickerType = "time.Timer", "time.Ticker"

func uniques() {}
