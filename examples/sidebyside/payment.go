package sidebyside

import (
	"context"
	"errors"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
)

// Till takes money by a device that knows no idempotency keys.
type Till struct {
	Charge func(ctx context.Context, cents int) (receipt string, err error)
}

// Pay charges at most once, ever. If nobody knows whether it did, a person looks.
func (s Till) Pay(ctx durable.Context, cents int) (string, error) {
	receipt, err := durable.Step(ctx, "charge", func(ctx context.Context) (string, error) {
		return s.Charge(ctx, cents)
	}, durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.None()))

	if unknown := new(durable.StepInterruptedError); errors.As(err, &unknown) {
		return "ask the cashier", nil
	}
	return receipt, err
}
