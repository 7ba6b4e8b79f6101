package engine_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/durable"
)

// TestExplainDivergence: an execution that failed because its code changed is explained with both side by side, also
// when it is not in memory.
func TestExplainDivergence(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		charging := func(name string) func(durable.Context, any) (int, error) {
			return func(ctx durable.Context, _ any) (int, error) {
				if _, err := durable.Step(ctx, name, func(context.Context) (int, error) { return 1, nil }); err != nil {
					return 0, err
				}
				return 2, durable.Wait(ctx, "cool_off", time.Minute)
			}
		}
		sdk(f, "order", charging("charge"))
		arn := f.start("order", "", `{}`)
		synctest.Wait()
		sdk(f, "order", charging("debit"))
		time.Sleep(time.Minute)
		synctest.Wait()
		x, err := f.Explain(t.Context(), arn)
		if err != nil {
			t.Fatal(err)
		}
		want := `closed: FAILED, because the code did not do what was recorded: operation 1: recorded STEP/Step "charge", but ` +
			`the code now does STEP/Step "debit" (at divergence_test.go:`
		if !strings.HasPrefix(x.Text, want) {
			t.Errorf("got %q\nwant %s", x.Text, want)
		}
		for _, line := range []string{
			`  > 1  STEP/Step "charge"  SUCCEEDED +0s   | STEP/Step "debit"  at divergence_test.go:`,
			`    2  WAIT/Wait "cool_off"  SUCCEEDED +0s |`,
		} {
			if !strings.Contains(x.SideBySide, line) {
				t.Errorf("got\n%s\nwant in it %s", x.SideBySide, line)
			}
		}
	})
}
