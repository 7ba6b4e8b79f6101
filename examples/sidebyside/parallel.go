package sidebyside

import (
	"context"
	"fmt"

	"github.com/perdure/perdure/durable"
)

// Market knows what things cost, and how many there are.
type Market struct {
	Price func(ctx context.Context, sku string) (float64, error)
	Stock func(ctx context.Context, sku string) (int, error)
}

// Offer asks for both at once: one is a float64, the other an int.
func (m Market) Offer(ctx durable.Context, sku string) (string, error) {
	price := durable.Go(ctx, "price", func(ctx durable.Context) (float64, error) {
		return durable.Step(ctx, "ask", func(ctx context.Context) (float64, error) { return m.Price(ctx, sku) })
	})
	stock := durable.Go(ctx, "stock", func(ctx durable.Context) (int, error) {
		return durable.Step(ctx, "count", func(ctx context.Context) (int, error) { return m.Stock(ctx, sku) })
	})
	if err := durable.Join(ctx, "offer", price, stock); err != nil {
		return "", err
	}
	cost, err := price.Result(ctx)
	if err != nil {
		return "", err
	}
	left, err := stock.Result(ctx)
	return fmt.Sprintf("%d left at %.2f", left, cost), err
}
