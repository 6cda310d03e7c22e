package leaks

import "testing"

// TestLiveRegisters holds the search against code whose registers are told by
// reading it.
func TestLiveRegisters(t *testing.T) {
	const rax, rcx, rdx, rbx, r12 = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 12
	const xmm1 = 1 << 17
	for _, c := range []struct {
		name      string
		code      []byte
		at        int
		preserves bool
		live      registers // of these
		dead      registers
	}{
		{name: "loop", code: []byte{
			0x48, 0xff, 0xc1, // inc rcx
			0x48, 0x89, 0xca, // mov rdx, rcx
			0xeb, 0xf8, // jmp to the start
		}, live: rcx, dead: rax | rdx | rbx | r12 | xmm1},
		{name: "written on one way only", code: []byte{
			0x48, 0x85, 0xc9, // test rcx, rcx
			0x74, 0x03, // je +3
			0x48, 0x31, 0xc0, // xor rax, rax
			0x48, 0x89, 0x03, // mov [rbx], rax
			0x0f, 0x0b, // ud2
		}, live: rax | rbx | rcx, dead: rdx | r12},
		{name: "written on all", code: []byte{
			0x48, 0x31, 0xc0, // xor rax, rax
			0x48, 0x89, 0x03, // mov [rbx], rax
			0x0f, 0x0b, // ud2
		}, live: rbx, dead: rax},
		{name: "writing a part keeps the rest", code: []byte{
			0xb0, 0x01, // mov al, 1
			0x48, 0x89, 0x03, // mov [rbx], rax
			0x0f, 0x0b, // ud2
		}, live: rax | rbx},
		{name: "results", code: []byte{0xc3}, live: rax | rbx | rcx, dead: r12 | xmm1},
		{name: "arguments", code: []byte{0xe8, 0, 1, 0, 0, 0x4c, 0x89, 0x23}, live: rax | rbx, dead: r12},
		{name: "assembly keeps registers", code: []byte{0xe8, 0, 1, 0, 0, 0x4c, 0x89, 0x23, 0x0f, 0x0b}, preserves: true, live: rax | rbx | r12, dead: xmm1},
		{name: "division", code: []byte{0x48, 0xf7, 0xf1, 0x0f, 0x0b}, live: rax | rdx | rcx},
		{name: "vectors", code: []byte{0x0f, 0x11, 0x08, 0x0f, 0x0b}, live: rax | xmm1, dead: rcx}, // movups [rax], xmm1
		{name: "repeated", code: []byte{0xf3, 0x48, 0xa5, 0x0f, 0x0b}, live: rcx | 1<<6 | 1<<7},
		{name: "indirect jump", code: []byte{0xff, 0xe0}, live: allRegisters},
		{name: "no code", code: []byte{0x06}, live: allRegisters},
		{name: "off the end", code: []byte{0x90}, live: rax | rbx, dead: r12},
		{name: "outside", code: []byte{0x90}, at: 3, live: allRegisters},
	} {
		got := liveAt(c.code, c.at, func(int) bool { return c.preserves })
		if got&c.live != c.live || got&c.dead != 0 {
			t.Errorf("%s: %#x are live; want all of %#x and none of %#x", c.name, uint32(got), uint32(c.live), uint32(c.dead))
		}
	}
}
