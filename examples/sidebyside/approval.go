package sidebyside

import (
	"context"
	"errors"
	"time"

	"github.com/perdure/perdure/durable"
)

// Expense is what someone spent.
type Expense struct {
	Who   string
	Cents int
}

// Desk asks the person who approves. The answer goes to the callback.
type Desk struct {
	Ask func(ctx context.Context, e Expense, callbackID string) error
}

// Approve waits three days for an answer; no answer is a no.
func (d Desk) Approve(ctx durable.Context, e Expense) (string, error) {
	answer, err := durable.WaitForCallback[string](ctx, "approval", func(ctx context.Context, id string) error {
		return d.Ask(ctx, e, id)
	}, durable.WithTimeout(72*time.Hour))

	switch {
	case errors.Is(err, durable.ErrTimeout):
		return "declined: no answer", nil
	case err != nil:
		return "", err
	}
	return answer, nil
}
