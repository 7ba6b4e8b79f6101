package sidebyside

import (
	"context"
	"time"

	"github.com/perdure/perdure/durable"
)

// Mailer sends letters.
type Mailer struct {
	Send func(ctx context.Context, to, letter string) error
}

// Trial greets a customer, and asks two weeks later whether they stay.
func (m Mailer) Trial(ctx durable.Context, customer string) (string, error) {
	if err := m.send(ctx, customer, "welcome"); err != nil {
		return "", err
	}
	if err := durable.Wait(ctx, "trial", 14*24*time.Hour); err != nil {
		return "", err
	}
	return "asked", m.send(ctx, customer, "stay?")
}

// send is a step named after the letter.
func (m Mailer) send(ctx durable.Context, to, letter string) error {
	_, err := durable.Step(ctx, letter, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, m.Send(ctx, to, letter)
	})
	return err
}
