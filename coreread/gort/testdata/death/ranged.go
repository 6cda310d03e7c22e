//go:build go1.23

package main

//go:noinline
func ranged(c chan int) {
	for i := range numbers {
		defer counted(i, 3) // @ranged
	}
	defer named()
	<-c
}

func numbers(yield func(int) bool) {
	for i := 0; i < 4; i++ {
		if !yield(i) {
			return
		}
	}
}
