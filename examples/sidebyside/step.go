package sidebyside

import (
	"context"
	"fmt"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
)

// UnknownCurrencyError is final: asking again would not help.
type UnknownCurrencyError struct{ Currency string }

func (e *UnknownCurrencyError) Error() string { return "there is no currency " + e.Currency }

// Bank knows rates, when it can be reached.
type Bank struct {
	Rate func(ctx context.Context, currency string) (float64, error)
}

// Convert asks for a rate: five times at most, and once if the currency is unknown.
func (b Bank) Convert(ctx durable.Context, currency string) (string, error) {
	rate, err := durable.Step(ctx, "rate", func(ctx context.Context) (float64, error) {
		return b.Rate(ctx, currency)
	}, durable.WithRetry(retry.Policy{
		MaxAttempts: 5,
		Delay:       2 * time.Second,
		RetryIf:     retry.Not(retry.As[*UnknownCurrencyError]()),
	}))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("1 EUR = %.2f %s", rate, currency), nil
}
