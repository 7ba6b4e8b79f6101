package adminapi_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/api/overview"
	"github.com/perdure/perdure/protocol"
)

func TestFunctions(t *testing.T) {
	w := newWorld(t)
	if got, err := w.client.Functions(t.Context()); len(got) != 0 || err != nil {
		t.Errorf("before there are any: got %v, %v", got, err)
	}
	w.register(t, "order", `{"Status":"SUCCEEDED"}`)
	for _, version := range []string{"2", "10"} {
		fn, _, err := w.engine.Functions().Lookup(t.Context(), "order", "")
		if err != nil {
			t.Fatal(err)
		}
		fn.Version = version
		fn.Invoker = invoker(func(*engine.Invocation) engine.Outcome {
			return engine.Outcome{Payload: []byte(`{"Status":"PENDING"}`)}
		})
		if err := w.engine.Functions().Register(fn); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.engine.Functions().CreateAlias(t.Context(),
		&engine.AliasChange{Function: "order", Name: "live", Version: new("2"), Weights: &map[string]float64{"10": 0.25}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := w.engine.Start(t.Context(), &engine.InvokeRequest{Function: "order:2"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.engine.Start(t.Context(), &engine.InvokeRequest{Function: "order:10"}); err != nil {
		t.Fatal(err)
	}
	w.engine.Functions().Unregister("order", "10")
	got, err := w.client.Functions(t.Context())
	want := []*adminapi.Function{{
		FunctionName: "order",
		Versions: []*adminapi.Version{
			{Version: "$LATEST", State: engine.StateActive, Durable: true, Load: &overview.Load{Allowed: 100}},
			{Version: "10", State: overview.StateUnregistered, StateReason: "Its open executions wait until it is registered.",
				Durable: true, OpenExecutions: 1, LastHour: &overview.Hour{Started: 1}},
			{Version: "2", State: engine.StateActive, Durable: true, OpenExecutions: 3, Load: &overview.Load{Allowed: 100},
				LastHour: &overview.Hour{Started: 3}},
		},
		Aliases: []adminapi.Alias{{Name: "live", FunctionVersion: "2", AdditionalVersionWeights: map[string]float64{"10": 0.25}}},
	}}
	ignore := cmpopts.IgnoreFields(adminapi.Version{}, "LastModified")
	races := cmp.Options{ // whether invocations have begun and ended by now
		cmpopts.IgnoreFields(overview.Load{}, "Running", "Waiting"),
		cmpopts.IgnoreFields(overview.Hour{}, "Invocations", "FailedInvocations"),
	}
	if diff := cmp.Diff(want, got, ignore, races); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

// TestDescribeFunction: one function has its settings, without the values of its environment, and what it did.
func TestDescribeFunction(t *testing.T) {
	w := newWorld(t)
	w.register(t, "plain", `{"Status":"SUCCEEDED"}`)
	err := w.engine.Functions().Register(engine.Function{
		Name: "order", MemoryMB: 256, Environment: []string{"DATABASE_URL"}, Handler: "bootstrap",
		Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
		Invoker: invoker(func(*engine.Invocation) engine.Outcome {
			return engine.Outcome{Payload: []byte(`{"Status":"FAILED","Error":{"ErrorType":"Declined"}}`)}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	started, err := w.engine.Start(t.Context(), &engine.InvokeRequest{Function: "order"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.engine.Wait(t.Context(), started.ARN); err != nil {
		t.Fatal(err)
	}
	got, err := w.client.DescribeFunction(t.Context(), "order")
	if err != nil {
		t.Fatal(err)
	}
	v := got.Versions[0]
	want := &overview.Settings{TimeoutSeconds: 3, ExecutionTimeoutSeconds: 3600, RetentionDays: 14, Handler: "bootstrap", MemoryMB: 256,
		Concurrency: 100, Environment: []string{"DATABASE_URL"}}
	if diff := cmp.Diff(want, v.Settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if v.LastHour.Failed != 1 || len(v.Figures.Minutes) != 60 || v.Figures.Waits[0].For != engine.Queued {
		t.Errorf("got %+v, %+v", v.LastHour, v.Figures)
	}
	_, err = w.client.DescribeFunction(t.Context(), "nothing")
	if refused, ok := errors.AsType[*protocol.Error](err); !ok || refused.Code != protocol.CodeNotFound {
		t.Errorf("of an unknown one: got %v", err)
	}
}

// TestThroughput: the minutes of all functions are summed up.
func TestThroughput(t *testing.T) {
	w := newWorld(t)
	w.register(t, "order", `{"Status":"SUCCEEDED"}`)
	w.register(t, "pay", `{"Status":"FAILED","Error":{"ErrorType":"Declined"}}`)
	for _, function := range []string{"order", "pay", "pay"} {
		started, err := w.engine.Start(t.Context(), &engine.InvokeRequest{Function: function})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.engine.Wait(t.Context(), started.ARN); err != nil {
			t.Fatal(err)
		}
	}
	status, err := w.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got adminapi.Throughput
	for i, m := range status.Throughput {
		got.Started, got.Ended, got.Failed = got.Started+m.Started, got.Ended+m.Ended, got.Failed+m.Failed
		if i > 0 && m.Begins != status.Throughput[i-1].Begins+60_000 {
			t.Errorf("minute %d begins at %d, after %d", i, m.Begins, status.Throughput[i-1].Begins)
		}
	}
	if want := (adminapi.Throughput{Started: 3, Ended: 3, Failed: 2}); got != want || len(status.Throughput) < 60 {
		t.Errorf("got %+v in %d minutes, want %+v in an hour", got, len(status.Throughput), want)
	}
}

func TestStatus(t *testing.T) {
	w := newWorld(t)
	w.register(t, "order", `{"Status":"SUCCEEDED"}`)
	got, err := w.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Version != "v1" || got.Store.Kind != "memory" || got.GoVersion == "" || got.Started == 0 || got.Memory.Heap == 0 ||
		len(got.Checkpoint.Buckets) == 0 {
		t.Errorf("got %+v", got)
	}
}
