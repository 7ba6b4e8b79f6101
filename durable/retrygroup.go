package durable

import (
	"fmt"
	"time"

	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

// RetryGroupOption changes one group of operations that is retried; see [Retry].
type RetryGroupOption interface{ applyGroup(*groupConfig) }

type groupConfig struct {
	retry   retry.Policy
	attempt []ChildOption // of each attempt's context
}

func (o retryOption) applyGroup(c *groupConfig)   { c.retry = retry.Policy(o) }
func (o serdesOption) applyGroup(c *groupConfig)  { c.attempt = append(c.attempt, o) }
func (o virtualOption) applyGroup(c *groupConfig) { c.attempt = append(c.attempt, o) }

var groupKind = &kind{call: "durable.Retry", typ: protocol.TypeContext, subType: protocol.SubTypeRunInChildContext}

// Retry runs fn, which may use any operations, until it succeeds. Use it where retries of one step do not help,
// because the results of earlier steps have to be fetched anew. attempt counts from 1.
//
// Each attempt is a child context called <name>-attempt-1, <name>-attempt-2, …, and between them are waits called
// <name>-backoff-1, …, all in the context of the call; with [WithVirtual] only the attempts' operations are
// recorded. [WithRetry] decides how often and when; each decision is recorded by the wait, so the policy may be
// changed at any time. It gets the recorded error, so [retry.Policy.RetryIf] finds the types declared with
// [WithErrors].
//
// After the last attempt, the error is a [*OperationError]. Retry has no record of its own: later runs take each
// attempt from its record, as [RunInChildContext] does.
func Retry[T any](ctx Context, name string, fn func(ctx Context, attempt int) (T, error), opts ...RetryGroupOption) (T, error) {
	var zero T
	cfg := new(groupConfig)
	if bad := cfg.apply(name, fn == nil, opts); bad != nil {
		if err := refuseGroup(ctx, name, bad); err != nil {
			return zero, err
		}
	}
	for attempt := 1; ; attempt++ {
		v, err := RunInChildContext(ctx, fmt.Sprintf("%s-attempt-%d", name, attempt), func(ctx Context) (T, error) {
			if fn == nil { // nil now, though it was not when Retry began
				return zero, errNilFunction
			}
			return fn(ctx, attempt)
		}, cfg.attempt...)
		if _, failed := err.(*OperationError); !failed {
			return v, err
		}
		backoff := fmt.Sprintf("%s-backoff-%d", name, attempt)
		d, retry := cfg.next(ctx, name, backoff, err, attempt)
		if !retry {
			return zero, &OperationError{Kind: KindRetry, Name: name, Attempts: attempt, Err: err}
		}
		if err := Wait(ctx, backoff, d); err != nil {
			return zero, err
		}
	}
}

// refuseGroup is the error of a Retry with bad arguments, unless its first attempt was recorded. Like any call it
// takes a number.
func refuseGroup(ctx Context, name string, bad error) error {
	s, err := groupKind.enter(ctx, name)
	if err != nil {
		return err
	}
	defer s.busy.Store(false)
	if s.peek().op != nil || s.run.history.contexts[childID(s.id, s.count+1)] != nil {
		return nil
	}
	s.count++
	return groupKind.errorf(name, "%w", bad)
}

func (c *groupConfig) apply(name string, noFunc bool, opts []RetryGroupOption) error {
	if err := applyOptions(c, opts, RetryGroupOption.applyGroup); err != nil {
		return err
	}
	if noFunc {
		return errNilFunction
	}
	if err := validateName(name + "-attempt-9999"); err != nil {
		return err
	}
	return c.retry.Validate()
}

// next is the wait after the given attempt, which failed with err: the recorded one, else the policy's.
func (c *groupConfig) next(ctx Context, name, backoff string, err error, attempt int) (wait time.Duration, retry bool) {
	s := scopeOf(ctx)
	if op := s.peek().op; op != nil || s.sealing != open {
		return time.Second, op != nil && op.Type == protocol.TypeWait && op.Name == backoff
	}
	if isHopeless(err) {
		return 0, false
	}
	var seconds int64
	o := operation{kind: groupKind, scope: s, name: name}
	if failed := o.ask("retry policy", func() { seconds, retry = nextAttempt(c.retry, err, attempt) }); failed != nil {
		// This is not recorded, so Retry must not return it.
		safely(func() { ctx.Logger().Error("there will be no further attempt", "error", failed) })
	}
	return time.Duration(seconds) * time.Second, retry
}
