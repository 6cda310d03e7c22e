//go:build !go1.23

package main

//go:noinline
func ranged(c chan int) {
	defer named()
	<-c
}
