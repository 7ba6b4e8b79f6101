package fleet

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/internal/function/inprocess"
)

// TestConcurrencyHolds runs a function that may have so many invocations in the whole fleet, while nodes come and go.
func TestConcurrencyHolds(t *testing.T) {
	const limit, crowd = 4, 150
	database := pgtest.Database(t)
	var now, most atomic.Int64
	handler := func(ctx durable.Context, _ string) (string, error) {
		return durable.Step(ctx, "work", func(ctx context.Context) (string, error) {
			n := now.Add(1)
			defer now.Add(-1)
			for {
				seen := most.Load()
				if n <= seen || most.CompareAndSwap(seen, n) {
					break
				}
			}
			time.Sleep(20 * time.Millisecond)
			return "", nil
		})
	}
	open := func(name string) *node {
		return openNode(t, &nodeOptions{name: name, store: openStore(t, database),
			register: func(t *testing.T, e *engine.Engine) {
				err := e.Functions().Register(engine.Function{
					Name: "limited", Timeout: time.Minute, Concurrency: limit,
					Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
					Invoker: inprocess.Invoker{
						Handler: durable.NewHandler(handler, durable.WithClient(inprocess.Client{Engine: e})),
					},
				})
				if err != nil {
					t.Fatal(err)
				}
			}})
	}
	nodes := []*node{open("a"), open("b"), open("c")}
	var work sync.WaitGroup
	for n := range crowd {
		work.Go(func() {
			out, err := nodes[n%2].Invoke(t.Context(), &client.Invocation{Function: "limited", Name: fmt.Sprintf("x-%d", n)})
			if err != nil {
				t.Error(err)
				return
			}
			until(t, out.ARN+"'s end", func(int) bool {
				x, err := nodes[n%2].Execution(t.Context(), out.ARN)
				return err == nil && x.Closed != 0
			})
		})
	}
	time.Sleep(300 * time.Millisecond)
	d := open("d")
	time.Sleep(300 * time.Millisecond)
	nodes[2].close(t)
	time.Sleep(300 * time.Millisecond)
	d.close(t)
	work.Wait()
	t.Logf("at most %d invocations at one time, of %d", most.Load(), limit)
	if got := most.Load(); got > limit {
		t.Errorf("%d invocations at one time, want at most %d", got, limit)
	}
	if got := most.Load(); got < limit-1 {
		t.Errorf("never more than %d invocations at one time, want up to %d", got, limit)
	}
}
