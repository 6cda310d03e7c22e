package facts

// Waste is memory that the program could do without.
type Waste struct {
	DuplicateStrings *DuplicateStrings `json:"duplicate_strings"`
	SpareSlices      *SpareSlices      `json:"spare_slices"`
	SparseMaps       *SparseMaps       `json:"sparse_maps"`
	// FinalizerOnly are objects that nothing but a finalizer or a cleanup keeps.
	FinalizerOnly *Tally `json:"finalizer_only"`
}

// DuplicateStrings are string contents that the heap holds more than once.
type DuplicateStrings struct {
	// Count is how many copies there are beyond the first of each, Bytes what they
	// take, Distinct how many contents have copies.
	Count    uint64 `json:"count"`
	Bytes    uint64 `json:"bytes"`
	Distinct uint64 `json:"distinct"`
	// Top are those whose copies take most, at most WasteTopCap.
	Top      []DuplicateString `json:"top"`
	TopTotal int               `json:"top_total"`
}

// DuplicateString is one content.
type DuplicateString struct {
	// Count is how many times it is there, Bytes what all but one take.
	Count  uint64 `json:"count"`
	Bytes  uint64 `json:"bytes"`
	Length uint64 `json:"length"`
	// Value is unknown unless contents of memory were asked for.
	Value Maybe[string] `json:"value"`
}

// SpareSlices are backing arrays whose slices use little of them.
type SpareSlices struct {
	// Count is how many there are, Bytes what lies behind the longest length.
	Count uint64 `json:"count"`
	Bytes uint64 `json:"bytes"`
	// Top are those with most spare bytes, at most WasteTopCap.
	Top      []SpareSlice `json:"top"`
	TopTotal int          `json:"top_total"`
}

// SpareSlice is one backing array; Length and Capacity count elements.
type SpareSlice struct {
	Address  Word          `json:"address"`
	Type     Maybe[string] `json:"type"`
	Length   uint64        `json:"length"`
	Capacity uint64        `json:"capacity"`
	Bytes    uint64        `json:"bytes"`
	// Holder is the field or variable that holds the slice ("main.Buffer.data").
	Holder Maybe[string] `json:"holder"`
}

// SparseMaps are maps that have room for many more entries than they hold.
type SparseMaps struct {
	// Count is how many there are, Bytes what their empty slots take.
	Count uint64 `json:"count"`
	Bytes uint64 `json:"bytes"`
	// Top are those with most bytes in empty slots, at most WasteTopCap.
	Top      []SparseMap `json:"top"`
	TopTotal int         `json:"top_total"`
}

// SparseMap is one map; Entries and Capacity count keys.
type SparseMap struct {
	Address  Word          `json:"address"`
	Type     Maybe[string] `json:"type"`
	Entries  uint64        `json:"entries"`
	Capacity uint64        `json:"capacity"`
	Bytes    uint64        `json:"bytes"`
	// Holder is the field or variable that holds the map.
	Holder Maybe[string] `json:"holder"`
}
