package clock

import (
	"context"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/lint/testdata/price"
)

type order struct{ Due time.Time }

func handler(ctx durable.Context, in order) (time.Time, error) {
	now := time.Now()                                                              // want `clock: calls time.Now: the time is another on each run; use durable.Now`
	if time.Since(in.Due) > time.Hour || time.Until(in.Due.Add(time.Minute)) < 0 { // want `time.Since` `time.Until`
		time.Sleep(time.Second) // want `clock: calls time.Sleep: it sleeps again on each run.*use durable.Wait`
	}
	<-time.After(time.Second)                              // want `time.After: the timer starts anew`
	short, cancel := context.WithTimeout(ctx, time.Second) // want `context.WithTimeout: the deadline is another`
	defer cancel()
	_ = short
	clock := time.Now // want `uses time.Now`
	_ = clock
	return now, nil
}

func chains(ctx durable.Context, in order) error {
	price.Quote(1)                    // want `clock: calls price.Quote, which calls season at price.go:\d+, which calls time.Now at price.go:\d+: the time`
	new(price.Table[int]).Age(in.Due) // want `calls price.Table.Age, which calls time.Since at price.go`
	price.Now()                       // want `calls price.Now, which calls time.Now at price.go`
	_ = price.Started                 // want `uses price.Started, which calls time.Now at price.go`
	price.Even(2)                     // want `calls price.Even, which calls Odd at price.go:\d+, which calls time.Now`
	local()                           // want `calls local, which calls time.Now at clock.go`
	price.Month(in.Due)
	price.Clock().Injected() // want `calls price.Table.Injected, which calls clock at price.go:\d+, which calls time.Now`
	price.Later()
	func() { _ = time.Now() }() // want `time.Now`
	return nil
}

func local() time.Time { return time.Now() }

func named(context.Context) (time.Time, error) { return time.Now(), nil }

func inSteps(ctx durable.Context, in order) error {
	body := func(context.Context) (time.Time, error) { return time.Now(), nil }
	if _, err := durable.Step(ctx, "variable", body); err != nil {
		return err
	}
	if _, err := durable.Step(ctx, "named", named); err != nil {
		return err
	}
	if _, err := price.Recorded(ctx, "helper", func() (time.Time, error) { return time.Now(), nil }); err != nil {
		return err
	}
	if _, err := price.Twice(ctx, func() (int, error) { return time.Now().Hour(), nil }); err != nil {
		return err
	}
	_, err := durable.RunInChildContext(ctx, "child", func(inner durable.Context) (bool, error) {
		_ = time.Now() // want `time.Now`
		return durable.Step(inner, "step", func(context.Context) (bool, error) { return time.Now().IsZero(), nil })
	})
	if err != nil {
		return err
	}
	_, err = durable.RunSaga(ctx, "saga", func(ctx durable.Context, s *durable.Saga) (bool, error) {
		s.Compensate("undo", func(context.Context) error { time.Sleep(time.Second); return nil })
		return time.Now().IsZero(), nil // want `time.Now`
	})
	if err != nil {
		return err
	}
	_, err = durable.WaitForCondition(ctx, "poll", 0, func(ctx context.Context, n int) (int, bool, error) {
		return n, time.Now().IsZero(), nil
	})
	if !durable.IsReplaying(ctx) {
		measure(time.Now())
	}
	return err
}

func measure(time.Time) {}

func fine(ctx durable.Context, in order) (time.Duration, error) {
	d := durable.Now(ctx).Sub(ctx.StartTime()) + 2*time.Hour
	return d.Round(time.Second), durable.WaitUntil(ctx, "until", in.Due.AddDate(0, 1, 0))
}

// A service gets its functions.
type service struct {
	now, later func() time.Time
	quote      func() int
}

func newService() *service {
	s := &service{now: time.Now}
	s.quote = func() int { return 1 }
	return s
}

func (s *service) handle(ctx durable.Context, in order) error {
	if deadline, ok := ctx.Deadline(); ok { // want `calls context.Context.Deadline`
		_ = deadline
	}
	_ = s.now() // want `calls now, which calls time.Now at clock.go`
	_, _ = s.later(), s.quote()
	_, err := durable.Step(ctx, "now", func(context.Context) (time.Time, error) { return s.now(), nil })
	return err
}

// A timer gets its clock.
type timer struct {
	clock interface{ Now() time.Time }
	now   func() time.Time
	made  interface{ CreatedAt() time.Time }
}

func (t *timer) handle(ctx durable.Context, in order) error {
	_ = t.clock.Now() // want `calls interface.Now: the time is another`
	_ = t.now()       // want `calls now: the time is another`
	t.late(in)        // want `calls timer.late, which calls now at clock.go`
	_ = t.made.CreatedAt()
	now := func() time.Time { return durable.Now(ctx) }
	_ = now()
	method := t.read
	_, err := durable.Step(ctx, "method", method)
	return err
}

func (t *timer) late(in order) bool { return in.Due.Before(t.now()) }

func (t *timer) read(context.Context) (time.Time, error) { return t.now(), nil }

// A workflow is a type that embeds its context.
type workflow struct {
	durable.Context
	in order
}

func (w workflow) run() error {
	if w.in.Due.Before(time.Now()) { // want `time.Now`
		return nil
	}
	return durable.Wait(w, "pause", time.Hour)
}

func plain() time.Time { return time.Now() }

func either(ctx context.Context) time.Time {
	if c, ok := durable.From(ctx); ok {
		return durable.Now(c)
	}
	return time.Now()
}

func main() {
	start := time.Now()
	durable.Start(func(ctx durable.Context, in order) (time.Time, error) {
		return time.Now(), nil // want `time.Now`
	})
	_ = start
}
