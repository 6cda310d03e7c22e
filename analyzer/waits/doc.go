// Package waits finds out who waits for whom in a dead process: what each blocked
// goroutine waits for, who would have to act, the deadlocks among them, and the
// goroutines that others have piled up behind.
//
// What the runtime's memory says of channels, locks, descriptors and timers is read
// elsewhere, and so are the judgements who holds a lock and who is leaked; this
// package joins them, and names what they are about.
package waits
