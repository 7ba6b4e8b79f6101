package engine_test

import (
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// TestHeldInvocations: an invocation is not cancelled while a debugger holds it.
func TestHeldInvocations(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		var held time.Duration
		f.durable("f", func(c *call) engine.Outcome {
			began := time.Now()
			c.Hold(func() bool { return time.Since(began) < 10*time.Minute })
			<-c.ctx.Done()
			held = time.Since(began)
			return succeed(`"done"`)
		})
		if r := f.result(f.start("f", "", `{}`)); r.Status != protocol.ExecutionSucceeded {
			t.Errorf("got %s", r.Status)
		}
		if held < 10*time.Minute || held > 11*time.Minute {
			t.Errorf("its context ended after %v, want 10m or a moment later", held)
		}
	})
}
