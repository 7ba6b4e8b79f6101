package durable

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/protocol"
)

// RetryPolicy says whether and when a failed attempt is made again. The zero
// value is the default of every operation that retries: 6 attempts, 5 s before
// the second, doubled each time up to 60 s, full jitter.
//
// The decision is made once, when an attempt fails, and recorded with it: a
// policy may be changed at any time without regard to running executions. The
// service measures the delay, in whole seconds and at least one.
type RetryPolicy struct {
	// MaxAttempts counts the first attempt too; 0 is 6, 1 never retries.
	MaxAttempts int
	// Delay comes before the second attempt; 0 is 5 s.
	Delay time.Duration
	// Multiplier is applied to the delay after each retry. 0 is 2, or 1 if
	// there is an Increment.
	Multiplier float64
	// Increment is added to the delay after each retry.
	Increment time.Duration
	// MaxDelay bounds the delay; 0 is 60 s.
	MaxDelay time.Duration
	// Jitter spreads retries that failed together; the zero value is FullJitter.
	Jitter Jitter
	// RetryIf says whether an error is worth another attempt; nil is always.
	// It gets the error of the attempt itself; see [ErrorIs], [ErrorAs],
	// [ErrorContains], [ErrorMatches], [ErrorTypeIs] and [Not].
	RetryIf func(error) bool
	// Decide, if set, replaces everything above: attempt is the number of the
	// attempt that failed, from 1.
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

// NoRetry makes one attempt.
func NoRetry() RetryPolicy { return RetryPolicy{MaxAttempts: 1} }

// FixedRetry makes at most the given number of attempts, always the same time
// apart.
func FixedRetry(attempts int, delay time.Duration) RetryPolicy {
	return RetryPolicy{MaxAttempts: attempts, Delay: delay, Multiplier: 1, MaxDelay: delay, Jitter: NoJitter}
}

// LinearRetry makes at most the given number of attempts: the first retry
// after delay, each later one increment later, with no more than 5 minutes
// between two.
func LinearRetry(attempts int, delay, increment time.Duration) RetryPolicy {
	return RetryPolicy{MaxAttempts: attempts, Delay: delay, Increment: increment, MaxDelay: 5 * time.Minute, Jitter: NoJitter}
}

// TransientRetry is for what passes within seconds: 3 attempts, 1 s before the
// second, doubled up to 5 s, half jitter.
func TransientRetry() RetryPolicy {
	return RetryPolicy{MaxAttempts: 3, Delay: time.Second, MaxDelay: 5 * time.Second, Jitter: HalfJitter}
}

// ResourceRetry is for what has to become free, or to be started: 5 attempts, 5 s
// before the second, doubled up to 5 minutes, full jitter.
func ResourceRetry() RetryPolicy {
	return RetryPolicy{MaxAttempts: 5, Delay: 5 * time.Second, MaxDelay: 5 * time.Minute}
}

// CriticalRetry is for what should succeed if it is at all possible: 10 attempts,
// 1 s before the second, 1.5 times later each time up to 60 s, no jitter.
func CriticalRetry() RetryPolicy {
	return RetryPolicy{MaxAttempts: 10, Delay: time.Second, Multiplier: 1.5, MaxDelay: time.Minute, Jitter: NoJitter}
}

// RetryFunc leaves each decision to fn; attempt is the number of the attempt
// that failed, from 1.
func RetryFunc(fn func(err error, attempt int) (delay time.Duration, retry bool)) RetryPolicy {
	return RetryPolicy{Decide: fn}
}

// ErrorIs is a [RetryPolicy.RetryIf] that retries errors that are one of targets.
func ErrorIs(targets ...error) func(error) bool {
	return func(err error) bool {
		for _, target := range targets {
			if isError(err, target) {
				return true
			}
		}
		return false
	}
}

// ErrorAs is a [RetryPolicy.RetryIf] that retries errors of type T.
func ErrorAs[T error]() func(error) bool {
	return func(err error) bool {
		_, is := findAs[T](err)
		return is
	}
}

// ErrorContains is a [RetryPolicy.RetryIf] that retries errors with any of the
// texts in their message.
func ErrorContains(texts ...string) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(message(err), text) })
	}
}

// ErrorMatches is a [RetryPolicy.RetryIf] that retries errors whose message
// matches any of the patterns, which are *regexp.Regexp values.
func ErrorMatches(patterns ...interface{ MatchString(string) bool }) func(error) bool {
	return func(err error) bool {
		for _, p := range patterns {
			if p.MatchString(message(err)) {
				return true
			}
		}
		return false
	}
}

// ErrorTypeIs is a [RetryPolicy.RetryIf] that retries errors of any of the types,
// by the names that [RecordedError.Type] would have: for errors that come from
// other functions, and have no type here.
func ErrorTypeIs(names ...string) func(error) bool {
	return func(err error) bool {
		name, _ := typeName(err)
		if r, ok := inChain[*RecordedError](err); ok {
			name = r.Type
		}
		return slices.Contains(names, name)
	}
}

// Not is a [RetryPolicy.RetryIf] that retries what filter would not.
func Not(filter func(error) bool) func(error) bool {
	return func(err error) bool { return !filter(err) }
}

const (
	defaultAttempts = 6
	defaultDelay    = 5 * time.Second
	defaultMaxDelay = 60 * time.Second

	// maxWait is the longest that the service waits for anything.
	maxWait = protocol.MaxWaitSeconds * time.Second
)

// next decides about the attempt that failed with err: seconds until the next
// one, or false.
func (p *RetryPolicy) next(err error, attempt int) (seconds int64, retry bool) {
	if p.Decide != nil {
		delay, retry := p.Decide(err, attempt)
		return wholeSeconds(delay), retry
	}
	limit := p.MaxAttempts
	if limit == 0 {
		limit = defaultAttempts
	}
	if attempt >= limit || p.RetryIf != nil && !p.RetryIf(err) {
		return 0, false
	}
	return wholeSeconds(p.jittered(p.delay(attempt))), true
}

// delay is the full delay after the given failed attempt.
func (p *RetryPolicy) delay(attempt int) time.Duration {
	base, limit, factor := p.Delay, p.MaxDelay, p.Multiplier
	if base == 0 {
		base = defaultDelay
	}
	if limit == 0 {
		limit = defaultMaxDelay
	}
	if factor == 0 {
		factor = 2
		if p.Increment > 0 {
			factor = 1
		}
	}
	d := float64(base)*math.Pow(factor, float64(attempt-1)) + float64(p.Increment)*float64(attempt-1)
	if !(d > 0) { // also for what is no number: the policy of a recorded step may be bad
		return 0
	}
	return time.Duration(min(d, max(float64(limit), 0), float64(maxWait)))
}

func (p *RetryPolicy) jittered(d time.Duration) time.Duration {
	switch p.Jitter {
	case FullJitter:
		return rand.N(d + 1)
	case HalfJitter:
		return d/2 + rand.N(d-d/2+1)
	}
	return d
}

// wholeSeconds rounds to what the service can delay by.
func wholeSeconds(d time.Duration) int64 {
	return min(max(int64(d.Round(time.Second)/time.Second), 1), protocol.MaxWaitSeconds)
}

func (p *RetryPolicy) validate() error { return p.validateAs("RetryPolicy") }

// validateAs is validate for a policy that people know by another name.
func (p *RetryPolicy) validateAs(name string) error {
	switch {
	case p.MaxAttempts < 0:
		return fmt.Errorf("%s.MaxAttempts is %d; it must not be negative", name, p.MaxAttempts)
	case p.Delay < 0 || p.Increment < 0 || p.MaxDelay < 0:
		return fmt.Errorf("%s has a negative duration", name)
	case math.IsNaN(p.Multiplier) || math.IsInf(p.Multiplier, 0) || p.Multiplier < 0:
		return fmt.Errorf("%s.Multiplier is %v; it must be a finite number that is not negative", name, p.Multiplier)
	case p.Jitter < FullJitter || p.Jitter > NoJitter:
		return fmt.Errorf("%s.Jitter is %d; use FullJitter, HalfJitter or NoJitter", name, p.Jitter)
	}
	return nil
}
