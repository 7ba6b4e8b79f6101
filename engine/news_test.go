package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/perdure/perdure/protocol"
)

// Who waits for an execution hears of its end even if it has left memory, and
// come back, since then.
func TestWaitersOutliveTheCache(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.opts.Cache = 1
		f.restart()
		f.durable("order", order)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var waiters sync.WaitGroup
		for n := range 10 {
			arn := f.start("order", fmt.Sprintf("n-%d", n), `{}`)
			waiters.Go(func() {
				r, err := f.Wait(ctx, arn)
				if err != nil || r.Status != protocol.ExecutionSucceeded {
					t.Errorf("waiting for execution %d: %v, %v", n, r, err)
				}
			})
			waiters.Go(func() {
				for _, err := range f.Watch(ctx, arn) {
					if err != nil {
						t.Errorf("watching execution %d: %v", n, err)
					}
				}
			})
		}
		waiters.Wait()
	})
}
