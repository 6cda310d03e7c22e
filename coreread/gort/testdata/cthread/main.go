// Cthread dies by what a thread does that C has made and that never calls Go.
package main

/*
#cgo LDFLAGS: -lpthread
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void *die(void *how) {
	if (strcmp(how, "fault") == 0)
		*(volatile int *)0x1230 = 1;
	if (strcmp(how, "raise") == 0)
		raise(SIGSEGV);
	abort();
}

static void start(const char *how) {
	pthread_t t;
	pthread_create(&t, NULL, die, strdup(how));
}
*/
import "C"

import (
	"os"
	"time"
)

func main() {
	C.start(C.CString(os.Args[1]))
	time.Sleep(time.Hour)
}
