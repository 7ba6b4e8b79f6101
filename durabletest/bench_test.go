package durabletest_test

import (
	"context"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
)

// order has the shape of the order workflow: three steps and a wait.
func order(ctx durable.Context, id string) (string, error) {
	for _, name := range []string{"validate_order", "process_payment", "", "fulfill_order"} {
		if name == "" {
			if err := durable.Wait(ctx, "payment_confirmation", 5*time.Second); err != nil {
				return "", err
			}
			continue
		}
		if _, err := durable.Step(ctx, name, func(context.Context) (string, error) { return id, nil }); err != nil {
			return "", err
		}
	}
	return id, nil
}

// BenchmarkOrder is a whole test of the order workflow: a new engine, two
// invocations, the end of everything.
func BenchmarkOrder(b *testing.B) {
	b.ReportAllocs()
	asTest(b, func(t *testing.T) {
		for b.Loop() {
			durabletest.Run(t, order, "ORD-12345").Output()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "executions/s")
}

// BenchmarkExplore is the exploration of the order workflow, by schedule.
func BenchmarkExplore(b *testing.B) {
	b.ReportAllocs()
	runs := 0
	asTest(b, func(t *testing.T) {
		for b.Loop() {
			runs += durabletest.Explore(t, order, "ORD-12345", nil).Runs
		}
	})
	b.ReportMetric(float64(runs)/b.Elapsed().Seconds(), "schedules/s")
}

// BenchmarkStep is one step of an execution with many. It does not use b.Loop,
// whose clock would be the bubble's.
func BenchmarkStep(b *testing.B) {
	b.ReportAllocs()
	asTest(b, func(t *testing.T) {
		durabletest.Run(t, func(ctx durable.Context, _ any) (any, error) {
			for range b.N {
				if _, err := durable.Step(ctx, "", func(context.Context) (int, error) { return 1, nil }); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}, nil)
	})
}

// asTest runs body once with a test, which the kit needs and benchmarks have not.
func asTest(b *testing.B, body func(*testing.T)) {
	ran := false
	once := testing.InternalTest{Name: b.Name(), F: func(t *testing.T) {
		if !ran { // with -count, RunTests repeats it
			ran = true
			body(t)
		}
	}}
	all := func(string, string) (bool, error) { return true, nil }
	if !testing.RunTests(all, []testing.InternalTest{once}) {
		b.FailNow()
	}
}
