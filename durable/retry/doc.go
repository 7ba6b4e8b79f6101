// Package retry decides whether and when to try again: a failed attempt of a step, of a submitter or of a group of
// operations, and a condition that is not met yet.
//
//	durable.WithRetry(retry.Fixed(3, time.Second))
//	durable.WithRetry(retry.Policy{MaxAttempts: 5, RetryIf: retry.Is(errBusy)})
//	durable.WithPolling(retry.Fixed(60, time.Minute))
//
// A [Policy] is data, and its zero value is the default. Two members are functions: [Policy.RetryIf] decides about
// errors, [Policy.Decide] about everything.
package retry
