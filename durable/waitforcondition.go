package durable

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

var conditionKind = &kind{call: "durable.WaitForCondition", typ: protocol.TypeStep,
	subType: protocol.SubTypeWaitForCondition}

// WaitForCondition calls check until that reports that it is done, and returns the last state. Between calls the
// execution is suspended, unless other code of it runs. The state begins as initial; the result of each call is
// recorded and given to the next.
//
// The policy of [WithPolling] says how often and for how long: by default 60 times, after 5 s, then 1.5 times later
// each time up to 5 minutes, with full jitter. When the policy gives up, the [*OperationError] wraps
// [ErrConditionNotMet]. If check returns an error or panics, that is the end too; there are no retries. A call that
// was interrupted is made again, with the same state.
//
// check is like the body of a [Step]: a plain context, with [Attempt], [Logger] and [IdempotencyKey]. All is
// recorded as one operation, a step with many attempts; once that has ended, later runs return the last state, or
// the error, without calling check. The state is at most 1 MiB encoded, on each call; a larger one, or one that
// cannot be encoded, fails the operation. The name is as for [Step].
func WaitForCondition[S any](ctx Context, name string, initial S,
	check func(ctx context.Context, state S) (next S, done bool, err error), opts ...ConditionOption) (S, error) {
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
	c := &condition[S]{operation: &o, id: o.id(), cfg: cfg, state: initial, check: stubbed(&o, check)}
	if op.Payload != nil {
		c.state, c.begun = recordedResult[S](o, cfg.serdes), true
	}
	return c.poll(op)
}

// condition runs one wait for a condition from its present state to its end.
type condition[S any] struct {
	*operation
	id    string
	cfg   *conditionConfig
	state S
	begun bool // state is the recorded one, not the caller's
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

// attempt makes one call of check, and keeps its state.
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
		return payload, fits(c.what(), payload, err)
	})
	c.scope.run.checkInvocation()
	return payload, done, err
}

func (c *condition[S]) what() string { return "the state of " + c.describe(c.name) }

// prepare turns the first state into the value that check would get later.
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

// keep takes over a state as it will be read, and returns it encoded.
func (c *condition[S]) keep(ctx context.Context, state S) (payload string, err error) {
	payload, c.state, err = encodeValue(ctx, c.serdes(c.cfg.serdes), c.what(), state)
	c.begun = true
	return payload, err
}

func (c *condition[S]) next(n int) (seconds int64, again bool, err error) {
	err = c.ask("poll policy", func() { seconds, again = nextAttempt(polls(c.cfg.polling), ErrConditionNotMet, n) })
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
	return &OperationError{Kind: protocol.SubTypeWaitForCondition, Name: o.name, Attempts: attempts,
		Err: o.scope.run.cfg.errors.decode(obj)}
}

// ErrConditionNotMet says that the policy of a [WaitForCondition] gave up.
var ErrConditionNotMet = errors.New("the condition was not met")

// polls is the policy with the defaults of polling.
func polls(p retry.Policy) retry.Policy {
	p.MaxAttempts = cmp.Or(p.MaxAttempts, 60)
	p.MaxDelay = cmp.Or(p.MaxDelay, 5*time.Minute)
	if p.Increment == 0 {
		p.Multiplier = cmp.Or(p.Multiplier, 1.5)
	}
	return p
}

// ConditionOption changes one [WaitForCondition].
type ConditionOption interface{ applyCondition(*conditionConfig) }

// WithPolling sets how often [WaitForCondition] polls. An attempt is a call of its function that was not done; for
// [retry.Policy.RetryIf] and Decide it failed with [ErrConditionNotMet].
func WithPolling(policy retry.Policy) ConditionOption { return pollingOption(policy) }

type pollingOption retry.Policy

func (o pollingOption) applyCondition(c *conditionConfig) { c.polling = retry.Policy(o) }

type conditionConfig struct {
	polling retry.Policy
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
	return cfg, cfg.polling.Validate()
}
