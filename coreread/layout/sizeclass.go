package layout

// sizeClasses are the object sizes of the span classes in bytes, the same in
// 1.18 to 1.27 (src/runtime/sizeclasses.go; since 1.25
// src/internal/runtime/gc/sizeclasses.go). Class 0 is for large objects.
var sizeClasses = [...]uint16{
	0, 8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448, 480, 512,
	576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864, 5376, 6144,
	6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264,
	28672, 32768,
}

// sizeClassPages are the pages of a span of each class.
var sizeClassPages = [...]uint8{
	0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 2, 1, 2, 1,
	3, 2, 3, 1, 3, 2, 3, 4, 5, 6, 1, 7, 6, 5, 4, 3, 5, 7, 2, 9, 7, 5, 8, 3, 10, 7, 4,
}

// SizeClasses is the number of size classes, the one for large objects included.
const SizeClasses = len(sizeClasses)

// SizeClass returns the bytes of an object and the pages of a span of a size
// class. Class 0 has neither (0, 0); ok is false for a class that does not exist.
func SizeClass(class uint8) (objectBytes, pages uint64, ok bool) {
	if int(class) >= len(sizeClasses) {
		return 0, 0, false
	}
	return uint64(sizeClasses[class]), uint64(sizeClassPages[class]), true
}
