package engine_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
)

// inSettableTime runs a test whose wall clock can be set. It gives the lines of
// the log that are warnings.
func inSettableTime(t *testing.T, test func(t *testing.T, f *fixture, log *bytes.Buffer)) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		f := &fixture{t: t, store: memstore.New(), clock: true}
		f.opts.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		f.open()
		defer f.close()
		test(t, f, &log)
	})
}

const day = 24 * time.Hour

// What has become due because the clock was set ahead is done within a second
// or so: a wait, and the next try after a failure.
func TestAJumpOfTheClockIsNoticed(t *testing.T) {
	inSettableTime(t, func(t *testing.T, f *fixture, log *bytes.Buffer) {
		f.durable("waits", func(c *call) engine.Outcome {
			if !c.wait("1", 1800) {
				return pending()
			}
			return succeed("")
		})
		arn := f.start("waits", "", "{}")
		time.Sleep(10 * time.Second)
		begin := time.Now()
		f.SetClock(40 * time.Minute)
		f.result(arn)
		if took := time.Since(begin); took > 1500*time.Millisecond {
			t.Errorf("the wait ended %v after the jump", took)
		}
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got,
			"the clock was set ahead") || !strings.Contains(got, "by=40m0s") {
			t.Errorf("got the log %q", got)
		}
	})
}

// What an engine does by itself soon is not put off for as long as the clock was
// set back.
func TestAClockThatIsSetBack(t *testing.T) {
	inSettableTime(t, func(t *testing.T, f *fixture, log *bytes.Buffer) {
		calls := 0
		f.durable("flaky", func(c *call) engine.Outcome {
			if calls++; calls == 1 {
				return crash("once")
			}
			return succeed("")
		})
		arn := f.start("flaky", "", "{}")
		synctest.Wait()
		begin := time.Now()
		f.SetClock(-8 * day)
		f.result(arn)
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("the next try came after %v", took)
		}
		f.durable("order", order)
		begin = time.Now()
		f.result(f.start("order", "", "{}"))
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("an order took %v, want the wait's 5s", took)
		}
		if !strings.Contains(log.String(), "the clock was set back") {
			t.Errorf("got the log %q", log)
		}
	})
}

// A clock that is wrong for a while deletes nothing: not when it jumps, not when
// an engine starts with it, and not when something else happens meanwhile.
func TestNothingIsDeletedSoonAfterAJump(t *testing.T) {
	inSettableTime(t, func(t *testing.T, f *fixture, log *bytes.Buffer) {
		f.damaged = true          // verify finds what was recorded of moments to come
		f.durable("order", order) // is kept for a week
		arn := f.start("order", "kept", "{}")
		f.result(arn)
		time.Sleep(time.Hour)
		f.SetClock(8 * day)
		f.result(f.start("order", "", "{}")) // before anybody has looked at the clock
		time.Sleep(time.Minute)
		f.SetClock(-8 * day)
		time.Sleep(2 * time.Hour)
		if d, err := f.Describe(t.Context(), arn); err != nil || d.Status != protocol.ExecutionSucceeded {
			t.Fatalf("after the jump: got %v, %v", d, err)
		}
		f.close()
		f.open()
		f.SetClock(8 * day) // as on a machine that gets the time late
		time.Sleep(restAfterStart / 2)
		f.SetClock(-8 * day)
		time.Sleep(2 * time.Hour)
		if _, err := f.Describe(t.Context(), arn); err != nil {
			t.Fatalf("after a start with a wrong clock: got %v", err)
		}
		f.SetClock(8 * day)
		time.Sleep(restAfterJump + time.Minute)
		if _, err := f.Describe(t.Context(), arn); err == nil {
			t.Error("a clock that stays ahead is right, and nothing is deleted")
		}
	})
}

const (
	restAfterStart = 10 * time.Minute
	restAfterJump  = time.Hour
)

// After a start with the right time, retention is put off and not forgotten.
func TestRetentionAfterAStart(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		arn := f.start("order", "", "{}")
		f.result(arn)
		f.close()
		time.Sleep(8 * day)
		f.open()
		time.Sleep(restAfterStart - time.Second)
		if _, err := f.Describe(t.Context(), arn); err != nil {
			t.Errorf("soon after the start: got %v", err)
		}
		time.Sleep(2 * time.Second)
		if _, err := f.Describe(t.Context(), arn); err == nil {
			t.Error("it is kept beyond its retention")
		}
	})
}

// All go whose retention is over, however many there are.
func TestManyRemovals(t *testing.T) {
	n := many(5_000)
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, store: memstore.New()}
		f.crowd(n, crowds["retention over"])
		f.damaged = true
		f.open()
		defer f.close()
		f.durable("order", order)
		time.Sleep(restAfterStart + time.Second)
		synctest.Wait()
		rows, err := f.store.Agenda(t.Context(), store.Agenda{Kind: store.Removals}, store.Item{}, n)
		if err != nil || len(rows) != 0 {
			t.Errorf("got %d left, %v", len(rows), err)
		}
	})
}
