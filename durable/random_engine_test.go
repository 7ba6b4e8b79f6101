package durable_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
)

// The real service takes whatever a random workflow asks of it.
func TestRandomWorkflowsOnTheEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("the workflows run without the engine, too")
	}
	rapid.Check(t, func(rt *rapid.T) {
		workflow := drawWorkflow(rt)
		m := &memory{saw: make(map[string]string)}
		result := durabletest.Drive(t, func(ctx durable.Context, _ any) (string, error) { return m.runAll(ctx, workflow, "") }, nil,
			func(t *testing.T, x *durabletest.Execution) {
				for n := range 6 {
					durabletest.Stub(x, fmt.Sprint("after-", n), func(context.Context, int) (string, error) {
						time.Sleep(time.Duration(n) * time.Second)
						return "later", nil
					}).Optional().Optional()
				}
			}, durable.WithErrors(durable.ErrorValue("Item", errItem)))
		if len(m.errors) > 0 || result.Status != durabletest.Succeeded {
			rt.Fatalf("%s: %s %+v\n%s\n%s", workflow, result.Status, result.Error, strings.Join(m.errors, "\n"), result.History.Details())
		}
	})
}
