package durable

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// SagaOption changes one saga; see [RunSaga].
type SagaOption interface{ applySaga(*childConfig) }

// Saga collects how to undo what a [RunSaga] has done so far.
type Saga struct {
	compensations []compensation
}

type compensation struct {
	name string
	fn   func(context.Context) error
	opts []StepOption
}

// Compensate adds fn to undo a part: if the saga fails it runs as a [Step] with the given name and options, before
// all that were added earlier. If a step may take effect and still fail, add its compensation before it; fn must
// then cope with nothing to undo.
func (s *Saga) Compensate(name string, fn func(context.Context) error, opts ...StepOption) {
	s.compensations = append(s.compensations, compensation{name, fn, opts})
}

// RunSaga runs fn as [RunInChildContext] does. If fn returns an error or panics, the functions added with
// [Saga.Compensate] run first, in reverse order, each as a step with its retries, recorded in the same context. The
// error is the one of fn, in an [*OperationError]. If compensations failed for good, the others ran nevertheless,
// and the error wraps a [*CompensationError].
//
// A suspension or a crash is no failure: fn goes on from where it was, and so do compensations. A saga does not
// compensate if it is canceled with its future, or abandoned, or if its execution is stopped or times out: nothing
// runs then. So it takes no [WithTimeout]; to bound a part, give the timeout to a child context inside.
func RunSaga[T any](ctx Context, name string, fn func(Context, *Saga) (T, error), opts ...SagaOption) (T, error) {
	cfg, bad := newChildConfig(opts, SagaOption.applySaga)
	if fn == nil {
		bad = errNilFunction
	}
	return childOf(ctx, sagaKind, name, cfg, func(ctx Context) (result T, err error) {
		saga := new(Saga)
		_, err = recovered(func() (_ string, err error) {
			result, err = fn(ctx, saga)
			return "", err
		})
		if err != nil {
			err = saga.compensate(ctx, err)
		}
		return result, err
	}, bad)
}

var sagaKind = &kind{call: "durable.RunSaga", typ: protocol.TypeContext, subType: protocol.SubTypeRunInChildContext}

func (s *Saga) compensate(ctx Context, cause error) error {
	failed := &CompensationError{Err: cause}
	for i := len(s.compensations) - 1; i >= 0; i-- {
		c := s.compensations[i]
		if _, err := Step(ctx, c.name, c.body(), append(slices.Clip(c.opts), WithSerdes(JSON))...); err != nil {
			failed.Failed = append(failed.Failed, err.Error())
		}
	}
	if len(failed.Failed) > 0 {
		return failed
	}
	return cause
}

func (c *compensation) body() func(context.Context) (struct{}, error) {
	if c.fn == nil {
		return nil // Step says so
	}
	return func(ctx context.Context) (struct{}, error) { return struct{}{}, c.fn(ctx) }
}

// CompensationError says that a saga failed and was not undone completely. It wraps the error of the saga.
type CompensationError struct {
	Err    error
	Failed []string // the errors of the compensations
}

func (e *CompensationError) Error() string {
	return fmt.Sprintf("%v; and was not undone completely: %s", e.Err, strings.Join(e.Failed, "; "))
}

// Unwrap returns the error of the saga.
func (e *CompensationError) Unwrap() error { return e.Err }
