package durable_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
)

// Random workflows survive whatever the kit can think of. What they come to may depend on time, which faults take; they
// must never see something else than they saw before in the same execution, and end.
func TestRandomWorkflowsSurvive(t *testing.T) {
	many, runs := 2, 40
	if testing.Short() {
		many, runs = 1, 10
	}
	if text := os.Getenv("PERDURE_WORKFLOWS"); text != "" { // for a longer search
		var err error
		if many, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	workflows := rapid.Custom(drawWorkflow)
	for seed := range many {
		workflow := workflows.Example(seed)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Log(workflow)
			var m *memory
			durabletest.Explore(t, func(ctx durable.Context, _ any) (string, error) { return m.runAll(ctx, workflow, "") }, nil,
				func(_ *testing.T, x *durabletest.Execution) {
					m = &memory{saw: make(map[string]string)}
					for n := range 6 {
						durabletest.Stub(x, fmt.Sprint("after-", n), func(context.Context, int) (string, error) {
							time.Sleep(time.Duration(n) * time.Second)
							return "later", nil
						}).Optional()
					}
				},
				durabletest.Runs(runs), durabletest.With(durable.WithErrors(durable.ErrorValue("Item", errItem))),
				durabletest.Equal(func(_, r *durabletest.Result[string]) bool {
					if len(m.errors) > 0 {
						t.Error(strings.Join(m.errors, "\n"))
					}
					return r.Status == durabletest.Succeeded && len(m.errors) == 0
				}))
		})
	}
}
