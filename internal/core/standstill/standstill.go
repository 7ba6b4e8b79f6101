// Package standstill has deadlines that do not hold while time stands still, as for a process that a debugger has
// stopped.
package standstill

import (
	"context"
	"math"
	"time"
)

// WithDeadline is context.WithDeadline, but the context does not end while held returns true. held is asked when
// the deadline has passed, and again after each interval of every. The context does not tell its deadline. The
// cause of its end is [context.DeadlineExceeded].
func WithDeadline(parent context.Context, deadline time.Time, every time.Duration, held func() bool) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	var timer *time.Timer
	timer = time.AfterFunc(math.MaxInt64, func() {
		switch {
		case ctx.Err() != nil:
		case held():
			timer.Reset(every)
		default:
			cancel(context.DeadlineExceeded)
		}
	})
	timer.Reset(time.Until(deadline))
	return ctx, func() { timer.Stop(); cancel(context.Canceled) }
}
