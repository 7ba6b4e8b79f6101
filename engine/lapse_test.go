package engine

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/internal/core/store/memstore"
)

type invokerFunc func(context.Context, *Invocation) Outcome

func (f invokerFunc) Invoke(ctx context.Context, inv *Invocation) Outcome { return f(ctx, inv) }

// A process that stood still while the start of an invocation was recorded goes on before its timers do. It must not
// run the function: another node has, and what a step does would happen after what is recorded of it.
func TestALeaseIsOverByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life := newLife(slog.New(slog.DiscardHandler))
		defer life.cancel()
		m := newMembership(life, memstore.NewFleet(), newPlans(life, memstore.New()), NodeOptions{Lease: 10 * time.Second})
		m.functions = newFunctions(life, memstore.New(), home{}, false)
		ran := 0
		f := newFunction(Function{Invoker: invokerFunc(func(context.Context, *Invocation) Outcome {
			ran++
			return Outcome{}
		})})
		r := &runner{life: life, counters: newCounters(), tracing: &tracing{}, lapsed: m.lapsed}
		if !m.hold(7, true, time.Now()) {
			t.Fatal("the node has no lease")
		}
		tenure := m.serving()
		r.call(tenure, f, &Invocation{})
		m.expiry.Stop() // the timer is late
		time.Sleep(10 * time.Second)
		if tenure.Err() != nil {
			t.Fatal("the timer was not late")
		}
		if out := r.call(tenure, f, &Invocation{}); ran != 1 || out.Error == nil {
			t.Errorf("got %d runs, %+v, want one, and none when the lease is over", ran, out)
		}
		if tenure.Err() == nil || m.self() != adrift {
			t.Error("the node does not know that its lease is over")
		}
	})
}
