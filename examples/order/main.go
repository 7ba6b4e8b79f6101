// The order example is an AWS Lambda function that processes an order:
//
//	validate_order  →  process_payment  →  payment_confirmation (5 s)  →  fulfill_order
//
// It is ordinary code from top to bottom, yet it survives being killed at any moment: what a finished step returned
// is recorded and never computed again, and the wait goes on while no process runs.
package main

import (
	"context"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
)

// confirmationTime is how long the payment provider takes to confirm.
const confirmationTime = 5 * time.Second

func main() { durable.Start(processOrder) }

// processOrder runs from its first line in every invocation. Steps that have
// finished return what was recorded; the first one that has not is run.
func processOrder(ctx durable.Context, order Order) (Receipt, error) {
	// An invalid order stays invalid: a retry would only delay the answer.
	_, err := durable.Step(ctx, "validate_order", func(context.Context) (struct{}, error) {
		return struct{}{}, validate(order)
	}, durable.WithRetry(retry.None()))
	if err != nil {
		return Receipt{}, err
	}

	// The process may die after the charge and before its result is recorded.
	// The step then runs again, with the same key, and charges nobody twice.
	payment, err := durable.Step(ctx, "process_payment", func(ctx context.Context) (Payment, error) {
		return charge(durable.IdempotencyKey(ctx), order), nil
	})
	if err != nil {
		return Receipt{}, err
	}

	// Nothing runs while this waits, and on Lambda nothing is billed.
	if err := durable.Wait(ctx, "payment_confirmation", confirmationTime); err != nil {
		return Receipt{}, err
	}

	// A random number and the time of day differ on each run. In a step they may: what counts is what was recorded.
	shipment, err := durable.Step(ctx, "fulfill_order", func(context.Context) (Shipment, error) {
		return ship(time.Now()), nil
	})
	if err != nil {
		return Receipt{}, err
	}

	ctx.Logger().Info("order completed", "order_id", order.OrderID, "transaction_id", payment.TransactionID)
	return Receipt{
		Status:            "completed",
		OrderID:           order.OrderID,
		TransactionID:     payment.TransactionID,
		TrackingNumber:    shipment.TrackingNumber,
		EstimatedDelivery: shipment.EstimatedDelivery,
	}, nil
}
