package bench

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/protocol"
)

// crowd is how many executions wake in the same second.
const crowd = 5000

// BenchmarkWake has the waits of a crowd end within one second, and measures how long after its moment each execution
// was invoked again.
func BenchmarkWake(b *testing.B) {
	e := open(b, sqlitestore.Power)
	var mu sync.Mutex
	var late []time.Duration
	var woken sync.WaitGroup
	dawn := time.Now()
	err := e.Functions().Register(engine.Function{
		Name: "sleeper", Timeout: time.Minute, Concurrency: 1000,
		Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
		Invoker: invokerFunc(func(inv *engine.Invocation) engine.Outcome {
			var in protocol.InvocationInput
			if err := json.Unmarshal(inv.Payload, &in); err != nil {
				b.Error(err)
			}
			ops := in.InitialExecutionState.Operations
			if len(ops) == 1 {
				return sleepFor(b, e, &in, int64(time.Until(dawn)/time.Second))
			}
			mu.Lock()
			late = append(late, time.Since(ops[1].ScheduledEnd.Time()))
			mu.Unlock()
			woken.Done()
			return engine.Outcome{Payload: []byte(`{"Status":"SUCCEEDED"}`)}
		}),
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		dawn = time.Now().Add(6 * time.Second)
		woken.Add(crowd)
		var starters sync.WaitGroup
		for worker := range 64 {
			starters.Go(func() {
				for n := worker; n < crowd; n += 64 {
					start(b, e, "sleeper", "")
				}
			})
		}
		starters.Wait()
		woken.Wait()
	}
	slices.Sort(late)
	b.ReportMetric(float64(late[len(late)/2].Microseconds())/1000, "p50-ms-late")
	b.ReportMetric(float64(late[len(late)*99/100].Microseconds())/1000, "p99-ms-late")
}

// sleepFor starts a wait and suspends.
func sleepFor(b *testing.B, e *engine.Engine, in *protocol.InvocationInput, seconds int64) engine.Outcome {
	_, err := e.Checkpoint(context.Background(), &engine.CheckpointRequest{
		ARN: in.DurableExecutionArn, Token: in.CheckpointToken,
		Updates: []protocol.Update{{
			ID: "1", Type: protocol.TypeWait, SubType: protocol.SubTypeWait, Action: protocol.ActionStart,
			WaitOptions: &protocol.WaitOptions{WaitSeconds: seconds},
		}},
	})
	if err != nil {
		return engine.Outcome{Error: &protocol.ErrorObject{ErrorMessage: err.Error()}}
	}
	return engine.Outcome{Payload: []byte(`{"Status":"PENDING"}`)}
}
