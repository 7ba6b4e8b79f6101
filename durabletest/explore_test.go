package durabletest_test

import (
	"context"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
)

func TestExploreOrder(t *testing.T) {
	var x *durabletest.Execution
	handler := func(ctx durable.Context, id string) (string, error) {
		if _, err := durable.Step(ctx, "validate_order", func(context.Context) (string, error) { return id, nil }); err != nil {
			return "", err
		}
		ctx.Logger().Info("valid")
		if _, err := durable.Step(ctx, "process_payment", func(ctx context.Context) (string, error) {
			x.EffectOnce("charge", id, durable.IdempotencyKey(ctx))
			return id, nil
		}); err != nil {
			return "", err
		}
		if err := durable.Wait(ctx, "payment_confirmation", 5*time.Second); err != nil {
			return "", err
		}
		return durable.Step(ctx, "fulfill_order", func(context.Context) (string, error) { return id, nil })
	}
	explored := durabletest.Explore(t, handler, "ORD-12345", func(_ *testing.T, run *durabletest.Execution) { x = run })
	t.Logf("%+v", explored)
}
