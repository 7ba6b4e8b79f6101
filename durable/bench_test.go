package durable_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// finished is the envelope of an execution with n finished steps.
func finished(n int, result string) []byte {
	in := &protocol.InvocationInput{DurableExecutionArn: testARN, CheckpointToken: "t"}
	ops := []*protocol.Operation{{ID: "exec", Type: protocol.TypeExecution, Status: protocol.StatusStarted}}
	for i := range n {
		ops = append(ops, &protocol.Operation{
			ID: strconv.Itoa(i + 1), Type: protocol.TypeStep, SubType: protocol.SubTypeStep, Name: "charge-card",
			Status: protocol.StatusSucceeded, Payload: &result, Attempt: 1,
		})
	}
	in.InitialExecutionState.Operations = ops
	return protocol.AppendInput(nil, in)
}

// BenchmarkReplayStep is one finished step of many, replayed: ns/step and
// allocs/step are of the handler's loop; decoding the envelope, which happens
// once per invocation, is envelope-ns/step.
func BenchmarkReplayStep(b *testing.B) {
	for _, n := range []int{100, 3_000, 100_000} {
		b.Run(fmt.Sprintf("int/%d", n), func(b *testing.B) { benchmarkReplay[int](b, n, "12345") })
	}
	b.Run("struct/3000", func(b *testing.B) { benchmarkReplay[order](b, 3000, `{"id":"o1","amount":3}`) })
}

func benchmarkReplay[T any](b *testing.B, n int, result string) {
	envelope := finished(n, result)
	var loop time.Duration
	var mallocs uint64
	body := func(context.Context) (v T, err error) { return v, err }
	h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		for range n {
			if _, err := durable.Step(ctx, "charge-card", body); err != nil {
				return nil, err
			}
		}
		loop += time.Since(start)
		runtime.ReadMemStats(&after)
		mallocs += after.Mallocs - before.Mallocs
		return nil, nil
	}, durable.WithClient(nowhere{}), durable.WithGoroutineChecks(false))
	for b.Loop() {
		if out, err := h.Invoke(b.Context(), envelope); err != nil || string(out) != `{"Status":"SUCCEEDED","Result":"null"}` {
			b.Fatal(string(out), err)
		}
	}
	steps := float64(b.N * n)
	b.ReportMetric(float64(loop)/steps, "ns/step")
	b.ReportMetric(float64(mallocs)/steps, "allocs/step")
	b.ReportMetric(float64(b.Elapsed()-loop)/steps, "envelope-ns/step")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkDecodeResult is what JSON itself costs of a replayed struct.
func BenchmarkDecodeResult(b *testing.B) {
	data := []byte(`{"id":"o1","amount":3}`)
	b.ReportAllocs()
	for b.Loop() {
		var v order
		if err := json.Unmarshal(data, &v); err != nil {
			b.Fatal(err)
		}
	}
}

// instant is a service that accepts everything at once and remembers nothing.
type instant struct{ calls int }

func (s *instant) Checkpoint(_ context.Context, req *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	s.calls++
	return &protocol.CheckpointReply{Token: "t"}, nil
}

func (s *instant) State(context.Context, *protocol.StateRequest) (*protocol.StateReply, error) {
	return nil, errNowhere
}

// BenchmarkLiveStep is a short step with a service that takes no time.
func BenchmarkLiveStep(b *testing.B) {
	b.Run("int", func(b *testing.B) { benchmarkLive(b, 1) })
	b.Run("struct", func(b *testing.B) { benchmarkLive(b, order{"o1", 3}) })
	b.Run("100KB", func(b *testing.B) { benchmarkLive(b, order{strings.Repeat("o", 100_000), 3}) })
}

func benchmarkLive[T any](b *testing.B, result T) {
	svc := new(instant)
	body := func(context.Context) (T, error) { return result, nil }
	h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := durable.Step(ctx, "s", body); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}, durable.WithClient(svc), durable.WithGoroutineChecks(false))
	if _, err := h.Invoke(b.Context(), finished(0, "")); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(svc.calls)/float64(b.N), "calls/step")
}

// BenchmarkSuspend is an invocation that only waits: from the envelope to the
// reply, with the wait's checkpoint.
func BenchmarkSuspend(b *testing.B) {
	h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
		return nil, durable.Wait(ctx, "w", time.Hour)
	}, durable.WithClient(new(instant)), durable.WithGoroutineChecks(false))
	envelope := finished(0, "")
	b.ReportAllocs()
	for b.Loop() {
		if out, err := h.Invoke(b.Context(), envelope); err != nil || string(out) != `{"Status":"PENDING"}` {
			b.Fatal(string(out), err)
		}
	}
}
