package durable

import (
	"context"
	"errors"

	"github.com/perdure/perdure/protocol"
)

var waitForCallbackKind = &kind{call: "durable.WaitForCallback", typ: protocol.TypeContext,
	subType: protocol.SubTypeWaitForCallback}

// WaitForCallback makes a callback, lets submit give its id to somebody who will complete it, and returns the
// result that they send. It is recorded as a child context with the callback and a step, the submitter, in it:
// under the name "approve" they are called "approve-callback" and "approve-submitter".
//
// The submitter starts once the callback's id is durable. It is a [Step]: if it fails it is retried by the policy
// of [WithRetry], and when that gives up the error wraps one of [KindSubmitter]. It may run again after a crash,
// under the same [IdempotencyKey]. Then the execution is suspended, unless other code of it runs, until the
// callback is completed; if that happens sooner, the submitter still runs to its end. Once all of that is recorded,
// later runs return the result, or the error, without running submit.
//
// The error is an [*OperationError] as from [Callback.Result], and so are decoding and limits; [WithTimeout] and
// [WithHeartbeat] are the callback's, as with [CreateCallback]. The name is as for [Step].
func WaitForCallback[T any](ctx Context, name string, submit func(ctx context.Context, callbackID string) error,
	opts ...WaitForCallbackOption) (T, error) {
	var zero T
	cfg, bad := newWaitForCallbackConfig(opts)
	switch {
	case submit == nil:
		bad = errNilSubmitter
	case bad == nil:
		bad = checkSent[T](cfg.serdes, waitForCallbackKind, name)
	}
	o, err := waitForCallbackKind.begin(ctx, name, bad)
	if err != nil {
		return zero, err
	}
	defer o.end()
	payload := ""
	if op := o.known.op; op != nil && op.Status == protocol.StatusSucceeded && !op.ReplayChildren {
		if op.Payload != nil {
			payload = *op.Payload
		}
	} else if payload, err = o.submitAndWait(cfg, stubbed(&o, submit)); err != nil {
		return zero, err
	}
	return decodeCallback[T](&o, cfg.serdes, &payload)
}

// submitAndWait returns the sent result, which is also recorded as the context's result: unchanged, so that no
// Serdes has to write what it read.
func (o *operation) submitAndWait(cfg *callbackConfig, submit func(context.Context, string) error) (string, error) {
	var payload string
	run := newChildRun(o)
	run.wrap = func(obj *protocol.ErrorObject) error {
		return &OperationError{Kind: protocol.SubTypeCallback, Name: o.name, Err: o.scope.run.cfg.errors.decode(obj)}
	}
	err := run.do(func(s *scope) (string, error) {
		sent, err := s.submitAndWait(cfg, submit)
		if err == nil && sent != nil {
			payload = *sent
		}
		return payload, err
	})
	return payload, err
}

func (s *scope) submitAndWait(cfg *callbackConfig, submit func(context.Context, string) error) (*string, error) {
	callback, err := callbackKind.begin(s, partName(s.name, "callback"), cfg.validate())
	if err != nil {
		return nil, err
	}
	var id string
	if op := callback.known.op; op != nil {
		id = op.CallbackID
	} else {
		id = callback.createCallback(cfg)
	}
	callback.created()
	_, err = Step(s, partName(s.name, "submitter"), func(ctx context.Context) (struct{}, error) {
		if submit == nil { // nil now, though it was not when the context began
			return struct{}{}, errNilSubmitter
		}
		return struct{}{}, submit(ctx, id)
	}, WithRetry(cfg.retry), WithSerdes(JSON))
	if err != nil {
		return nil, submitterFailed(err)
	}
	op, err := callback.completed(s)
	if err != nil {
		return nil, err
	}
	if op.Status != protocol.StatusSucceeded {
		return nil, s.run.cfg.errors.decodeCallback(op)
	}
	return op.Payload, nil
}

var errNilSubmitter = errors.New("the submitter is nil")

// partName is the name of a part of the operation with the given name. It is empty if the operation has no name, or
// one that leaves no room.
func partName(name, part string) string {
	if name == "" || len(name)+1+len(part) > protocol.MaxName {
		return ""
	}
	return name + "-" + part
}

func submitterFailed(err error) error {
	if step, ok := err.(*OperationError); ok {
		return &OperationError{Kind: KindSubmitter, Attempts: step.Attempts, Err: step.Err}
	}
	return err
}

// WaitForCallbackOption changes one [WaitForCallback].
type WaitForCallbackOption interface{ applyWaitForCallback(*callbackConfig) }

func newWaitForCallbackConfig(opts []WaitForCallbackOption) (*callbackConfig, error) {
	if len(opts) == 0 {
		return &defaultCallback, nil
	}
	cfg := new(callbackConfig)
	if err := applyOptions(cfg, opts, WaitForCallbackOption.applyWaitForCallback); err != nil {
		return cfg, err
	}
	return cfg, errors.Join(cfg.validate(), cfg.retry.Validate())
}
