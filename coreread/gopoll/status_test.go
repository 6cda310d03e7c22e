package gopoll_test

import (
	"encoding/binary"
	"os"
	"testing"

	"postmortem/coreread"
	"postmortem/coreread/gopoll"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
	"postmortem/internal/testcores"
)

// TestStatusOfOldTimers gives a timer of Go 1.22 each status that
// src/runtime/time.go knows, and one that it does not.
func TestStatusOfOldTimers(t *testing.T) {
	c := testcores.Get(t, "small-nil-1.22.12-plain")
	p, r := open(t, c)
	var sleep gopoll.Timer
	if err := r.Timers(func(x *gopoll.Timer) {
		if x.Kind == gopoll.SleepTimer {
			sleep = *x
		}
	}); err != nil || sleep.State != gopoll.Pending {
		t.Fatalf("%+v, %v", sleep, err)
	}
	lay := p.Layout().Struct("runtime.timer")
	status, next := image.Addr(lay.Offset("status")), image.Addr(lay.Offset("nextwhen"))
	data, err := os.ReadFile(c.CorePath(t))
	if err != nil {
		t.Fatal(err)
	}
	bin, err := os.ReadFile(c.BinaryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	at := func(a image.Addr) []byte {
		for _, s := range p.Core.Segments {
			if s.Contains(a) {
				return data[s.Offset+uint64(a-s.Start):]
			}
		}
		t.Fatalf("%v is not in the core", a)
		return nil
	}
	moved := sleep.When + 12345
	binary.LittleEndian.PutUint64(at(sleep.Addr+next), uint64(moved))
	for number, want := range []struct {
		state gopoll.TimerState
		when  int64
	}{
		{gopoll.Stopped, 0},           // timerNoStatus
		{gopoll.Pending, sleep.When},  // timerWaiting
		{gopoll.Changing, sleep.When}, // timerRunning
		{gopoll.Stopped, 0},           // timerDeleted
		{gopoll.Stopped, 0},           // timerRemoving
		{gopoll.Stopped, 0},           // timerRemoved
		{gopoll.Changing, sleep.When}, // timerModifying
		{gopoll.Pending, moved},       // timerModifiedEarlier
		{gopoll.Pending, moved},       // timerModifiedLater
		{gopoll.Pending, moved},       // timerMoving
	} {
		binary.LittleEndian.PutUint32(at(sleep.Addr+status), uint32(number))
		got, when, asleep, _ := readSleeper(t, data, bin, sleep)
		if got.State != want.state || got.When != want.when {
			t.Errorf("status %d: %s at %d, want %s at %d", number, got.State, got.When, want.state, want.when)
		}
		if asleep != (want.state == gopoll.Pending) || asleep && when != want.when {
			t.Errorf("status %d: its goroutine sleeps %v until %d", number, asleep, when)
		}
	}
	binary.LittleEndian.PutUint32(at(sleep.Addr+status), 10)
	if got, _, asleep, gaps := readSleeper(t, data, bin, sleep); got.Addr != 0 || asleep || gaps == 0 {
		t.Errorf("status 10: %+v, its goroutine sleeps %v, %d gaps", got, asleep, gaps)
	}
}

// readSleeper reads the timer again, and until when its goroutine sleeps.
func readSleeper(t *testing.T, core, bin []byte, sleep gopoll.Timer) (got gopoll.Timer, when int64, asleep bool, gaps int) {
	t.Helper()
	snap, err := coreread.Load(input.Memory("core", core), input.Memory("binary", bin), false)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	r, err := gopoll.New(snap.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Timers(func(x *gopoll.Timer) {
		if x.Addr == sleep.Addr {
			got = *x
		}
	}); (err != nil) != (len(snap.Runtime.Gaps()) > 0) {
		t.Errorf("%v, gaps %+v", err, snap.Runtime.Gaps())
	}
	g, err := snap.Runtime.GoroutineAt(sleep.Goroutine)
	if err != nil {
		t.Fatal(err)
	}
	when, asleep = r.Sleep(&g)
	return got, when, asleep, len(snap.Runtime.Gaps())
}
