// The smallest program: a descriptor that is in this one is in every binary.
package main

func main() {}
