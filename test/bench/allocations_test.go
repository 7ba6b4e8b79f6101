package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/perdure/perdure"
	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/server"
	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/protocol"
)

// TestAllocations bounds what the hot paths allocate. Unlike times, allocations are the same on every machine, and a
// path that takes more of them than before has become slower. The bounds are what was measured, and a tenth.
//
// When it fails: find what is new with
//
//	go test -run Allocations/engine -memprofile mem.out -memprofilerate 1 ./test/bench
//	go tool pprof -sample_index=alloc_objects -top mem.out
//
// and avoid it, or raise the bound and say in the commit what the allocations buy. After an improvement lower it: the
// test logs with -v what it measured.
func TestAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates, too")
	}
	for _, test := range []struct {
		name          string
		prepare       func(t *testing.T) func(n int) // what is measured; n counts up
		allocs, bytes uint64                         // at most
	}{
		{"replay of a step", replayedStep, 0, 16},
		{"machine: a checkpoint", machineCheckpoint, 9, 1160},
		{"store: a commit", storeCommit, 16, 350},
		{"engine: a checkpoint", engineCheckpoint, 31, 1710},
		{"http: a checkpoint", httpCheckpoint, 165, 13_300}, // half of it is the client's
		{"embedded: an execution of three steps", embeddedExecution, 360, 26_000},
	} {
		t.Run(test.name, func(t *testing.T) {
			allocs, bytes := allocations(test.prepare(t))
			for _, m := range []struct {
				unit       string
				got, bound uint64
			}{{"allocations", allocs, test.allocs}, {"bytes", bytes, test.bytes}} {
				if m.got > m.bound {
					t.Errorf("got %d %s, want %d at most: see the comment of this test", m.got, m.unit, m.bound)
				}
				t.Logf("%d %s of %d", m.got, m.unit, m.bound)
			}
		})
	}
}

// How often each path runs: without being measured, and measured.
const warm, runs = 200, 1000

// allocations is what one run of f allocates in the whole process, on the average of many.
func allocations(f func(n int)) (allocs, bytes uint64) {
	for n := range warm {
		f(n)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for n := range runs {
		f(warm + n)
	}
	runtime.ReadMemStats(&after)
	return (after.Mallocs - before.Mallocs + runs/2) / runs, (after.TotalAlloc - before.TotalAlloc + runs/2) / runs
}

// replayedStep is a step of an invocation that goes over recorded ones.
func replayedStep(t *testing.T) func(int) {
	in := &protocol.InvocationInput{
		DurableExecutionArn: "arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/n/" +
			"01980000-0000-7000-8000-000000000000",
		CheckpointToken: "t",
	}
	ops := []*protocol.Operation{{ID: "x", Type: protocol.TypeExecution, Status: protocol.StatusStarted}}
	for i := range warm + runs {
		payload := "7"
		ops = append(ops, &protocol.Operation{
			ID: strconv.Itoa(i + 1), Type: protocol.TypeStep, SubType: protocol.SubTypeStep, Name: "step",
			Status: protocol.StatusSucceeded, Payload: &payload, Attempt: 1,
		})
	}
	in.InitialExecutionState.Operations = ops
	steps, replayed := make(chan struct{}), make(chan struct{})
	h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
		for range steps {
			_, err := durable.Step(ctx, "step", func(context.Context) (int, error) { return 0, nil })
			if err != nil {
				return nil, err
			}
			replayed <- struct{}{}
		}
		return nil, nil
	}, durable.WithClient(noService{}), durable.WithGoroutineChecks(false))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := h.Invoke(context.Background(), protocol.AppendInput(nil, in)); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { close(steps); <-done })
	return func(int) {
		steps <- struct{}{}
		<-replayed
	}
}

// noService is a service that nobody may need.
type noService struct{ durable.Client }

// machineCheckpoint is a short step's checkpoint, from the request to the entry and the published state.
func machineCheckpoint(t *testing.T) func(int) {
	arn, err := protocol.ParseARN("arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/n/" +
		"01980000-0000-7000-8000-000000000000")
	if err != nil {
		t.Fatal(err)
	}
	x := machine.Start(machine.Identity{ARN: arn, ExecutionTimeout: 3600}, nil, 1, &machine.Rules{}).Publish()
	d := x.Draft(2)
	d.BeginInvocation("r")
	d.Publish()
	return func(n int) {
		d := x.Draft(protocol.Timestamp(3 + n))
		req := machine.Checkpoint{Fence: x.Fence(), Updates: stepUpdates(n)}
		if _, err := d.Checkpoint(&req); err != nil {
			t.Fatal(err)
		}
		machine.Encode(d.Records())
		d.Publish()
		d.Done()
	}
}

func stepUpdates(n int) []protocol.Update {
	id, payload := strconv.Itoa(n+1), result
	return []protocol.Update{
		{ID: id, Type: protocol.TypeStep, SubType: protocol.SubTypeStep, Name: "process_payment",
			Action: protocol.ActionStart},
		{ID: id, Type: protocol.TypeStep, SubType: protocol.SubTypeStep, Name: "process_payment",
			Action: protocol.ActionSucceed, Payload: &payload},
	}
}

// storeCommit is a commit of one small entry.
func storeCommit(t *testing.T) func(int) {
	s, err := sqlitestore.Open(t.Context(), t.TempDir(), &sqlitestore.Options{Durability: sqlitestore.None})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	const id = "01980000-0000-7000-8000-000000000000"
	row := &store.Row{ID: id, Function: "f", Name: "n", Status: protocol.ExecutionRunning}
	data := make([]byte, 200)
	return func(n int) {
		w := store.Write{ID: id, Entry: store.Entry{Seq: int64(n + 1), Data: data}}
		if n == 0 {
			w.Row = row
		}
		if err := s.Commit(context.Background(), w); err != nil {
			t.Fatal(err)
		}
	}
}

// engineCheckpoint is a short step's checkpoint, as a program calls the engine.
func engineCheckpoint(t *testing.T) func(int) {
	e := open(t, sqlitestore.None)
	s := &direct{e, invocation(t, e)}
	return func(n int) {
		if err := s.step(context.Background(), n); err != nil {
			t.Fatal(err)
		}
	}
}

// httpCheckpoint is the same over loopback, client included.
func httpCheckpoint(t *testing.T) func(int) {
	e := open(t, sqlitestore.None)
	in := invocation(t, e)
	path := front(t, lambdaapi.New(e, e.Functions(), nil), &server.Options{}) +
		"/2025-12-01/durable-executions/" + url.PathEscape(in.DurableExecutionArn) + "/checkpoint"
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	return func(n int) {
		body := fmt.Appendf(nil, `{"CheckpointToken":%q,"Updates":[{"Id":"%d","Type":"STEP","SubType":"Step",`+
			`"Name":"process_payment","Action":"SUCCEED","Payload":%q}]}`, in.CheckpointToken, n+1, result)
		resp, err := client.Post(path, "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		in.CheckpointToken = nextToken(t, resp)
	}
}

// nextToken reads the token in the answer to a checkpoint.
func nextToken(t *testing.T, resp *http.Response) string {
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	var reply struct{ CheckpointToken string }
	if err == nil {
		err = json.Unmarshal(answer, &reply)
	}
	if err != nil || reply.CheckpointToken == "" {
		t.Fatalf("got %s %s %v, want a token", resp.Status, answer, err)
	}
	return reply.CheckpointToken
}

// invocation is a running invocation, which ends with the test.
func invocation(t *testing.T, e *engine.Engine) *protocol.InvocationInput {
	began, end := make(chan *protocol.InvocationInput), make(chan struct{})
	t.Cleanup(func() { close(end) })
	err := e.Functions().Register(engine.Function{
		Name: "f", Timeout: time.Hour, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
		Invoker: invokerFunc(func(inv *engine.Invocation) engine.Outcome {
			var in protocol.InvocationInput
			if err := json.Unmarshal(inv.Payload, &in); err != nil {
				t.Error(err)
			}
			began <- &in
			<-end
			return engine.Outcome{Payload: []byte(`{"Status":"SUCCEEDED"}`)}
		}),
	})
	if err == nil {
		_, err = e.Start(t.Context(), &engine.InvokeRequest{Function: "f"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return <-began
}

// embeddedExecution is a whole execution in one process.
func embeddedExecution(t *testing.T) func(int) {
	st, err := sqlitestore.Open(t.Context(), t.TempDir(), &sqlitestore.Options{Durability: sqlitestore.None})
	if err != nil {
		t.Fatal(err)
	}
	s := embed(t, "", st)
	return func(int) {
		x, err := perdure.Start(context.Background(), s, "steps", 3)
		if err == nil {
			_, err = perdure.Wait[int](context.Background(), s, x.ARN)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
