//go:build unix

package sandbox_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/protocol"
)

// timed invokes the function and returns its outcome, and how long that took.
func (f *fixture) timed(payload any) <-chan timed {
	done := make(chan timed, 1)
	began := time.Now()
	go func() {
		out := f.Invoke(f.t.Context(), invocation(payload))
		done <- timed{out, time.Since(began)}
	}()
	return done
}

type timed struct {
	engine.Outcome
	took time.Duration
}

// gated is a function whose processes start when open is called, which returns for how long they have waited at least.
func gated(t *testing.T, configure func(*sandbox.Config)) (f *fixture, open func() time.Duration) {
	gate := filepath.Join(t.TempDir(), "gate")
	f = newFixture(t, "slow start", func(c *sandbox.Config) { c.Env["GATE"] = gate; configure(c) })
	return f, func() time.Duration {
		eventually(t, "a process has started", func() bool { return len(f.output()) > 0 })
		seen := time.Now()
		openGate(t, gate)
		return time.Since(seen)
	}
}

func (o timed) wantCold(t *testing.T, least time.Duration) {
	t.Helper()
	if o.Error != nil || o.Init < max(1, least) || o.Init > o.took {
		t.Errorf("got a cold start of %v of %v in all, and error %+v; want %v at least", o.Init, o.took, o.Error, least)
	}
}

func (o timed) wantWarm(t *testing.T) {
	t.Helper()
	if o.Error != nil || o.Init != 0 {
		t.Errorf("got a cold start of %v and error %+v, want none", o.Init, o.Error)
	}
}

// An invocation says how long it waited for its process to start; the next one waits for none.
func TestColdStart(t *testing.T) {
	f, open := gated(t, func(c *sandbox.Config) { c.MaxProcesses = 1 })
	first := f.timed(nil)
	least := open()
	(<-first).wantCold(t, least)
	(<-f.timed(nil)).wantWarm(t)
}

// Of several that wait for one process each has waited.
func TestColdStartIsShared(t *testing.T) {
	f := newFixture(t, "gather", places(4))
	dir := t.TempDir()
	var all []<-chan timed
	for range 3 {
		all = append(all, f.timed(gathering{Dir: dir, Size: 3}))
	}
	for _, one := range all {
		(<-one).wantCold(t, 0)
	}
	(<-f.timed(gathering{})).wantWarm(t)
}

// Who waits for another invocation to end does not wait for a process to start, though there was none when it came.
func TestColdStartIsNotQueueing(t *testing.T) {
	f, open := gated(t, func(c *sandbox.Config) { c.MaxProcesses = 1 })
	first, second := f.timed(nil), f.timed(nil)
	open()
	one, other := <-first, <-second
	if one.Init == 0 {
		one, other = other, one
	}
	one.wantCold(t, 0)
	other.wantWarm(t)
}

// A process that was ready before the first invocation costs that nothing.
func TestWarmProcessIsNoColdStart(t *testing.T) {
	f := newFixture(t, "pid", nil)
	if e := f.Warm(t.Context()); e != nil {
		t.Fatalf("got %+v", e)
	}
	(<-f.timed(nil)).wantWarm(t)
}

// A start that fails has taken time, too.
func TestFailedColdStart(t *testing.T) {
	f := newFixture(t, "crash at start", nil)
	out := <-f.timed(nil)
	if out.Error == nil || out.Error.ErrorType != protocol.ErrorTypeExit || out.Init == 0 || out.Init > out.took {
		t.Errorf("got %+v, want a cold start that failed", out)
	}
	for try := 0; out.Init > 0 && try < 20; try++ { // it may fail a few times until that is remembered
		out = <-f.timed(nil)
	}
	if out.Init > 0 || !strings.Contains(out.Error.ErrorMessage, "no database") {
		t.Errorf("got %+v, want the failure that is remembered", out.Error)
	}
}

// A process that died between invocations is replaced by one that starts.
func TestColdStartAgain(t *testing.T) {
	f := newFixture(t, "answer and exit", nil)
	(<-f.timed(nil)).wantCold(t, 0)
	f.until("no process is left", func(all, _ int) bool { return all == 0 })
	(<-f.timed(nil)).wantCold(t, 0)
}
