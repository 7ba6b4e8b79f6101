// Package helper has generic functions that record.
package helper

import (
	"context"

	"github.com/perdure/perdure/durable"
)

// Do runs f as a step.
func Do[T any](ctx durable.Context, f func() (T, error)) (T, error) {
	return durable.Step(ctx, "do", func(context.Context) (T, error) { return f() })
}

// Twice calls Do.
func Twice[K comparable, T any](ctx durable.Context, _ K, f func() (T, error)) (T, error) {
	if _, err := Do(ctx, f); err != nil {
		var zero T
		return zero, err
	}
	return Do(ctx, f)
}

// Opaque has nothing that is exported.
type Opaque struct{ n int }

func (o Opaque) N() int { return o.n }
