package durable

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perdure/perdure/protocol"
)

var conditionKind = &kind{call: "durable.WaitForCondition", typ: protocol.TypeStep, subType: protocol.SubTypeWaitForCondition}

// WaitForCondition calls check until it reports that it is done, and returns
// the last state. Between calls the execution is suspended, unless other code
// of it runs. The state begins as initial; what each call returns is recorded
// and given to the next, so it can carry what is known so far.
//
// How often and for how long it asks is the [PollPolicy] of [WithPolling]: by
// default 60 times, after 5 s, then 1.5 times later each time up to 5 minutes,
// with full jitter. When the policy gives up, the [*WaitForConditionError]
// wraps [ErrConditionNotMet]. If check returns an error or panics, that is the
// end too: nothing is retried but the condition. A call that was interrupted is
// made again, from the state it began with.
//
// check is like the body of a [Step]: a plain context, with [Attempt], [Logger]
// and [IdempotencyKey]. It is recorded as one operation, a step with many
// attempts; once that has ended, later runs return the last state, or the
// error, without calling check. The state is at most 1 MiB encoded, on each call; a larger one, or
// one that cannot be encoded, fails the operation. The name is as for [Step].
func WaitForCondition[S any](ctx Context, name string, initial S, check func(ctx context.Context, state S) (next S, done bool, err error), opts ...ConditionOption) (S, error) {
	var zero S
	cfg, bad := newConditionConfig(opts)
	if check == nil {
		bad = errNilFunction
		check = func(context.Context, S) (S, bool, error) { return zero, false, errNilFunction }
	}
	o, err := conditionKind.begin(ctx, name, bad)
	if err != nil {
		return zero, err
	}
	defer o.end()
	op := o.known.op
	switch {
	case op == nil:
		op = &protocol.Operation{}
	case op.Status == protocol.StatusSucceeded:
		return recordedResult[S](o, cfg.serdes), nil
	case op.Status == protocol.StatusFailed:
		return zero, o.notMet(op.Attempt, op.Error)
	}
	c := &condition[S]{operation: &o, id: o.id(), cfg: cfg, state: initial, check: check}
	if op.Payload != nil {
		c.state, c.begun = recordedResult[S](o, cfg.serdes), true
	}
	return c.poll(op)
}

// condition takes one wait for a condition from where it stands to its end.
type condition[S any] struct {
	*operation
	id    string
	cfg   *conditionConfig
	state S
	begun bool // state is as it is recorded, and not as the caller gave it
	check func(context.Context, S) (S, bool, error)
}

func (c *condition[S]) poll(op *protocol.Operation) (S, error) {
	r := c.scope.run
	started := op.Status == protocol.StatusStarted // by an earlier invocation
	for {
		if op.Status == protocol.StatusPending {
			op = c.settle(c.id, op)
		}
		r.rehearsed(c.scope)
		if !started {
			r.hold(c.scope, c.update(c.id, protocol.ActionStart))
		}
		n := op.Attempt + 1
		payload, done, err := c.attempt(n)
		switch {
		case err != nil:
			return c.fail(n, err)
		case done:
			u := c.update(c.id, protocol.ActionSucceed)
			u.Payload = &payload
			r.record(c.scope, u)
			return c.state, nil
		}
		seconds, again, err := c.next(n)
		switch {
		case err != nil:
			return c.fail(n, err)
		case !again:
			return c.fail(n, ErrConditionNotMet)
		}
		u := c.update(c.id, protocol.ActionRetry)
		u.Payload = &payload
		u.StepOptions = &protocol.StepOptions{NextAttemptDelaySeconds: seconds}
		r.send(c.scope, u)
		op, started = c.settle(c.id, nil), false
	}
}

// attempt makes one call of check; the state becomes what it returned.
func (c *condition[S]) attempt(n int) (payload string, done bool, err error) {
	ctx := c.body(c.id, n)
	payload, err = c.attempted(ctx, func() (string, error) {
		if err := c.prepare(ctx); err != nil {
			return "", err
		}
		next, ok, err := c.check(ctx, c.state)
		if err != nil {
			return "", err
		}
		done = ok
		payload, err := c.keep(ctx, next)
		if err == nil && len(payload) > protocol.MaxPayload {
			err = &LimitError{What: c.what(), Size: len(payload), Limit: protocol.MaxPayload}
		}
		return payload, err
	})
	c.scope.run.checkInvocation()
	return payload, done, err
}

func (c *condition[S]) what() string { return "the state of " + c.describe(c.name) }

// prepare makes of the first state what check would get of it later.
func (c *condition[S]) prepare(ctx context.Context) error {
	if c.begun {
		return nil
	}
	err := checkType[S](c.serdes(c.cfg.serdes), recorded, c.what())
	if err == nil {
		_, err = c.keep(ctx, c.state)
	}
	return err
}

// keep takes a state as it will be read, and returns it encoded.
func (c *condition[S]) keep(ctx context.Context, state S) (payload string, err error) {
	payload, c.state, err = encodeValue(ctx, c.serdes(c.cfg.serdes), c.what(), state)
	c.begun = true
	return payload, err
}

func (c *condition[S]) next(n int) (seconds int64, again bool, err error) {
	err = c.ask("poll policy", func() { seconds, again = c.cfg.polling.next(n) })
	return seconds, again, err
}

func (c *condition[S]) fail(n int, cause error) (S, error) {
	var zero S
	u := c.update(c.id, protocol.ActionFail)
	u.Error = c.scope.run.cfg.errors.encode(cause)
	c.scope.run.record(c.scope, u)
	return zero, c.notMet(n, u.Error)
}

func (o *operation) notMet(attempts int, obj *protocol.ErrorObject) error {
	return &WaitForConditionError{Name: o.name, Attempts: attempts, Err: o.scope.run.cfg.errors.decode(obj)}
}

// ErrConditionNotMet is in the chain of a [*WaitForConditionError] if its
// [PollPolicy] gave up.
var ErrConditionNotMet = errors.New("the condition was not met")

// WaitForConditionError is returned by [WaitForCondition] when it gave up, or
// when its function failed. It wraps the cause as it was recorded: a
// [*RecordedError].
type WaitForConditionError struct {
	Name     string
	Attempts int // calls of the function
	Err      error
}

func (e *WaitForConditionError) Error() string {
	return fmt.Sprintf("waiting for condition %q ended at attempt %d: %v", e.Name, e.Attempts, e.Err)
}

// Unwrap returns the cause.
func (e *WaitForConditionError) Unwrap() error { return e.Err }

// PollPolicy says how often [WaitForCondition] asks. The zero value asks at
// most 60 times, 5 s after the first time, then 1.5 times later each time up to
// 5 minutes, with full jitter. The service measures the delay, in whole seconds
// and at least one.
type PollPolicy struct {
	// MaxAttempts counts the first attempt too; 0 is 60.
	MaxAttempts int
	// Delay comes before the second attempt; 0 is 5 s.
	Delay time.Duration
	// Multiplier is applied to the delay after each attempt; 0 is 1.5.
	Multiplier float64
	// MaxDelay bounds the delay; 0 is 5 minutes.
	MaxDelay time.Duration
	// Jitter spreads the attempts of many executions; the zero value is FullJitter.
	Jitter Jitter
	// Decide, if set, replaces everything above: attempt is the number of the
	// attempt that was made, from 1.
	Decide func(attempt int) (delay time.Duration, again bool)
}

// FixedPolling asks at most the given number of times, always the same time
// apart.
func FixedPolling(attempts int, delay time.Duration) PollPolicy {
	return PollPolicy{MaxAttempts: attempts, Delay: delay, Multiplier: 1, MaxDelay: delay, Jitter: NoJitter}
}

const (
	defaultPolls        = 60
	defaultPollFactor   = 1.5
	defaultMaxPollDelay = 5 * time.Minute
)

// next decides after the given attempt: seconds until the next, or false.
func (p *PollPolicy) next(attempt int) (seconds int64, again bool) {
	if p.Decide != nil {
		delay, again := p.Decide(attempt)
		return wholeSeconds(delay), again
	}
	backoff := p.backoff()
	return backoff.next(nil, attempt)
}

// backoff is the policy as one for retries, whose defaults differ.
func (p *PollPolicy) backoff() RetryPolicy {
	b := RetryPolicy{MaxAttempts: p.MaxAttempts, Delay: p.Delay, Multiplier: p.Multiplier, MaxDelay: p.MaxDelay, Jitter: p.Jitter}
	if b.MaxAttempts == 0 {
		b.MaxAttempts = defaultPolls
	}
	if b.Multiplier == 0 {
		b.Multiplier = defaultPollFactor
	}
	if b.MaxDelay == 0 {
		b.MaxDelay = defaultMaxPollDelay
	}
	return b
}

func (p *PollPolicy) validate() error {
	backoff := p.backoff()
	return backoff.validateAs("PollPolicy")
}

// ConditionOption changes one [WaitForCondition].
type ConditionOption interface{ applyCondition(*conditionConfig) }

// WithPolling sets how often [WaitForCondition] asks.
func WithPolling(policy PollPolicy) ConditionOption { return pollingOption(policy) }

type pollingOption PollPolicy

func (o pollingOption) applyCondition(c *conditionConfig) { c.polling = PollPolicy(o) }

type conditionConfig struct {
	polling PollPolicy
	serdes  Serdes
}

var defaultCondition conditionConfig

func newConditionConfig(opts []ConditionOption) (*conditionConfig, error) {
	if len(opts) == 0 {
		return &defaultCondition, nil
	}
	cfg := new(conditionConfig)
	if err := applyOptions(cfg, opts, ConditionOption.applyCondition); err != nil {
		return cfg, err
	}
	return cfg, cfg.polling.validate()
}
