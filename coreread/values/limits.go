package values

import "time"

// Limits bound what is read and shown. A field that is zero has its default.
type Limits struct {
	Frames       int           // frames to read, innermost first, not counting those of the runtime; 8
	Variables    int           // variables per frame; 48
	StringBytes  int           // bytes of one string; 256
	Elements     int           // elements of one array, slice or map; 16
	Fields       int           // fields of one struct; 32
	Depth        int           // how many structs, slices and maps deep; 2
	ValueBytes   int           // text of one variable; 1 KiB
	FrameBytes   int           // text of one frame: names, types and values; 8 KiB
	TotalBytes   int           // text of all frames; 64 KiB
	ReadBytes    int64         // bytes of memory to read, repeated ones counted again; 64 MiB
	Time         time.Duration // for all of it, besides the context's own deadline; 20 s
	UnwindFrames int           // frames to look for Frames in, the runtime's and inlined ones included; 128
}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{
		{&l.Frames, 8}, {&l.Variables, 48}, {&l.StringBytes, 256}, {&l.Elements, 16}, {&l.Fields, 32}, {&l.Depth, 2},
		{&l.ValueBytes, 1 << 10}, {&l.FrameBytes, 8 << 10}, {&l.TotalBytes, 64 << 10}, {&l.UnwindFrames, 128},
	} {
		if *f.field <= 0 {
			*f.field = f.value
		}
	}
	if l.ReadBytes <= 0 {
		l.ReadBytes = 64 << 20
	}
	if l.Time <= 0 {
		l.Time = 20 * time.Second
	}
	return l
}
