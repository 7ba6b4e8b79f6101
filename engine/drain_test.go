package engine_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// TestDrain: what runs ends in peace, what does not in time is left, and nothing
// begins.
func TestDrain(t *testing.T) {
	withCache(t, 1<<20, func(t *testing.T, f *fixture) {
		const takes = 30 * time.Second
		f.durable("slow", func(*call) engine.Outcome { time.Sleep(takes); return succeed("1") })
		first := f.start("slow", "first", "1")
		synctest.Wait()
		if n := f.Running(); n != 1 {
			t.Errorf("%d run, want 1", n)
		}
		began := time.Now()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if left := f.Drain(short); left != 1 || time.Since(began) != time.Second {
			t.Errorf("%d are left after %s, want 1 after 1s", left, time.Since(began))
		}
		second := f.start("slow", "second", "1") // is durable, and begins with the next engine
		if left := f.Drain(t.Context()); left != 0 || time.Since(began) != takes {
			t.Errorf("%d are left after %s, want none after %s", left, time.Since(began), takes)
		}
		if err := f.Ready(t.Context()); err == nil {
			t.Error("an engine that drains is ready")
		}
		for arn, want := range map[string]protocol.ExecutionStatus{first: protocol.ExecutionSucceeded, second: protocol.ExecutionRunning} {
			d, err := f.Describe(t.Context(), arn)
			if err != nil || d.Status != want {
				t.Errorf("%s: got %v, %v, want %s", arn, d, err, want)
			}
		}
		f.restart()
		if r := f.result(second); r.Status != protocol.ExecutionSucceeded {
			t.Errorf("after the restart: got %s", r.Status)
		}
	})
}

// TestClosedNodeSaysSo: whoever asks a node that has closed hears that, and not that some context has ended.
func TestClosedNodeSaysSo(t *testing.T) {
	inFleet(t, 2, func(t *testing.T, f *fleet) {
		f.durable("order", 1, func(int, *call) engine.Outcome { return succeed("done") })
		one := f.nodes[0]
		one.close()
		f.nodes = f.nodes[1:]
		_, err := one.Start(t.Context(), &engine.InvokeRequest{Function: "order"})
		_, of := one.Functions().Configuration(t.Context(), "order", "")
		for _, err := range []error{err, of} {
			if refused, ok := errors.AsType[*protocol.Error](err); !ok || refused.Code != protocol.CodeService ||
				refused.Message != "The engine is shutting down." {
				t.Errorf("got %v, want that it is shutting down", err)
			}
		}
	})
}
