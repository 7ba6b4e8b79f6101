// Package unstable makes operations by what differs from run to run.
package unstable

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/perdure/perdure/durable"
)

type order struct{ ID string }

func count(context.Context) (int, error) { return 1, nil }

func note(_ any, err error) {}

var (
	runs    int
	started atomic.Int64
	limit   = 3
	debug   bool
)

func main() {
	debug = true
	durable.Start(handle)
}

func handle(ctx durable.Context, in *order) (int, error) {
	runs++
	started.Add(1)
	note(durable.Step(ctx, fmt.Sprintf("order-%p", in), count)) // want `unstable: the name of step depends on an address, by %p; a replay would not find it again; use a name that is the same on each run`
	note(durable.Step(ctx, fmt.Sprint("order", &in.ID), count)) // want `the name of step depends on the address in &in.ID`
	name := fmt.Sprintf("again-%t", durable.IsReplaying(ctx))
	note(durable.Step(ctx, name, count)) // want `depends on durable.IsReplaying`
	if durable.IsReplaying(ctx) {        // want `whether step "replay" is made depends on durable.IsReplaying`
		note(durable.Step(ctx, "replay", count))
	}
	for i := 0; int64(i) < started.Load(); i++ { // want `whether what helper does is made depends on a counter that outlives the run`
		helper(ctx)
	}
	deadline, _ := ctx.Deadline()
	if deadline.IsZero() { // want `is made depends on the invocation.s deadline`
		return 0, nil
	}
	lc, _ := lambdacontext.FromContext(ctx)
	switch lc.AwsRequestID { // want `depends on the invocation's own facts, of lambdacontext`
	case "x":
		helper(ctx)
	}
	note(durable.Map(ctx, "m", []*int{new(int)}, item, durable.WithItemNames(func(i int) string {
		return fmt.Sprint(i, &in.ID) // want `the name of an item depends on the address in &in.ID`
	})))
	note(durable.Parallel(ctx, "p", []durable.Branch[int]{{Name: fmt.Sprintf("%p", in), Func: branch}})) // want `the name of a branch depends on an address`
	return durable.Step(ctx, "late", count)
}

func item(durable.Context, *int, int) (int, error) { return 0, nil }

func branch(durable.Context) (int, error) { return 0, nil }

func helper(ctx durable.Context) { note(durable.Step(ctx, "helper", count)) }

func closure() func(durable.Context, order) (int, error) {
	n := 0
	return func(ctx durable.Context, _ order) (int, error) {
		n++
		note(durable.Step(ctx, fmt.Sprintf("order-%d", n), count)) // want `depends on n, which outlives the run and changes`
		for range n {                                              // want `whether step "each" is made depends on n`
			note(durable.Step(ctx, "each", count))
		}
		if n > 1 { // want `whether step "second" is made depends on n, which outlives`
			return durable.Step(ctx, "second", count)
		}
		return 0, nil
	}
}

// What follows is right.

func right(ctx durable.Context, in order) (int, error) {
	if durable.IsReplaying(ctx) {
		ctx.Logger().Info("again")
	}
	if debug {
		note(durable.Step(ctx, "debug", count))
	}
	local := 0
	for range limit {
		local++
		if local > 1 {
			note(durable.Step(ctx, fmt.Sprintf("%s-%d", in.ID, local), count))
		}
	}
	note(durable.Step(ctx, fmt.Sprintf("%v", time.Second), func(context.Context) (int, error) {
		if runs > 1 {
			return 0, nil
		}
		return runs, nil
	}))
	if _, err := durable.Step(ctx, "got", func(context.Context) (int, error) { return runs, nil }); err != nil {
		return 0, err
	}
	if err := durable.Wait(ctx, "w", time.Duration(runs)*time.Second); err != nil {
		return durable.Step(ctx, "failed", count)
	}
	if time.Until(ctx.StartTime()) < 0 {
		ctx.Logger().Info("late")
	}
	return 0, nil
}
