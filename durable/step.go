package durable

import (
	"context"
	"fmt"

	"github.com/perdure/perdure/protocol"
)

var stepKind = &kind{call: "durable.Step", typ: protocol.TypeStep, subType: protocol.SubTypeStep}

// Step runs fn and records its result. Put all side effects, and everything that could differ from run to run, into
// steps. Once the result is recorded, later runs return it without running fn.
//
// fn gets a plain context, so it cannot call durable operations. The context knows the attempt ([Attempt]), a
// logger ([Logger]) and a key to give to other services ([IdempotencyKey]), and ends when the invocation ends.
//
// If fn returns an error or panics, the attempt failed, and the step's [retry.Policy] decides about another one;
// between attempts the execution is suspended. When it gives up, Step returns an [*OperationError], which is
// recorded, too: later runs return it without running fn. fn runs again if the function crashes before its end was
// recorded, unless [WithAtMostOncePerRetry] is given. An attempt does not know the state of the one before; if work
// goes on where the last attempt stopped, use [WaitForCondition].
//
// With [WithTimeout] the context of each attempt ends after a time. If fn then returns an error, the attempt failed
// with a [*StepTimeoutError]; fn must heed its context, for nothing else ends it.
//
// The name identifies the step in histories and in messages: printable ASCII, at most 256 bytes; it may be empty.
// The result is at most 1 MiB encoded; a larger one fails the step with a [*LimitError]. A result that cannot be
// recorded and read again fails it, too, with a [*SerdesError] and without a retry: before fn runs if the type
// alone tells, as for interfaces other than any, channels and functions. Step returns the result as its [Serdes]
// reads it, on the first run, too, so that every run gets the same.
//
// A name or an option that breaks a rule is an error of the first run only, as for every operation: after that the
// record counts.
func Step[T any](ctx Context, name string, fn func(context.Context) (T, error), opts ...StepOption) (T, error) {
	cfg, bad := newStepConfig(opts)
	if fn == nil {
		bad, fn = errNilFunction, missing[context.Context, T]
	}
	o, err := stepKind.as(cfg.subType).begin(ctx, name, bad)
	if err != nil {
		var zero T
		return zero, err
	}
	if op := o.known.op; op != nil && op.Status == protocol.StatusSucceeded {
		v := recordedResult[T](o, cfg.serdes)
		o.end()
		return v, nil
	}
	return liveStep(o, cfg, fn)
}

// liveStep is Step without a recorded result. It is a function of its own so that its closures cost replay no
// allocation.
func liveStep[T any](o operation, cfg *stepConfig, fn func(context.Context) (T, error)) (T, error) {
	defer o.end()
	var result T
	fn = stubbed(&o, fn)
	serdes, what := o.serdes(cfg.serdes), o.result()
	run := &stepRun{operation: &o, id: o.id(), cfg: cfg}
	err := run.do(func(ctx context.Context) (payload string, err error) {
		if err := checkType[T](serdes, recorded, what); err != nil {
			return "", err
		}
		v, err := fn(ctx)
		if err != nil {
			return "", err
		}
		payload, result, err = encodeValue(ctx, serdes, what, v)
		return payload, fits(what, payload, err)
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return result, nil
}

// stepRun runs one step from its present state to its end.
type stepRun struct {
	*operation
	id  string
	cfg *stepConfig
}

// do returns when the step has closed: nil, or an *OperationError. It does not return if the run suspends first.
// body runs one attempt and encodes its result.
func (s *stepRun) do(body func(context.Context) (string, error)) error {
	op, r := s.known.op, s.scope.run
	if op == nil {
		op = &protocol.Operation{ID: s.id}
	}
	started := op.Status == protocol.StatusStarted // by an earlier invocation
	for op.Status != protocol.StatusFailed {
		if op.Status == protocol.StatusPending {
			op = s.settle(s.id, op)
			continue
		}
		payload, err := s.attempt(op.Attempt+1, started, body)
		if err == nil {
			return s.succeed(payload)
		}
		if done := s.failed(err, op.Attempt+1); done != nil {
			return done
		}
		op, started = s.settle(s.id, nil), false
	}
	return &OperationError{Kind: protocol.SubTypeStep, Name: s.name, Attempts: op.Attempt,
		Err: r.cfg.errors.decode(op.Error)}
}

// attempt makes one attempt, and records its start if that is not recorded.
func (s *stepRun) attempt(n int, started bool, body func(context.Context) (string, error)) (string, error) {
	r := s.scope.run
	r.rehearsed(s.scope)
	counted := s.cfg.atMostOnce || s.budget() > 0
	switch {
	case counted && started:
		return "", &StepInterruptedError{Name: s.name, Attempt: n}
	case counted:
		r.record(s.scope, s.update(s.id, protocol.ActionStart))
		r.checkEnded() // a body is more than code between operations
	case !started:
		r.hold(s.scope, s.update(s.id, protocol.ActionStart))
	}
	payload, err := s.call(n, counted, body)
	r.checkInvocation()
	return payload, err
}

// call runs body as attempt n, within its timeout.
func (s *stepRun) call(n int, once bool, body func(context.Context) (string, error)) (string, error) {
	ctx := s.body(s.id, n)
	ctx.once = once
	return s.attempted(ctx, func() (string, error) {
		if s.cfg.timeout == nil {
			return body(ctx)
		}
		return s.timed(ctx, body)
	})
}

// timed is call for a body with a timeout.
func (s *stepRun) timed(ctx *bodyContext, body func(context.Context) (string, error)) (string, error) {
	tooLong := &StepTimeoutError{Name: s.name, Attempt: ctx.attempt, Timeout: *s.cfg.timeout}
	timed, cancel := context.WithTimeoutCause(ctx.Context, tooLong.Timeout, tooLong)
	defer cancel()
	ctx.Context = timed
	payload, err := recovered(func() (string, error) { return body(ctx) })
	if err != nil && context.Cause(timed) == tooLong {
		tooLong.Message = message(err)
		err = tooLong
	}
	return payload, err
}

// budget is the number of attempts that may begin; 0 is no limit.
func (s *stepRun) budget() int {
	if s.cfg.budget != nil {
		return max(*s.cfg.budget, 1)
	}
	return s.settings().budget
}

func (s *stepRun) succeed(payload string) error {
	u := s.update(s.id, protocol.ActionSucceed)
	u.Payload = &payload
	s.scope.run.record(s.scope, u)
	return nil
}

// failed records the failure of attempt n. It returns nil if there will be another.
func (s *stepRun) failed(cause error, n int) error {
	r := s.scope.run
	seconds, retry, undecided := s.retry(cause, n)
	if undecided != nil {
		cause = fmt.Errorf("%w; %w", cause, undecided)
	}
	obj := r.cfg.errors.encode(cause)
	if retry {
		u := s.update(s.id, protocol.ActionRetry)
		u.Error = obj
		u.StepOptions = &protocol.StepOptions{NextAttemptDelaySeconds: seconds}
		r.send(s.scope, u)
		return nil
	}
	u := s.update(s.id, protocol.ActionFail)
	u.Error = obj
	r.record(s.scope, u)
	return &OperationError{Kind: protocol.SubTypeStep, Name: s.name, Attempts: n, Err: r.cfg.errors.decode(obj)}
}

// retry asks the policy about attempt n. A policy that panics decides against another one. A refusal by the SDK
// itself would only repeat.
func (s *stepRun) retry(cause error, n int) (seconds int64, retry bool, undecided error) {
	if isHopeless(cause) {
		return 0, false, nil
	}
	if budget := s.budget(); budget > 0 {
		_, interrupted := cause.(*StepInterruptedError)
		switch {
		case n >= budget:
			return 0, false, nil
		case interrupted && !s.cfg.atMostOnce:
			return wholeSeconds(s.cfg.retry.Backoff(n)), true, nil
		}
	}
	undecided = s.ask("retry policy", func() { seconds, retry = nextAttempt(s.cfg.retry, cause, n) })
	return seconds, retry, undecided
}

// isHopeless reports whether the SDK refused a value and would again.
func isHopeless(err error) bool {
	_, serdes := inChain[*SerdesError](err)
	_, limit := inChain[*LimitError](err)
	return serdes || limit
}
