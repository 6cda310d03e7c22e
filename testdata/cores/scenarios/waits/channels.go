package main

import "sync"

// channels are waits for one channel each.
func channels() {
	spawn(sendToNobody)
	spawn(receiveFromNobody)
	spawn(sendToFullBuffer)
	spawn(rangeNeverClosed)
	spawn(sendNil)
	spawn(receiveNil)
	doubleSendAfterTimeout()
	pairOfLeaked()
	spawn(receiveStruct)
	spawn(sendToGlobal)
	weaklyHeld()
	behindLive()
	manySenders()
}

func sendToNobody() {
	c := make(chan int)
	wait("send to nobody", leaked, "send", sendsTo(c))
	c <- 1
}

func receiveFromNobody() {
	c := make(chan string)
	wait("receive from nobody", leaked, "receive", receives(c))
	<-c
}

func sendToFullBuffer() {
	c := make(chan [4]int64, 3)
	for i := 0; i < 3; i++ {
		c <- [4]int64{}
	}
	wait("send to a full buffer", leaked, "send", sendsTo(c))
	c <- [4]int64{}
}

func rangeNeverClosed() {
	c := make(chan *account, 2)
	wait("range over a channel never closed", leaked, "receive", receives(c))
	for a := range c {
		println(a)
	}
}

func sendNil() {
	var c chan int
	wait("send to a nil channel", leaked, "send", nilChannel(true))
	c <- 1
}

func receiveNil() {
	var c chan int
	wait("receive from a nil channel", leaked, "receive", nilChannel(false))
	<-c
}

type reply struct {
	body []byte
	err  error
}

// doubleSendAfterTimeout leaves one that answers twice, and one whose asker no longer listens.
func doubleSendAfterTimeout() {
	once, twice := make(chan reply), make(chan reply, 1)
	spawn(func() {
		wait("send after the receiver's timeout", leaked, "send", sendsTo(once))
		once <- reply{}
	})
	spawn(func() {
		twice <- reply{}
		wait("second send to a buffer of one", leaked, "send", sendsTo(twice))
		twice <- reply{}
	})
}

// pairOfLeaked wait each for what only the other would do.
func pairOfLeaked() {
	a, b := make(chan int), make(chan int)
	spawn(func() {
		wait("pair: one waits for the other's value", leaked, "receive", receives(a))
		b <- <-a
	})
	spawn(func() {
		wait("pair: the other waits for the one's", leaked, "receive", receives(b))
		a <- <-b
	})
}

func receiveStruct() {
	h := &hub{events: make(chan event)}
	wait("receive through a field", leaked, "receive", receives(h.events))
	h.take()
}

type event struct{ name string }

type hub struct{ events chan event }

//go:noinline
func (h *hub) take() event { return <-h.events }

var exits = make(chan int)

func sendToGlobal() {
	wait("send to a channel in a global", blind, "send", sendsTo(exits))
	exits <- 1
}

var cache sync.Map

// weaklyHeld wait for channels that a cache knows, but nobody takes them from there.
func weaklyHeld() {
	c := make(chan int)
	cache.Store("c", c)
	spawn(func() {
		wait("receive from a channel in a cache", blind, "receive", receives(c))
		<-c
	})
}

// behindLive wait for one that waits for one that will wake.
func behindLive() {
	a, b := make(chan int), make(chan int)
	spawn(func() {
		wait("last in a live chain", live, "receive", receives(b))
		<-b
	})
	spawn(func() {
		wait("middle of a live chain", live, "receive", receives(a))
		b <- <-a
	})
	sleeper("head of a live chain", func() { a <- 1 })
}

// manySenders stand in one channel's queue.
func manySenders() {
	c := make(chan int)
	for i := 0; i < 20; i++ {
		spawn(func() {
			wait("one of twenty senders", leaked, "send", sendsTo(c))
			c <- 1
		})
	}
}
