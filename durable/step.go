package durable

import (
	"context"
	"errors"

	"github.com/perdure/perdure/internal/wire"
)

var stepKind = &kind{call: "durable.Step", typ: wire.TypeStep, subType: wire.SubTypeStep}

// Step runs fn and records its result; everything with a side effect, and
// everything that could differ from run to run, belongs in a step. Once the
// result is recorded, later runs return it without running fn.
//
// fn gets a plain context, so it cannot call durable operations. The context
// knows the attempt ([Attempt]), a logger ([Logger]) and a key to give to other
// services ([IdempotencyKey]), and ends when the invocation ends.
//
// If fn returns an error or panics, the attempt failed, and the step's
// [RetryPolicy] decides about another one; between attempts the execution is
// suspended. When it gives up, Step returns a [*StepError], which is recorded
// too: later runs return it without running fn. fn runs again if
// the function crashes before its end was recorded, unless
// [AtMostOncePerRetry] is given. An attempt hears nothing of the one before; work
// that goes on where the last attempt stopped is a [WaitForCondition].
//
// With [WithTimeout] each attempt has a time after which its context ends. If
// fn then returns an error, the attempt failed with a [*StepTimeoutError]; fn
// must heed its context, for nothing else ends it.
//
// The name identifies the step in histories and in messages: printable ASCII,
// at most 256 bytes; it may be empty. The result is at most 1 MiB encoded;
// a larger one fails the step with a [*LimitError]. A result or an error that
// cannot be encoded fails it too, without a retry.
func Step[T any](ctx Context, name string, fn func(context.Context) (T, error), opts ...StepOption) (T, error) {
	var zero T
	if fn == nil {
		return zero, stepKind.errorf(name, "the function is nil")
	}
	cfg, err := newStepConfig(opts)
	if err != nil {
		return zero, stepKind.errorf(name, "%w", err)
	}
	o, err := stepKind.as(cfg.subType).begin(ctx, name)
	if err != nil {
		return zero, err
	}
	if op := o.known.op; op != nil && op.Status == wire.StatusSucceeded {
		v := recordedResult[T](o, cfg.serdes)
		o.end()
		return v, nil
	}
	return liveStep(o, cfg, fn)
}

// liveStep is Step unless the result was recorded: what its closures capture
// must not cost replay an allocation.
func liveStep[T any](o operation, cfg *stepConfig, fn func(context.Context) (T, error)) (T, error) {
	defer o.end()
	var result T
	serdes, what := o.serdes(cfg.serdes), o.result()
	run := &stepRun{operation: &o, id: o.id(), cfg: cfg}
	err := run.do(func(ctx context.Context) (payload string, err error) {
		v, err := fn(ctx)
		if err != nil {
			return "", err
		}
		payload, result, err = encodeValue(ctx, serdes, what, v)
		if err == nil && len(payload) > wire.MaxPayload {
			err = &LimitError{What: what, Size: len(payload), Limit: wire.MaxPayload}
		}
		return payload, err
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return result, nil
}

// stepRun takes one step from where it stands to its end.
type stepRun struct {
	*operation
	id  string
	cfg *stepConfig
}

// do returns when the step has closed: nil, or a *StepError. It does not
// return if the run suspends first. body runs one attempt and encodes its
// result.
func (s *stepRun) do(body func(context.Context) (string, error)) error {
	op, r := s.known.op, s.scope.run
	if op == nil {
		op = &Operation{ID: s.id}
	}
	started := op.Status == wire.StatusStarted // by an earlier invocation
	for op.Status != wire.StatusFailed {
		if op.Status == wire.StatusPending {
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
	return &StepError{Name: s.name, Attempts: op.Attempt, Err: r.cfg.errors.decode(op.Error)}
}

// attempt makes one attempt, and records that it starts unless it did.
func (s *stepRun) attempt(n int, started bool, body func(context.Context) (string, error)) (string, error) {
	r := s.scope.run
	r.rehearsed(s.scope)
	switch counted := s.cfg.semantics == AtMostOncePerRetry || s.budget() > 0; {
	case counted && started:
		return "", &StepInterruptedError{Name: s.name, Attempt: n}
	case counted:
		r.record(s.scope, s.update(s.id, wire.ActionStart))
	case !started:
		r.hold(s.scope, s.update(s.id, wire.ActionStart))
	}
	payload, err := s.call(n, body)
	r.checkInvocation()
	return payload, err
}

// call runs body as attempt n, for no longer than it may take.
func (s *stepRun) call(n int, body func(context.Context) (string, error)) (string, error) {
	ctx := s.body(s.id, n)
	return s.attempted(ctx, func() (string, error) {
		if s.cfg.timeout == nil {
			return body(ctx)
		}
		return s.timed(ctx, body)
	})
}

// timed is call for a body that has only so much time.
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

// budget is how many attempts may begin; 0 is no limit.
func (s *stepRun) budget() int {
	if s.cfg.budget != nil {
		return *s.cfg.budget
	}
	return s.settings().budget
}

func (s *stepRun) succeed(payload string) error {
	u := s.update(s.id, wire.ActionSucceed)
	u.Payload = &payload
	s.scope.run.record(s.scope, u)
	return nil
}

// failed records that attempt n failed. It returns nil if there will be another.
func (s *stepRun) failed(cause error, n int) error {
	r := s.scope.run
	obj := r.cfg.errors.encode(cause)
	if seconds, retry := s.retry(cause, n); retry {
		u := s.update(s.id, wire.ActionRetry)
		u.Error = obj
		u.StepOptions = &wire.StepOptions{NextAttemptDelaySeconds: seconds}
		r.send(s.scope, u)
		return nil
	}
	u := s.update(s.id, wire.ActionFail)
	u.Error = obj
	r.record(s.scope, u)
	return &StepError{Name: s.name, Attempts: n, Err: r.cfg.errors.decode(obj)}
}

// retry asks the policy about attempt n. What the SDK itself refuses would be
// refused again.
func (s *stepRun) retry(cause error, n int) (seconds int64, retry bool) {
	var serdes *SerdesError
	var limit *LimitError
	if errors.As(cause, &serdes) || errors.As(cause, &limit) {
		return 0, false
	}
	if budget := s.budget(); budget > 0 {
		_, interrupted := cause.(*StepInterruptedError)
		switch {
		case n >= budget:
			return 0, false
		case interrupted && s.cfg.semantics == AtLeastOncePerRetry:
			return wholeSeconds(s.cfg.retry.jittered(s.cfg.retry.delay(n))), true
		}
	}
	s.ask("retry policy", func() { seconds, retry = s.cfg.retry.next(cause, n) })
	return seconds, retry
}
