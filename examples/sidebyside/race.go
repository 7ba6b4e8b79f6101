package sidebyside

import (
	"context"
	"time"

	"github.com/perdure/perdure/durable"
)

// Taxi finds a driver, which may take long.
type Taxi struct {
	Find func(ctx context.Context, from string) (driver string, err error)
}

// Hail takes the driver who is found within ten minutes. After that the search is called off: its context ends.
func (t Taxi) Hail(ctx durable.Context, from string) (string, error) {
	found := durable.Go(ctx, "find", func(ctx durable.Context) (string, error) {
		return durable.Step(ctx, "search", func(ctx context.Context) (string, error) {
			return t.Find(ctx, from)
		})
	})
	patience := durable.Go(ctx, "patience", func(ctx durable.Context) (string, error) {
		return "take the bus", durable.Wait(ctx, "ten_minutes", 10*time.Minute)
	})
	return durable.Race(ctx, "first", found, patience)
}
