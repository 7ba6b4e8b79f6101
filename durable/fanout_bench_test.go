package durable_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// BenchmarkMap is a whole Map of 1,000 items of one step each, with a service
// that takes no time.
func BenchmarkMap(b *testing.B) {
	items := make([]int, 1000)
	for name, opts := range map[string][]durable.BatchOption{
		"nested": nil, "flat": {durable.WithFlat()}, "limit10": {durable.WithMaxConcurrency(10)},
	} {
		b.Run(name, func(b *testing.B) {
			svc := new(instant)
			h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
				_, err := durable.Map(ctx, "map", items, func(ctx durable.Context, _, i int) (int, error) {
					return durable.Step(ctx, "s", func(context.Context) (int, error) { return i, nil })
				}, opts...)
				return nil, err
			}, durable.WithClient(svc), durable.WithGoroutineChecks(false))
			envelope := finished(0, "")
			b.ReportAllocs()
			for b.Loop() {
				if out, err := h.Invoke(b.Context(), envelope); err != nil || string(out) != `{"Status":"SUCCEEDED","Result":"null"}` {
					b.Fatal(string(out), err)
				}
			}
			b.ReportMetric(float64(svc.calls)/float64(b.N), "calls/op")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/item")
		})
	}
}

// BenchmarkReplayMap is a Map of 1,000 items that have all ended, in a batch that
// has not: the most that replay of a batch has to do.
func BenchmarkReplayMap(b *testing.B) {
	in := &protocol.InvocationInput{DurableExecutionArn: testARN, CheckpointToken: "t"}
	result := "7"
	ops := []*protocol.Operation{
		{ID: "exec", Type: protocol.TypeExecution, Status: protocol.StatusStarted},
		{ID: "1", Type: protocol.TypeContext, SubType: protocol.SubTypeMap, Name: "map", Status: protocol.StatusStarted},
	}
	for i := range 1000 {
		ops = append(ops, &protocol.Operation{
			ID: "1-" + strconv.Itoa(i+1), ParentID: "1", Type: protocol.TypeContext, SubType: protocol.SubTypeMapIteration,
			Name: fmt.Sprint("map-item-", i), Status: protocol.StatusSucceeded, Payload: &result,
		})
	}
	in.InitialExecutionState.Operations = ops
	envelope := protocol.AppendInput(nil, in)
	items := make([]int, 1000)
	h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
		_, err := durable.Map(ctx, "map", items, func(ctx durable.Context, _, i int) (int, error) { return i, nil })
		return nil, err
	}, durable.WithClient(new(instant)), durable.WithGoroutineChecks(false))
	b.ReportAllocs()
	for b.Loop() {
		if out, err := h.Invoke(b.Context(), envelope); err != nil || string(out) != `{"Status":"SUCCEEDED","Result":"null"}` {
			b.Fatal(string(out), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/item")
}

// BenchmarkSuspendParked is an invocation that suspends in 1,000 branches: to
// their waits, and to the reply once all of them are parked and unwound.
func BenchmarkSuspendParked(b *testing.B) {
	items := make([]int, 1000)
	h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
		_, err := durable.Map(ctx, "map", items, func(ctx durable.Context, _, i int) (int, error) {
			return 0, durable.Wait(ctx, "w", time.Hour)
		})
		return nil, err
	}, durable.WithClient(new(instant)), durable.WithGoroutineChecks(false))
	envelope := finished(0, "")
	b.ReportAllocs()
	for b.Loop() {
		if out, err := h.Invoke(b.Context(), envelope); err != nil || string(out) != `{"Status":"PENDING"}` {
			b.Fatal(string(out), err)
		}
	}
}

// BenchmarkGo is a future of one step, awaited at once.
func BenchmarkGo(b *testing.B) {
	h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
		b.ReportAllocs()
		for b.Loop() {
			f := durable.Go(ctx, "f", func(ctx durable.Context) (int, error) { return durable.Step(ctx, "s", zero) })
			if _, err := f.Result(ctx); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}, durable.WithClient(new(instant)), durable.WithGoroutineChecks(false))
	if _, err := h.Invoke(b.Context(), finished(0, "")); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkStepBesideParked is a short step while a thousand branches wait for
// what comes from outside.
func BenchmarkStepBesideParked(b *testing.B) {
	for _, n := range []int{0, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			call := durable.Function[int, int]{Name: "f:1"}
			h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
				for i := range n {
					durable.Go(ctx, "", func(ctx durable.Context) (int, error) { return call.Invoke(ctx, "", i) })
				}
				durable.Step(ctx, "all are under way", one)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := durable.Step(ctx, "s", one); err != nil {
						return nil, err
					}
				}
				return nil, nil
			}, durable.WithClient(new(instant)), durable.WithGoroutineChecks(false))
			if _, err := h.Invoke(b.Context(), finished(0, "")); err != nil {
				b.Fatal(err)
			}
		})
	}
}
