// Package helper has functions that return errors of operations, and others.
package helper

import (
	"errors"
	"time"

	"github.com/perdure/perdure/durable"
)

// Pause returns the error of a wait.
func Pause(ctx durable.Context) error { return durable.Wait(ctx, "pause", time.Second) }

// Try deals with the error itself.
func Try(ctx durable.Context) error {
	if err := Pause(ctx); err != nil {
		ctx.Logger().Error("pause", "err", err)
	}
	return nil
}

// Check makes no operation.
func Check(_ durable.Context, n int) error {
	if n < 0 {
		return errors.New("negative")
	}
	return nil
}
