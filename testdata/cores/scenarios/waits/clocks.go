package main

import "time"

// clocks are waits for timers.
func clocks() {
	sleeper("sleep", func() {})
	spawn(timerChannel)
	spawn(tickerLoop)
	spawn(stoppedTicker)
	spawn(firedTimer)
	spawn(leakedTicker)
	afterFunc()
}

func timerChannel() {
	before := nanotime()
	t := time.NewTimer(90 * time.Minute)
	noteTimer("timer", receiver(t.C), before, int64(90*time.Minute), 0)
	wait("timer", live, "receive", receivesFrom(t.C))
	<-t.C
}

func tickerLoop() {
	before := nanotime()
	t := time.NewTicker(10 * time.Minute)
	defer t.Stop()
	noteTimer("ticker", receiver(t.C), before, int64(10*time.Minute), int64(10*time.Minute))
	wait("ticker loop", live, "receive", receivesFrom(t.C))
	for range t.C {
	}
}

func stoppedTicker() {
	before := nanotime()
	t := time.NewTicker(10 * time.Minute)
	t.Stop()
	noteTimer("stopped", receiver(t.C), before, int64(10*time.Minute), int64(10*time.Minute))
	wait("stopped ticker", leaked, "receive", receivesFrom(t.C))
	<-t.C
}

func firedTimer() {
	t := time.NewTimer(time.Millisecond)
	<-t.C
	wait("timer that has fired", leaked, "receive", receivesFrom(t.C))
	<-t.C
}

// leakedTicker has a ticker that goes on for nobody.
func leakedTicker() {
	before := nanotime()
	t := time.NewTicker(20 * time.Minute)
	defer t.Stop()
	c := make(chan int)
	noteTimer("ticker", receiver(t.C), before, int64(20*time.Minute), int64(20*time.Minute))
	wait("leaked with a running ticker", leaked, "receive", receives(c))
	<-c
}

// afterFunc has a timer send.
func afterFunc() {
	c := make(chan int)
	before := nanotime()
	time.AfterFunc(5*time.Hour, func() { c <- 1 })
	spawn(func() {
		noteTimer("func", 0, before, int64(5*time.Hour), 0)
		wait("receive from a timer's function", live, "receive", receives(c))
		<-c
	})
}
