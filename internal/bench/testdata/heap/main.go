// Heap builds a process of users that refer to each other, times the collector on it, and dies.
//
//	heap USERS COLLECTIONS
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// user and what hangs below it are 12 objects of about 1.1 KiB with 25 pointers to the heap.
type user struct {
	ID      int64
	Name    string
	Email   string
	Friends []*user
	Tags    []string
	Links   map[string]*user
	Profile *profile
	Created int64
}

type profile struct {
	Owner  *user
	Bio    string
	Scores [16]int64
}

var users = map[string]*user{}

var relations = [...]string{"mentor", "manager", "neighbour", "rival"}

func main() {
	n, err1 := strconv.Atoi(os.Args[1])
	collections, err2 := strconv.Atoi(os.Args[2])
	if err1 != nil || err2 != nil {
		fmt.Fprintln(os.Stderr, "usage: heap USERS COLLECTIONS")
		os.Exit(2)
	}
	debug.SetGCPercent(50)
	build(n)
	runtime.GC()
	for i := 0; i < collections; i++ {
		start := time.Now()
		runtime.GC()
		fmt.Println("gc", time.Since(start).Nanoseconds())
	}
	debug.FreeOSMemory() // else the core has the pages of dead objects too
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Println("objects", m.HeapObjects)
	fmt.Println("bytes", m.HeapAlloc)
	syscall.Kill(syscall.Getpid(), syscall.SIGABRT)
	time.Sleep(time.Minute)
	runtime.KeepAlive(users)
}

func build(n int) {
	all := make([]*user, n)
	for i := range all {
		all[i] = newUser(i)
		users[all[i].Name] = all[i]
	}
	state := uint64(1)
	random := func() *user {
		state = state*6364136223846793005 + 1442695040888963407
		return all[(state>>33)%uint64(n)]
	}
	for _, u := range all {
		for i := range u.Friends {
			u.Friends[i] = random()
		}
		for _, r := range relations {
			u.Links[r] = random()
		}
	}
}

func newUser(i int) *user {
	u := &user{
		ID:      int64(i),
		Name:    fmt.Sprintf("user number %010d", i),
		Email:   fmt.Sprintf("user.%010d@mail.example.com", i),
		Friends: make([]*user, 8),
		Tags:    make([]string, 3),
		Links:   map[string]*user{},
		Profile: &profile{Bio: strings.Repeat(fmt.Sprintf("%012d", i), 32)},
		Created: int64(i) * 1_000_003,
	}
	for t := range u.Tags {
		u.Tags[t] = fmt.Sprintf("tag %d %010d", t, i)
	}
	u.Profile.Owner = u
	return u
}
