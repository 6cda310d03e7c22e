package main

/*
static __thread int calls;
static int half(int n) { calls++; return n / 2; }
*/
import "C"

func init() { Counter += int64(C.half(0)) }
