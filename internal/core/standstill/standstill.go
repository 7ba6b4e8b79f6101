// Package standstill has deadlines that do not hold while time stands still for
// somebody, such as a process that a debugger has stopped.
package standstill

import (
	"context"
	"math"
	"time"
)

// WithDeadline is context.WithDeadline, except that the context does not end at
// the deadline, nor after it, as long as held returns true. held is asked first
// when the deadline has passed, and then again and again; every says how often.
// The context does not tell its deadline. Its cause, once it has ended so, is
// [context.DeadlineExceeded].
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
