package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

func unreached() engine.Outcome {
	return engine.Outcome{Unstarted: true, Error: &protocol.ErrorObject{ErrorType: protocol.ErrorTypeSandboxFailure,
		ErrorMessage: "no place"}}
}

// A function that cannot be reached is not to blame: it may be so more often
// than a function may fail, and the tries soon follow each other.
func TestUnreachedFunctionDoesNotFail(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.close()
		f.opts.Crashes = engine.CrashLimit{Max: 2}
		f.open()
		tries := 0
		f.durable("far", func(*call) engine.Outcome {
			if tries++; tries <= 5 {
				return unreached()
			}
			return succeed(`1`)
		})
		began := time.Now()
		if r := f.result(f.start("far", "x", `1`)); r.Status != protocol.ExecutionSucceeded {
			t.Errorf("got %s %+v, want SUCCEEDED", r.Status, r.Error)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("five tries took %v, want 3.1 s", took)
		}
	})
}

func TestChainedInvokeWaitsForAnUnreachedFunction(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		tries := 0
		f.register(engine.Function{Name: "plain", Invoker: invoker{f, func(*call) engine.Outcome {
			if tries++; tries <= 3 {
				return unreached()
			}
			return engine.Outcome{Payload: []byte(`42`)}
		}}})
		if r, err := f.Call(t.Context(), &engine.InvokeRequest{Function: "plain"}); err != nil || !r.Unstarted {
			t.Errorf("got %+v, %v; want a caller told that the function was not reached", r, err)
		}
		f.durable("parent", func(c *call) engine.Outcome {
			if c.op("1").ID == "" {
				c.checkpoint(invokeUpdate("1", "plain", `1`))
			}
			if op := c.op("1"); op.Status == protocol.StatusSucceeded {
				return succeed(*op.Payload)
			}
			return pending()
		})
		if r := f.result(f.start("parent", "x", `1`)); r.Payload == nil || *r.Payload != `42` {
			t.Errorf("got %+v, want 42", r)
		}
	})
}

// An invoker may take its time to start a function: the function's own begins
// when it has the invocation.
func TestStartIsNotPartOfTheTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		fn := engine.Function{
			Name: "slow", Timeout: 3 * time.Second, StartTimeout: 10 * time.Second,
			Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
		}
		fn.Invoker = invoker{f, func(c *call) engine.Outcome {
			time.Sleep(9 * time.Second)
			if c.Timeout != fn.Timeout || !c.Deadline.IsZero() {
				t.Errorf("got timeout %v and deadline %v, want the function's and none", c.Timeout, c.Deadline)
			}
			time.Sleep(c.Timeout)
			if c.ctx.Err() != nil {
				t.Error("the engine cut the invocation short")
			}
			return succeed(`1`)
		}}
		f.register(fn)
		if r := f.result(f.start("slow", "x", `1`)); r.Status != protocol.ExecutionSucceeded {
			t.Errorf("got %s %+v, want SUCCEEDED", r.Status, r.Error)
		}
	})
}

// gate is an invoker that is there when it is opened.
type gate struct {
	invoker
	open chan struct{}
}

func (g gate) Present() bool {
	select {
	case <-g.open:
		return true
	default:
		return false
	}
}

func (g gate) Await(ctx context.Context) {
	select {
	case <-g.open:
	case <-ctx.Done():
	}
}

// While a function is not there, executions wait without leaving a trace; a
// registration in the meantime takes effect.
func TestAwaitedFunction(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		var old, young atomic.Int32
		g := gate{invoker{f, func(*call) engine.Outcome { old.Add(1); return succeed(`1`) }}, make(chan struct{})}
		fn := engine.Function{Name: "guest", Invoker: g, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}}
		f.register(fn)
		first := f.start("guest", "a", `1`)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got, want := f.history(first), "ExecutionStarted"; got != want {
			t.Errorf("got history %q, want %q", got, want)
		}
		fn.Invoker = invoker{f, func(*call) engine.Outcome { young.Add(1); return succeed(`1`) }}
		f.register(fn)
		close(g.open)
		f.result(first)
		if old.Load() != 0 || young.Load() != 1 {
			t.Errorf("got %d invocations of the old and %d of the new, want 0 and 1", old.Load(), young.Load())
		}
	})
}
