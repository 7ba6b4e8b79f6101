// Package handler is the workload as a durable function of Perdure, for function processes and for embedding.
package handler

import (
	"context"
	"fmt"

	"github.com/perdure/perdure/bench/peers/workload"
	"github.com/perdure/perdure/durable"
)

// Handle does what an order says.
func Handle(ctx durable.Context, o workload.Order) (total int, err error) {
	if !o.Until.IsZero() {
		if err := durable.WaitUntil(ctx, "sleep", o.Until); err != nil {
			return 0, err
		}
	}
	for n := range o.Steps {
		r, err := durable.Step(ctx, fmt.Sprintf("step-%d", n), func(context.Context) (workload.Receipt, error) {
			return workload.Step(o, n), nil
		})
		if err != nil {
			return 0, err
		}
		total += r.Amount
	}
	if o.Items == 0 {
		return total, nil
	}
	batch, err := durable.Map(ctx, "items", make([]struct{}, o.Items), func(ctx durable.Context, _ struct{}, n int) (workload.Receipt, error) {
		return durable.Step(ctx, "step", func(context.Context) (workload.Receipt, error) {
			return workload.Step(o, n), nil
		})
	})
	if err != nil {
		return 0, err
	}
	for _, r := range batch.Values() {
		total += r.Amount
	}
	return total, nil
}
