package elfcore_test

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"postmortem/coreread/elfcore"
	"postmortem/internal/corewriter"
)

func TestSignalNames(t *testing.T) {
	for n := 1; n < 32; n++ {
		if got, want := elfcore.SignalName(n), unix.SignalName(unix.Signal(n)); got != want {
			t.Errorf("SignalName(%d) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "signal 0", -3: "signal -3", 34: "SIG34", 64: "SIG64", 65: "signal 65"} {
		if got := elfcore.SignalName(n); got != want {
			t.Errorf("SignalName(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestCodeNames(t *testing.T) {
	for _, test := range []struct {
		sig, code int
		want      string
	}{
		{11, 1, "SEGV_MAPERR"}, {11, 2, "SEGV_ACCERR"}, {11, 0x80, "SI_KERNEL"}, {11, 0, "SI_USER"}, {6, -6, "SI_TKILL"},
		{7, 2, "BUS_ADRERR"}, {8, 1, "FPE_INTDIV"}, {5, 1, "TRAP_BRKPT"}, {31, 1, "SYS_SECCOMP"},
		{11, 99, "code 99"}, {11, -99, "code -99"}, {6, 1, "code 1"}, {99, 5, "code 5"},
	} {
		if got := elfcore.CodeName(test.sig, test.code); got != test.want {
			t.Errorf("CodeName(%d, %d) = %s, want %s", test.sig, test.code, got, test.want)
		}
	}
}

// TestCodeNamesAgainstTheHeader reads the system's own header, where it is installed.
func TestCodeNamesAgainstTheHeader(t *testing.T) {
	text, err := os.ReadFile("/usr/include/asm-generic/siginfo.h")
	if err != nil {
		t.Skip(err)
	}
	define := regexp.MustCompile(`(?m)^# *define ((SI|ILL|FPE|SEGV|BUS|TRAP|CLD|POLL|SYS)_[A-Z_0-9]+)\s+\(?(-?\w+)\)?`)
	signals := map[string]int{"ILL": 4, "FPE": 8, "SEGV": 11, "BUS": 7, "TRAP": 5, "CLD": 17, "POLL": 29, "SYS": 31, "SI": 6}
	skip := map[string]bool{"SI_MAX_SIZE": true, // not a code
		// Names of other architectures that share a number.
		"ILL_BREAK": true, "ILL_BNDMOD": true, "FPE_DECOVF": true, "FPE_DECDIV": true, "FPE_DECERR": true, "FPE_INVASC": true,
		"FPE_INVDEC": true, "FPE_MDAOVF": true, "SEGV_PSTKOVF": true}
	seen := 0
	for _, m := range define.FindAllStringSubmatch(string(text), -1) {
		code, err := strconv.ParseInt(m[3], 0, 64)
		if err != nil || skip[m[1]] || len(m[1]) > 2 && m[1][:2] == "__" {
			continue
		}
		seen++
		if got := elfcore.CodeName(signals[m[2]], int(code)); got != m[1] {
			t.Errorf("CodeName(%d, %d) = %s, want %s", signals[m[2]], code, got, m[1])
		}
	}
	if seen < 40 {
		t.Errorf("only %d codes found in the header", seen)
	}
}

// What the payload of a siginfo means depends on signal and code.
func TestSigInfo(t *testing.T) {
	for _, test := range []struct {
		name         string
		note         corewriter.Note
		addr, sender bool
	}{
		{"fault", corewriter.Fault(11, 1, 0x20), true, false},
		{"fault at zero", corewriter.Fault(11, 2, 0), true, false},
		{"address that is not canonical", corewriter.Fault(11, 0x80, 0), false, false},
		{"SIGSEGV that was sent", corewriter.Sent(11, 0, 44, 5), false, true},
		{"raised", corewriter.Sent(6, -6, 44, 5), false, true},
		{"queued", corewriter.Sent(10, -1, 44, 5), false, true},
		{"timer", corewriter.SigInfo(14, 0, -2, nil), false, false},
		{"child", corewriter.Sent(17, 1, 44, 5), false, true},
		{"stopped by ptrace", corewriter.SigInfo(19, 0, 0x80, nil), false, false},
		{"bus error", corewriter.Fault(7, 2, 0x20), true, false},
	} {
		d := server()
		d.SigInfos[0] = test.note
		got := read(t, d.Kernel().Bytes()).Signal
		if got.HasAddr() != test.addr || got.HasSender() != test.sender {
			t.Errorf("%s: address %v, sender %v", test.name, got.HasAddr(), got.HasSender())
		}
		if test.sender && (got.PID != 44 || got.UID != 5) || !test.sender && (got.PID != 0 || got.UID != 0) {
			t.Errorf("%s: pid %d, uid %d", test.name, got.PID, got.UID)
		}
		if !test.addr && got.Addr != 0 {
			t.Errorf("%s: address %v", test.name, got.Addr)
		}
	}
}
