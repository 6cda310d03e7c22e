package main

import (
	"context"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type list[T any] struct {
	next  *list[T]
	value T
}

type pair[K comparable, V any] struct {
	key   K
	value V
	more  []V
}

type genericLeaf struct{ n [4]int }

var (
	intList    *list[int]
	leafList   *list[*genericLeaf]
	pairs      [8]*pair[string, *genericLeaf]
	genericMap map[string]list[genericLeaf]
)

func push[T any](l *list[T], v T) *list[T] { return &list[T]{l, v} }

func generics() {
	for i := 0; i < 90; i++ {
		intList = push(intList, i)
	}
	expect(live, "main.list[int]", 90)
	for i := 0; i < 45; i++ {
		leafList = push(leafList, new(genericLeaf))
	}
	expect(live, "main.list[*main.genericLeaf]", 45)
	for i := range pairs {
		pairs[i] = &pair[string, *genericLeaf]{more: []*genericLeaf{new(genericLeaf), new(genericLeaf)}}
	}
	expect(live, "main.pair[string,*main.genericLeaf]", 8)
	expect(live, "[n]*main.genericLeaf", 8)
	expect(live, "main.genericLeaf", 45+2*8)
	genericMap = map[string]list[genericLeaf]{"one": {}}
	expect(live, "map[string]main.list[main.genericLeaf]", 1)
}

type (
	pooled       struct{ n [3]int }
	pooledBefore struct{ n [5]int }
	syncMapValue struct{ n [4]int }
	atomicValue  struct{ n [6]int }
)

var (
	pool      sync.Pool
	syncMap   sync.Map
	atomicVal atomic.Value
)

func syncs() {
	for i := 0; i < 30; i++ {
		syncMap.Store(i, new(syncMapValue))
	}
	expect(live, "main.syncMapValue", 30)
	atomicVal.Store(new(atomicValue))
	expect(live, "main.atomicValue", 1)
}

// poolBefore is what the pool holds for one more collection.
func poolBefore() {
	for i := 0; i < 10; i++ {
		pool.Put(new(pooledBefore))
	}
	expect(live, "main.pooledBefore", 10)
}

func poolAfter() {
	for i := 0; i < 15; i++ {
		pool.Put(new(pooled))
	}
	expect(live, "main.pooled", 15)
}

type clock struct {
	timer  *time.Timer
	ticker *time.Ticker
}

type clockContext struct{ n [6]int }

var clocksAt [5]*clock

func clocks() {
	for i := range clocksAt {
		clocksAt[i] = &clock{time.NewTimer(time.Hour), time.NewTicker(time.Hour)}
	}
	expect(live, "main.clock", 5)
	c := new(clockContext)
	time.AfterFunc(time.Hour, func() { c.n[0]++ }) // only the runtime knows it
	expect(live, "main.clockContext", 1)
	expect(live, "func main.clocks.func1", 1)
}

type contextKey struct{ n [2]int }
type contextValue struct{ n [7]int }

var (
	innermostContext context.Context
	cancels          [7]context.CancelFunc
)

func contexts() {
	c := context.Background()
	for i := 0; i < 25; i++ {
		c = context.WithValue(c, contextKey{[2]int{i, i}}, new(contextValue))
	}
	expect(live, "main.contextValue", 25)
	expect(live, "main.contextKey", 25)
	expect(live, "context.valueCtx", 25)
	for i := 0; i < 6; i++ {
		c, cancels[i] = context.WithCancel(c)
	}
	expect(live, "context.cancelCtx", 6)
	c, cancels[6] = context.WithTimeout(c, time.Hour)
	expect(live, "context.timerCtx", 1)
	if strings.HasPrefix(runtime.Version(), "go1.20") {
		expect(live, "context.cancelCtx", 1) // that of the timerCtx, which holds it by value in all other versions
	}
	innermostContext = c
}

// user is what the cache holds.
type user struct {
	Name    string
	Friends []*user
	Profile *profile
	Data    [12]int
}

type profile struct {
	Owner *user
	Bio   []letter
}

type letter byte

type userCache struct {
	byName map[string]*user
	hits   int
}

var cache *userCache

func fillCache() {
	const users = 1500
	cache = &userCache{byName: map[string]*user{}}
	all := make([]*user, users)
	for i := range all {
		u := &user{Name: "user number " + strconv.Itoa(10000+i)}
		u.Profile = &profile{u, make([]letter, 100)}
		u.Friends = append(make([]*user, 0, 4), all[i/2], all[i/3])
		cache.byName[u.Name], all[i] = u, u
	}
	expect(live, "main.userCache", 1)
	expect(live, "map[string]*main.user", 1)
	expect(live, "main.user", users)
	expect(live, "main.profile", users)
	expect(live, "[n]*main.user", users)
	expect(live, "[n]main.letter", users)
	const size = 144 + 32 + 112 + 32 + 24 // user, friends, bio, profile, name
	expect(retain, "main.cache", users*size)
}

// common is what the versions have under different names.
func common() {
	atomics()
	uniques()
	expect(timerKind, timerType, 7) // five timers, one that calls a function, one of a context
	expect(timerKind, tickerType, 5)
}
