package main

import (
	"context"
	"fmt"
	"time"

	"github.com/perdure/perdure/durable"
)

// Order is what a customer asks for.
type Order struct {
	AmountCents int64 `json:"amount_cents"`
}

// Receipt is what a completed order returns.
type Receipt struct {
	Payment  string `json:"payment"`
	Shipment string `json:"shipment"`
}

// processOrder survives the end of the process at any line.
func processOrder(ctx durable.Context, order Order) (Receipt, error) {
	payment, err := durable.Step(ctx, "process_payment", func(ctx context.Context) (string, error) {
		return "charged " + durable.IdempotencyKey(ctx), nil
	})
	if err != nil {
		return Receipt{}, err
	}
	if err := durable.Wait(ctx, "payment_confirmation", 5*time.Second); err != nil {
		return Receipt{}, err
	}
	shipment, err := durable.Step(ctx, "fulfill_order", func(context.Context) (string, error) {
		return fmt.Sprintf("shipped for %d cents", order.AmountCents), nil
	})
	return Receipt{payment, shipment}, err
}
