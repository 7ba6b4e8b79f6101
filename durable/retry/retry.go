package retry

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/perdure/perdure/protocol"
)

// Policy says whether and when to repeat a failed attempt. The zero value is the default of every operation that
// retries: 6 attempts, 5 s before the second, doubled each time up to 60 s, full jitter.
//
// The decision is made once, when an attempt fails, and recorded with it: a policy may change at any time, also for
// running executions. The service measures the delay, in whole seconds and at least one.
//
// durable.WithPolling has other defaults, for a condition is polled more often than a failure is repeated: 60
// attempts, a multiplier of 1.5, at most 5 minutes.
type Policy struct {
	// MaxAttempts counts the first attempt too; 0 is 6, 1 never retries.
	MaxAttempts int
	// Delay comes before the second attempt; 0 is 5 s.
	Delay time.Duration
	// Multiplier is applied to the delay after each retry. 0 is 2, or 1 if there is an Increment.
	Multiplier float64
	// Increment is added to the delay after each retry.
	Increment time.Duration
	// MaxDelay bounds the delay; 0 is 60 s.
	MaxDelay time.Duration
	// Jitter spreads retries that failed together; the zero value is FullJitter.
	Jitter Jitter
	// RetryIf says whether an error is worth another attempt; nil is always. It gets the error of the attempt
	// itself, or durable.ErrConditionNotMet; see [Is], [As] and [Not]. For an error of another function, its type's
	// name is in a durable.RecordedError.
	RetryIf func(error) bool
	// Decide, if set, replaces everything above: attempt is the number of the attempt that failed, from 1.
	Decide func(err error, attempt int) (delay time.Duration, retry bool)
}

// Jitter is how much of a delay is random.
type Jitter int

// The kinds of jitter.
const (
	FullJitter Jitter = iota // between nothing and the whole delay
	HalfJitter               // between half and the whole delay
	NoJitter                 // the whole delay
)

// None makes one attempt.
func None() Policy { return Policy{MaxAttempts: 1} }

// Fixed makes at most the given number of attempts, always the same time apart.
func Fixed(attempts int, delay time.Duration) Policy {
	return Policy{MaxAttempts: attempts, Delay: delay, Multiplier: 1, MaxDelay: delay, Jitter: NoJitter}
}

// Linear makes at most the given number of attempts: the first retry after delay, each later one increment later,
// with no more than 5 minutes between two.
func Linear(attempts int, delay, increment time.Duration) Policy {
	return Policy{MaxAttempts: attempts, Delay: delay, Increment: increment, MaxDelay: 5 * time.Minute, Jitter: NoJitter}
}

// Transient is for failures that pass within seconds: 3 attempts, 1 s before the second, doubled up to 5 s, half
// jitter.
func Transient() Policy {
	return Policy{MaxAttempts: 3, Delay: time.Second, Multiplier: 2, MaxDelay: 5 * time.Second, Jitter: HalfJitter}
}

// Resource is for things that have to become free, or to be started: 5 attempts, 5 s before the second, doubled up
// to 5 minutes, full jitter.
func Resource() Policy {
	return Policy{MaxAttempts: 5, Delay: 5 * time.Second, Multiplier: 2, MaxDelay: 5 * time.Minute}
}

// Critical is for work that should succeed if at all possible: 10 attempts, 1 s before the second, 1.5 times later
// each time up to 60 s, no jitter.
func Critical() Policy {
	return Policy{MaxAttempts: 10, Delay: time.Second, Multiplier: 1.5, MaxDelay: time.Minute, Jitter: NoJitter}
}

// Func leaves each decision to fn; attempt is the number of the attempt that failed, from 1.
func Func(fn func(err error, attempt int) (delay time.Duration, retry bool)) Policy {
	return Policy{Decide: fn}
}

// Is is a [Policy.RetryIf] that retries errors that are one of targets.
func Is(targets ...error) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
	}
}

// As is a [Policy.RetryIf] that retries errors of type T.
func As[T error]() func(error) bool {
	return func(err error) bool {
		_, is := errors.AsType[T](err)
		return is
	}
}

// Not is a [Policy.RetryIf] that retries what filter does not.
func Not(filter func(error) bool) func(error) bool {
	return func(err error) bool { return !filter(err) }
}

// What the zero [Policy] stands for, wherever something is retried: steps, submitters, [durable.Retry]. Its jitter is
// [FullJitter].
const (
	defaultAttempts   = 6
	defaultDelay      = 5 * time.Second
	defaultMultiplier = 2 // 1 if there is an increment
	defaultMaxDelay   = 60 * time.Second

	// maxWait is the longest wait of the service.
	maxWait = protocol.MaxWaitSeconds * time.Second
)

// Next decides about attempt, from 1, which failed with err: the delay before the next one, or false for none.
func (p Policy) Next(err error, attempt int) (delay time.Duration, again bool) {
	switch {
	case p.Decide != nil:
		return p.Decide(err, attempt)
	case attempt >= cmp.Or(p.MaxAttempts, defaultAttempts) || p.RetryIf != nil && !p.RetryIf(err):
		return 0, false
	}
	return p.Backoff(attempt), true
}

// Backoff is the delay after the given failed attempt, from 1, if there is another one.
func (p Policy) Backoff(attempt int) time.Duration {
	d := p.full(attempt)
	switch p.Jitter {
	case FullJitter:
		return rand.N(d + 1)
	case HalfJitter:
		return d/2 + rand.N(d-d/2+1)
	}
	return d
}

// full is the delay without jitter.
func (p Policy) full(attempt int) time.Duration {
	factor := p.Multiplier
	if factor == 0 {
		factor = defaultMultiplier
		if p.Increment > 0 {
			factor = 1
		}
	}
	d := float64(cmp.Or(p.Delay, defaultDelay))*math.Pow(factor, float64(attempt-1)) + float64(p.Increment)*float64(attempt-1)
	if !(d > 0) { // also for NaN: the policy of a recorded step may be bad
		return 0
	}
	return time.Duration(min(d, max(float64(cmp.Or(p.MaxDelay, defaultMaxDelay)), 0), float64(maxWait)))
}

// Validate says which value in the policy is impossible.
func (p Policy) Validate() error {
	switch {
	case p.MaxAttempts < 0:
		return fmt.Errorf("retry.Policy.MaxAttempts is %d; it must not be negative", p.MaxAttempts)
	case p.Delay < 0 || p.Increment < 0 || p.MaxDelay < 0:
		return errors.New("retry.Policy has a negative duration")
	case math.IsNaN(p.Multiplier) || math.IsInf(p.Multiplier, 0) || p.Multiplier < 0:
		return fmt.Errorf("retry.Policy.Multiplier is %v; it must be a finite number that is not negative", p.Multiplier)
	case p.Jitter < FullJitter || p.Jitter > NoJitter:
		return fmt.Errorf("retry.Policy.Jitter is %d; use FullJitter, HalfJitter or NoJitter", p.Jitter)
	}
	return nil
}
