package main

import "time"

// selects are waits for several channels.
func selects() {
	spawn(selectAllDead)
	spawn(selectNothing)
	spawn(selectNils)
	spawn(selectNilAndDead)
	spawn(selectSameTwice)
	spawn(selectGlobal)
	spawn(selectTimer)
	selectWithLive()
	selectOfFive()
}

func selectAllDead() {
	a, b, c := make(chan int), make(chan string), make(chan event, 1)
	c <- event{}
	wait("select with all legs dead", leaked, "select", receives(a), receives(b), sendsTo(c))
	select {
	case v := <-a:
		println(v)
	case <-b:
	case c <- event{}:
	}
}

func selectNothing() {
	wait("select {}", leaked, "select-none")
	select {}
}

func selectNils() {
	var a, b chan int
	wait("select with nil channels only", leaked, "select", nilChannel(false), nilChannel(true))
	select {
	case <-a:
	case b <- 1:
	}
}

func selectNilAndDead() {
	var a chan int
	b, c := make(chan int), make(chan int)
	wait("select with a nil leg", leaked, "select", receives(b), nilChannel(false), sendsTo(c))
	select {
	case <-b:
	case <-a:
	case c <- 1:
	}
}

func selectSameTwice() {
	c := make(chan int)
	wait("select that sends to and receives from one channel", leaked, "select", receives(c), sendsTo(c), receives(c))
	select {
	case <-c:
	case c <- 1:
	case v := <-c:
		println(v)
	}
}

func selectGlobal() {
	c := make(chan int)
	wait("select with a leg in a global", blind, "select", receives(c), sendsTo(exits))
	select {
	case <-c:
	case exits <- 1:
	}
}

func selectTimer() {
	c := make(chan int)
	before := nanotime()
	t := time.After(2 * time.Hour)
	noteTimer("timer", receiver(t), before, int64(2*time.Hour), 0)
	wait("select with a timer", live, "select", receives(c), receivesFrom(t))
	select {
	case <-c:
	case <-t:
	}
}

// selectWithLive have one leg of which a sleeper knows.
func selectWithLive() {
	a, b := make(chan int), make(chan int)
	spawn(func() {
		wait("select with a live leg", live, "select", receives(a), sendsTo(b))
		select {
		case <-a:
		case b <- 1:
		}
	})
	sleeper("takes from a select", func() { <-b })
}

// selectOfFive have sends and receives mixed, so that the order of the runtime differs from that in the source.
func selectOfFive() {
	a, b, c, d, e := make(chan int), make(chan int), make(chan int), make(chan int), make(chan int)
	for i := 0; i < 3; i++ {
		spawn(func() {
			wait("select of five legs", leaked, "select", sendsTo(a), receives(b), sendsTo(c), receives(d), receives(e))
			select {
			case a <- 1:
			case <-b:
			case c <- 2:
			case <-d:
			case <-e:
			}
		})
	}
}
