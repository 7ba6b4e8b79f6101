// Package options has arguments of operations that are refused or have no effect.
package options

import (
	"context"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
)

func count(context.Context) (int, error) { return 1, nil }

func submit(context.Context, string) error { return nil }

func child(ctx durable.Context) (int, error) { return durable.Step(ctx, "s", count) }

func item(ctx durable.Context, n, _ int) (int, error) { return n, nil }

var noted []error

func note(_ any, err error) { noted = append(noted, err) }

func operations(ctx durable.Context, in []int) error {
	durable.Wait(ctx, "w", 0)                                                          // want `options: a wait of 0s is refused; the service counts whole seconds, at least one$`
	durable.Wait(ctx, "w", 30)                                                         // want `a wait of 30ns is refused; .*; a number without a unit is nanoseconds, so write 30\*time.Second`
	durable.Wait(ctx, "w", -time.Second)                                               // want `a wait of -1s is refused`
	durable.Wait(ctx, "w", 500*24*time.Hour)                                           // want `a wait of 12000h0m0s is refused; the service allows at most 8784h0m0s`
	durable.Wait(ctx, "w\n", time.Second)                                              // want `the name has '\\n' at byte 1; only printable ASCII is allowed`
	durable.Wait(ctx, "größe", time.Second)                                            // want `the name has 'ö' at byte 2`
	durable.Version(ctx, "", 1)                                                        // want `a version has no name`
	durable.Version(ctx, "v", 0)                                                       // want `the latest version is 0; it must be at least 1`
	durable.Race[int](ctx, "r")                                                        // want `durable.Race has no futures to choose from`
	note(durable.Step[int](ctx, "s", nil))                                             // want `step "s" gets no function`
	note(durable.Step(ctx, "s", count, nil))                                           // want `step "s" gets nil as an option; leave it out`
	note(durable.Invoke(ctx, "i", durable.Function[int, int]{}, 1))                    // want `the function has no name`
	note(durable.Invoke(ctx, "i", durable.Function[int, int]{Name: "a b"}, 1))         // want `the function's name is refused`
	note(durable.Map(ctx, "m", []int{1, 2}, item, durable.WithMinSuccessful(3)))       // want `WithMinSuccessful is 3, but there are only 2 items`
	note(durable.Map(ctx, "m", in, item, durable.WithMaxConcurrency(0)))               // want `WithMaxConcurrency of 0 is refused; at least 1 is needed, and no option means no limit`
	note(durable.Map(ctx, "m", in, item, durable.WithToleratedFailures(-1)))           // want `WithToleratedFailures of -1 is refused`
	note(durable.Map(ctx, "m", in, item, durable.WithToleratedFailurePercentage(101))) // want `a percentage of failures is 101`
	note(durable.Map(ctx, "m", in, item, durable.WithItemNames(nil)))                  // want `WithItemNames gets no function`
	note(durable.Map(ctx, "m", in, item, durable.WithToleratedFailures(1),             // want `WithToleratedFailures is refused beside WithCompletion, which decides alone`
		durable.WithCompletion(func(durable.BatchProgress) durable.CompletionReason { return "" })))
	note(durable.RunInChildContext(ctx, "c", child, durable.WithVirtual(), durable.WithTimeout(time.Minute)))                   // want `a virtual context is not recorded, so WithTimeout is refused with WithVirtual`
	note(durable.RunInChildContext(ctx, "c", child, durable.WithTimeout(time.Millisecond)))                                     // want `a context's timeout of 1ms is refused`
	note(durable.RunInChildContext(ctx, "c", child, durable.WithSubType("Map")))                                                // want `the subtype "Map" is refused; the SDKs use it themselves`
	note(durable.RunInChildContext(ctx, "c", child, durable.WithSubType("a b")))                                                // want `the subtype "a b" is refused`
	note(durable.RunInChildContext(ctx, "c", durable.Summarized(child, func(int) string { return "" }), durable.WithVirtual())) // want `it has no summary`
	return nil
}

const short = 10 * time.Second

func callbacks(ctx durable.Context, _ any) error {
	note(durable.WaitForCallback[int](ctx, "a", submit, durable.WithTimeout(short), durable.WithHeartbeat(time.Minute))) // want `the heartbeat timeout of 1m0s can never pass, because the timeout of 10s passes before`
	note(durable.CreateCallback[int](ctx, "b", durable.WithTimeout(time.Millisecond)))                                   // want `a callback's timeout of 1ms is refused`
	note(durable.CreateCallback[int](ctx, "b", durable.WithHeartbeat(5)))                                                // want `a heartbeat timeout of 5ns is refused`
	return nil
}

var thrice = durable.WithRetry(retry.Fixed(3, time.Second))

func steps(ctx durable.Context, _ any) error {
	note(durable.Step(ctx, "s", count, durable.WithTimeout(-1)))                                                                                         // want `a step's timeout of -1ns is refused; it must be positive`
	note(durable.Step(ctx, "s", count, durable.WithAttemptBudget(0)))                                                                                    // want `an attempt budget of 0 is refused`
	note(durable.Step(ctx, "s", count, durable.WithAttemptBudget(2), thrice))                                                                            // want `the attempt budget of 2 ends the step before its retry policy does, which allows 3 attempts`
	note(durable.Step(ctx, "s", count, durable.WithAtMostOncePerRetry()))                                                                                // want `WithAtMostOncePerRetry has no retry policy beside it`
	note(durable.Step(ctx, "s", count, thrice, durable.WithRetry(retry.None())))                                                                         // want `step "s" gets WithRetry twice; only the last counts`
	note(durable.Step(ctx, "s", count, []durable.StepOption{thrice, thrice}...))                                                                         // want `step "s" gets WithRetry twice`
	note(durable.Step(ctx, "s", count, durable.WithRetry(retry.Policy{MaxAttempts: -1})))                                                                // want `this policy is refused: retry.Policy.MaxAttempts is -1`
	note(durable.Step(ctx, "s", count, durable.WithRetry(retry.Policy{Delay: time.Hour})))                                                               // want `the policy's delay of 1h0m0s is cut to its MaxDelay of 1m0s; set MaxDelay, too`
	note(durable.Step(ctx, "s", count, durable.WithRetry(retry.Fixed(3, time.Millisecond))))                                                             // want `the policy's delay of 1ms has no effect`
	note(durable.Step(ctx, "s", count, durable.WithRetry(retry.Policy{MaxAttempts: 1, Delay: time.Second})))                                             // want `the policy's Delay has no effect, because one attempt is never retried`
	note(durable.Step(ctx, "s", count, durable.WithRetry(retry.Policy{Decide: never, MaxAttempts: 4})))                                                  // want `the policy's MaxAttempts has no effect, because Decide replaces all other fields`
	note(durable.Retry(ctx, "r", func(ctx durable.Context, _ int) (int, error) { return child(ctx) }, durable.WithRetry(retry.Linear(3, time.Hour, 0)))) // want `is cut to its MaxDelay of 5m0s`
	note(durable.Step(ctx, "s", count, durable.WithRetry(retry.Fixed(0, time.Second)))) // want `0 attempts mean the default of 6; use retry.None for one attempt`
	return nil
}

// What follows is right.

func right(ctx durable.Context, d time.Duration, in []int) error {
	note(durable.Step(ctx, "", count, durable.WithTimeout(time.Millisecond), thrice))
	note(durable.Step(ctx, "s", count, durable.WithAtMostOncePerRetry(), durable.WithRetry(retry.None())))
	note(durable.Step(ctx, "s", count, durable.WithAtMostOncePerRetry(), thrice))
	note(durable.Step(ctx, "s", count, durable.WithAttemptBudget(3), thrice))
	note(durable.Step(ctx, "s", count, durable.WithRetry(retry.Policy{Delay: time.Hour, MaxDelay: time.Hour})))
	note(durable.WaitForCondition(ctx, "c", 0, func(_ context.Context, n int) (int, bool, error) { return n, true, nil },
		durable.WithPolling(retry.Policy{Delay: 2 * time.Minute})))
	note(durable.Map(ctx, "m", in, item, durable.WithMinSuccessful(2), durable.WithToleratedFailures(0), durable.WithMaxConcurrency(1)))
	note(durable.CreateCallback[int](ctx, "b", durable.WithTimeout(time.Hour), durable.WithHeartbeat(time.Minute)))
	note(durable.Invoke(ctx, "i", durable.Function[int, int]{Name: "arn:aws:lambda:eu-west-1:1:function:f:$LATEST"}, 1))
	note(durable.RunInChildContext(ctx, "c", child, durable.WithVirtual(), durable.WithErrorMapping(func(err error) error { return err })))
	note(nil, durable.Wait(ctx, "w", d))
	return durable.Wait(ctx, "w", time.Second)
}

func never(error, int) (time.Duration, bool) { return 0, false }
