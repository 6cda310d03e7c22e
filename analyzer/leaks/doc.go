// Package leaks finds the goroutines that nothing will wake: they wait for
// channels, locks and the like that nothing that can still run can reach. It is
// the argument of the collector's own search for leaked goroutines (Go 1.26 and
// newer; Saioc et al., "Dynamic Partial Deadlock Detection and Recovery via
// Garbage Collection", ASPLOS 2025), made on the object graph of a dead process
// of any version. It does not look for cycles of waits or for who holds a lock.
//
// Proven is what the collector would say too. What only variables and finalizers
// can reach it takes for reachable; such goroutines are likely to be leaked where
// besides no code that is under way has to do with the variables.
package leaks
