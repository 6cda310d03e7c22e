package main

import "strconv"

type (
	setKey          string
	flatKey         uint32
	smallMapValue   struct{ n, m, o int }
	largeMapValue   struct{ p *largeMapLeaf }
	largeMapLeaf    struct{ n [5]int }
	growingMapValue struct{ n [2]int }
	thinMapValue    struct{ n [7]int }
	mapOfMapsValue  struct{ n [4]int }
	structKey       struct {
		name string
		id   *structKeyID
	}
	structKeyID struct{ n [9]int }
	// bigKey and bigElem are more than 128 bytes: maps keep pointers to them.
	bigKey  struct{ k [18]int }
	bigElem struct {
		leaf *bigElemLeaf
		pad  [20]int
	}
	bigElemLeaf struct{ n [10]int }
)

var (
	smallMap   map[int]*smallMapValue
	largeMap   map[int64]*largeMapValue
	setMap     map[setKey]struct{}
	flatMap    map[flatKey]uint32
	bigMap     map[bigKey]bigElem
	growingMap map[int32]*growingMapValue
	thinMap    map[uint16]*thinMapValue
	structMap  map[structKey]bool
	mapOfMaps  map[string]map[uint8]*mapOfMapsValue
	emptyMap   map[string]complex128
	ifaceMap   map[interface{}]interface{}
)

type (
	ifaceMapKey   struct{ a, b int }
	ifaceMapValue struct{ a, b, c, d, e int }
)

func maps() {
	smallMap = map[int]*smallMapValue{}
	for i := 0; i < 5; i++ {
		smallMap[i] = &smallMapValue{n: i}
	}
	expect(live, "main.smallMapValue", 5)
	expect(live, "map[int]*main.smallMapValue", 1)

	largeMap = map[int64]*largeMapValue{}
	for i := int64(0); i < 3000; i++ {
		largeMap[i*i] = &largeMapValue{new(largeMapLeaf)}
	}
	expect(live, "main.largeMapValue", 3000)
	expect(live, "main.largeMapLeaf", 3000)
	expect(live, "map[int64]*main.largeMapValue", 1)

	setMap = map[setKey]struct{}{}
	flatMap = map[flatKey]uint32{}
	for i := 0; i < 200; i++ {
		setMap[setKey("member number "+strconv.Itoa(1000+i))] = struct{}{}
		flatMap[flatKey(i)] = 1
	}
	expect(live, "map[main.setKey]struct {}", 1)
	expect(live, "map[main.flatKey]uint32", 1)

	bigMap = map[bigKey]bigElem{}
	for i := 0; i < 40; i++ {
		var k bigKey
		k.k[i%18] = i + 1
		bigMap[k] = bigElem{leaf: new(bigElemLeaf)}
	}
	expect(live, "main.bigKey", 40)
	expect(live, "main.bigElem", 40)
	expect(live, "main.bigElemLeaf", 40)
	expect(live, "map[main.bigKey]main.bigElem", 1)

	// 416 entries fill 64 buckets of the maps up to Go 1.23: the next one starts to move them, and each moves two.
	growingMap = map[int32]*growingMapValue{}
	for i := int32(0); i < 422; i++ {
		growingMap[i] = new(growingMapValue)
	}
	expect(live, "main.growingMapValue", 422)
	expect(live, "map[int32]*main.growingMapValue", 1)

	thinMap = map[uint16]*thinMapValue{}
	for i := uint16(0); i < 500; i++ {
		thinMap[i] = new(thinMapValue)
	}
	for i := uint16(0); i < 490; i++ {
		delete(thinMap, i)
	}
	expect(live, "main.thinMapValue", 10)
	expect(garbage, "main.thinMapValue", 490)
	expect(live, "map[uint16]*main.thinMapValue", 1)
	moreMaps()
}

func moreMaps() {
	structMap = map[structKey]bool{}
	for i := 0; i < 30; i++ {
		structMap[structKey{"key", new(structKeyID)}] = true
	}
	expect(live, "main.structKeyID", 30)
	expect(live, "map[main.structKey]bool", 1)

	mapOfMaps = map[string]map[uint8]*mapOfMapsValue{}
	for _, name := range []string{"one", "two", "three", "four"} {
		mapOfMaps[name] = map[uint8]*mapOfMapsValue{1: {}, 2: {}, 3: {}}
	}
	expect(live, "main.mapOfMapsValue", 12)
	expect(live, "map[uint8]*main.mapOfMapsValue", 4)
	expect(live, "map[string]map[uint8]*main.mapOfMapsValue", 1)

	emptyMap = make(map[string]complex128)
	expect(live, "map[string]complex128", 1)

	ifaceMap = map[interface{}]interface{}{}
	for i := 0; i < 25; i++ {
		ifaceMap[ifaceMapKey{i, i}] = &ifaceMapValue{a: i}
	}
	expect(live, "main.ifaceMapKey", 25)
	expect(live, "main.ifaceMapValue", 25)
	expect(live, "map[interface {}]interface {}", 1)
}
