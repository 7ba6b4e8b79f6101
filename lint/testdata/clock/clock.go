package clock

import (
	"context"
	"time"

	"github.com/perdure/perdure/durable"
)

func handler(ctx durable.Context, in string) (time.Time, error) {
	_ = time.Now() // want `clock: time.Now`
	return durable.Step(ctx, "now", func(context.Context) (time.Time, error) {
		return time.Now(), nil
	})
}
