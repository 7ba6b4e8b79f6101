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
	switch {
	case !o.Until.IsZero():
		err = durable.WaitUntil(ctx, "sleep", o.Until)
	case o.Sleep > 0:
		err = durable.Wait(ctx, "sleep", o.Sleep)
	}
	if err != nil {
		return 0, err
	}
	for n := range o.Steps {
		r, err := step(ctx, fmt.Sprintf("step-%d", n), o, n)
		if err != nil {
			return 0, err
		}
		total += r.Amount
	}
	if o.Items == 0 {
		return total, nil
	}
	item := func(ctx durable.Context, _ struct{}, n int) (workload.Receipt, error) { return step(ctx, "step", o, n) }
	batch, err := durable.Map(ctx, "items", make([]struct{}, o.Items), item)
	if err != nil {
		return 0, err
	}
	for _, r := range batch.Values() {
		total += r.Amount
	}
	return total, nil
}

func step(ctx durable.Context, name string, o workload.Order, n int) (workload.Receipt, error) {
	return durable.Step(ctx, name, func(context.Context) (workload.Receipt, error) { return workload.Step(o, n), nil })
}
