package adminapi_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
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
	want := []adminapi.Function{{
		FunctionName: "order",
		Versions: []adminapi.Version{
			{Version: "$LATEST", State: engine.StateActive, Durable: true},
			{Version: "10", State: adminapi.StateUnregistered, StateReason: "Its open executions wait until it is registered.",
				Durable: true, OpenExecutions: 1},
			{Version: "2", State: engine.StateActive, Durable: true, OpenExecutions: 3},
		},
		Aliases: []adminapi.Alias{{Name: "live", FunctionVersion: "2", AdditionalVersionWeights: map[string]float64{"10": 0.25}}},
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(adminapi.Version{}, "LastModified")); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}
