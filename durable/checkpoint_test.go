package durable_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
)

// Many branches at once: what queues while a call is under way is the next
// batch, within its bounds, and nothing is lost or sent twice.
func TestBatches(t *testing.T) {
	const branches = 600
	for name, size := range map[string]int{"count": 1, "bytes": 50 << 10} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				svc.before = func(int) error {
					time.Sleep(10 * time.Millisecond) // a round trip
					return nil
				}
				var left atomic.Int32
				left.Store(branches)
				h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
					block, wake := durable.Block(ctx)
					for i := range branches {
						durable.Spawn(ctx, func(ctx durable.Context) {
							durable.Step(ctx, fmt.Sprint(i), func(context.Context) (string, error) {
								return strings.Repeat("x", size), nil
							})
							if left.Add(-1) == 0 {
								wake()
							}
						})
					}
					block()
					return nil, nil
				}, durable.WithClient(svc))
				if out := svc.run(h); out.Status != "SUCCEEDED" || len(svc.ops) != branches {
					t.Errorf("got %s %s with %d operations, want %d", out.Status, out.errorText(), len(svc.ops), branches)
				}
				for _, call := range svc.calls {
					total := 0
					for _, u := range call {
						if u.Payload != nil {
							total += len(*u.Payload)
						}
					}
					if len(call) > 250 || total > 750<<10 {
						t.Errorf("a checkpoint has %d updates of %d bytes", len(call), total)
					}
				}
				if most := branches*2/250 + branches*size/(700<<10) + 4; len(svc.calls) > most {
					t.Errorf("got %d checkpoints, want at most %d", len(svc.calls), most)
				}
			})
		})
	}
}

// While branches wait for different things the invocation goes on; it suspends
// when the last one is blocked.
func TestSuspendsWhenAllBranchesWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var left atomic.Int32
		h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
			left.Store(3)
			block, wake := durable.Block(ctx)
			for i := range 3 {
				durable.Spawn(ctx, func(ctx durable.Context) {
					durable.Wait(ctx, "w", time.Duration(i+1)*time.Hour)
					durable.Step(ctx, "s", zero)
					if left.Add(-1) == 0 {
						wake()
					}
				})
			}
			block()
			return "all", nil
		}, durable.WithClient(svc))
		start := time.Now()
		out := svc.run(h)
		if out.result() != `"all"` || time.Since(start) != 3*time.Hour || svc.invocations != 4 {
			t.Errorf("got %s %s after %v in %d invocations, want all after 3h in 4", out.result(), out.errorText(), time.Since(start),
				svc.invocations)
		}
	})
}

// An invocation that is cancelled answers with an error and leaves nothing.
func TestCancellation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			durable.Spawn(ctx, func(ctx durable.Context) { durable.Wait(ctx, "w", time.Hour) })
			durable.Step(ctx, "s", func(ctx context.Context) (int, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			})
			t.Error("the step returned")
			return nil, nil
		}, durable.WithClient(svc))
		if _, err := svc.invokeWith(ctx, h); err == nil || !strings.Contains(err.Error(), "deadline exceeded") {
			t.Errorf("got %v, want the deadline", err)
		}
		if op := svc.find("2"); op == nil || op.Attempt != 0 {
			t.Errorf("the interrupted step is recorded as %+v, want started and no attempt counted", op)
		}
	})
}
