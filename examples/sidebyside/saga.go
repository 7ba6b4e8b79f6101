package sidebyside

import (
	"context"
	"errors"

	"github.com/perdure/perdure/durable"
)

// Agency books trips. A hotel answers in its own time, by callback.
type Agency struct {
	BookFlight   func(ctx context.Context, key, to string) (flight string, err error)
	CancelFlight func(ctx context.Context, flight string) error
	AskHotel     func(ctx context.Context, to, callbackID string) error
}

// Book has a flight and a room, or neither. That the hotel takes days to answer is no reason to cancel the flight.
func (a Agency) Book(ctx durable.Context, to string) (string, error) {
	flight, err := durable.Step(ctx, "book_flight", func(ctx context.Context) (string, error) {
		return a.BookFlight(ctx, durable.IdempotencyKey(ctx), to)
	})
	if err != nil {
		return "", err
	}
	room, err := durable.WaitForCallback[string](ctx, "room", func(ctx context.Context, id string) error {
		return a.AskHotel(ctx, to, id)
	})
	if err != nil {
		_, undo := durable.Step(ctx, "cancel_flight", func(ctx context.Context) (struct{}, error) {
			return struct{}{}, a.CancelFlight(ctx, flight)
		})
		return "", errors.Join(err, undo)
	}
	return flight + ", " + room, nil
}
