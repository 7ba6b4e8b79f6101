package durable

import (
	"errors"
	"fmt"
	"time"

	"github.com/perdure/perdure/protocol"
)

var childKind = &kind{call: "durable.RunInChildContext", typ: protocol.TypeContext,
	subType: protocol.SubTypeRunInChildContext}

// RunInChildContext runs fn with a context of its own, whose operations are numbered apart, and records its result.
// Once it has closed, later runs return its result or error without running fn: a part of a workflow becomes one
// operation, its history is left behind, and code may move in and out of it without moving later operations.
//
// fn runs again with every invocation until it returns. It must use only the context that it gets, and only while
// it runs. If it returns an error or panics, RunInChildContext returns an [*OperationError], or the result of
// [WithErrorMapping]; nothing is retried. [WithTimeout] bounds the time until it returns, over all invocations and
// by the service's clock. When that passes, fn's context ends and fn ends at its next operation; the error wraps a
// [*DeadlineError].
//
// A result of more than 256 KiB encoded is not recorded: replay gets it back by running fn again over its recorded
// operations. [Summarized] records a text for people in its place, and [WithVirtual] records nothing at all. The
// name is as for [Step].
func RunInChildContext[T any](ctx Context, name string, fn func(Context) (T, error), opts ...ChildOption) (T, error) {
	cfg, bad := newChildConfig(opts, ChildOption.applyChild)
	return childOf(ctx, childKind, name, cfg, fn, bad)
}

// childOf is a child context of kind k. bad is the error of its options.
func childOf[T any](ctx Context, k *kind, name string, cfg *childConfig, fn func(Context) (T, error),
	bad error) (T, error) {
	if fn == nil {
		bad, fn = errNilFunction, missing[Context, T]
	}
	o, err := cfg.kind(k).begin(ctx, name, bad)
	if err != nil {
		var zero T
		return zero, err
	}
	if op := o.known.op; op != nil && op.Status == protocol.StatusSucceeded && !op.ReplayChildren {
		v := recordedResult[T](o, cfg.serdes)
		o.end()
		return v, nil
	}
	if cfg.virtual {
		return virtualChild(&o, cfg, fn)
	}
	defer o.end()
	return liveChild(&o, cfg, fn)
}

// liveChild is RunInChildContext unless the result was recorded.
func liveChild[T any](o *operation, cfg *childConfig, fn func(Context) (T, error)) (T, error) {
	if op := o.known.op; cfg.timeout != nil && (op == nil || !op.Status.Closed()) {
		return timedChild(o, cfg, fn)
	}
	return plainChild(o, cfg, fn, nil)
}

// plainChild is liveChild without a deadline, or under one that somebody else watches, who learns by finished that
// fn has returned, before the context closes.
func plainChild[T any](o *operation, cfg *childConfig, fn func(Context) (T, error), finished func()) (T, error) {
	var result T
	what, serdes := o.result(), o.serdes(cfg.serdes)
	run := newChildRun(o)
	run.finished = finished
	err := run.do(func(s *scope) (payload string, err error) {
		if err := checkType[T](serdes, recorded, what); err != nil {
			return "", err
		}
		v, err := fn(s)
		if err != nil {
			return "", err
		}
		payload, result, err = encodeValue(o.body(run.id, 0), serdes, what, v)
		if err == nil && s.summary != nil && s.sealing == open && len(payload) > protocol.MaxInlineResult {
			run.summary = s.summary()
		}
		return payload, err
	})
	if err != nil {
		var zero T
		return zero, cfg.mapped(o, err)
	}
	return result, nil
}

// virtualChild runs fn in a scope without a record: its operations are recorded as the surrounding context's, under
// ids of their own.
func virtualChild[T any](o *operation, cfg *childConfig, fn func(Context) (T, error)) (T, error) {
	r, outer := o.scope.run, o.scope
	s := newScope(o.ctx, r, outer, o.id(), o.name)
	s.within = outer.within
	before := outer.replaying.Load()
	s.replaying.Store(before || s.ranOn())
	var result T
	_, err := o.entered(s, func() (_ string, err error) {
		result, err = fn(s)
		return "", err
	})
	r.checkInvocation()
	s.close(err)
	if s.count > 0 {
		before = s.replaying.Load()
	}
	outer.leaveAs(before || outer.ranOn())
	if err != nil {
		var zero T
		return zero, cfg.mapped(o, r.cfg.errors.contextFailed(o.name, r.cfg.errors.encode(err)))
	}
	return result, nil
}

// childRun runs one child context from its present state to its end.
type childRun struct {
	*operation
	id      string
	summary string                            // in place of a result that is too large
	encode  func(error) *protocol.ErrorObject // makes the record of a failure
	wrap    func(*protocol.ErrorObject) error // makes the error from the record

	large    bool   // never record its result, whatever its size
	finished func() // called before the context closes, if set
}

func newChildRun(o *operation) *childRun {
	codecs := o.scope.run.cfg.errors
	return &childRun{operation: o, id: o.id(), encode: codecs.encode, wrap: func(obj *protocol.ErrorObject) error {
		return codecs.contextFailed(o.name, obj)
	}}
}

// do returns when the context has closed: nil, or the error of its failure. body runs the function in a scope and
// encodes its result.
func (c *childRun) do(body func(*scope) (string, error)) error {
	op, r := c.known.op, c.scope.run
	if op != nil && op.Status == protocol.StatusFailed {
		return c.wrap(op.Error)
	}
	if op == nil {
		r.hold(c.scope, c.update(c.id, protocol.ActionStart))
	}
	s := newScope(c.ctx, r, c.scope, c.id, c.name)
	if op != nil && op.Status.Closed() {
		s.sealing = sealed
		s.replaying.Store(true)
	}
	payload, err := c.entered(s, func() (string, error) { return body(s) })
	r.checkInvocation()
	s.close(err)
	if s.sealing != open {
		return c.rebuilt(err)
	}
	return c.record(payload, err)
}

// rebuilt judges the end of a function that ran again only for its result.
func (c *childRun) rebuilt(err error) error {
	if err != nil {
		c.diverge(c.id, c.shape(), err)
	}
	return nil
}

func (c *childRun) record(payload string, err error) error {
	r := c.scope.run
	if c.finished != nil {
		c.finished()
	}
	if err != nil {
		u := c.update(c.id, protocol.ActionFail)
		u.Error = c.encode(err)
		r.record(c.scope, u)
		return c.wrap(u.Error)
	}
	u := c.update(c.id, protocol.ActionSucceed)
	if c.large || len(payload) > protocol.MaxInlineResult {
		payload = protocol.Shorten(c.summary, protocol.MaxInlineResult)
		u.ContextOptions = &protocol.ContextOptions{ReplayChildren: true}
	}
	u.Payload = &payload
	r.record(c.scope, u)
	return nil
}

// WithVirtual makes a child context without a record. It saves an operation; in return fn runs again on every run,
// over the records of its operations, which belong to the surrounding context. It goes with none of the options
// about the context's record.
func WithVirtual() interface {
	ChildOption
	SagaOption
	RetryGroupOption
} {
	return virtualOption{}
}

type virtualOption struct{}

func (virtualOption) applyChild(c *childConfig) { c.virtual = true }
func (virtualOption) applySaga(c *childConfig)  { c.virtual = true }

// Summarized is fn with a text for people who read the history. If the result is too large to be recorded,
// summarize makes the text from it, and that is recorded in its place; above 256 KiB it is cut. Summarized is for
// the function of a child context, of [Go], or of a task. In a virtual context, which records nothing, it fails.
func Summarized[T any](fn func(Context) (T, error), summarize func(result T) string) func(Context) (T, error) {
	if fn == nil {
		return nil
	}
	return func(ctx Context) (v T, err error) {
		s := scopeOf(ctx)
		switch {
		case summarize == nil:
			return v, errNilSummary
		case s != nil && s.within != s.id:
			return v, errVirtualSummary
		}
		if v, err = fn(ctx); s != nil {
			s.summary = func() string { return summarize(v) }
		}
		return v, err
	}
}

// WithErrorMapping has fn map the [*OperationError] that [RunInChildContext] would return to another error. fn runs
// on every run, over the recorded error, so it must do the same each time. If it returns nil the error stays; if it
// panics, the error wraps both.
func WithErrorMapping(fn func(error) error) interface {
	ChildOption
	SagaOption
} {
	return errorMappingOption{fn}
}

type errorMappingOption struct{ fn func(error) error }

func (o errorMappingOption) applyChild(c *childConfig) { c.mapErrors, c.maps = o.fn, true }
func (o errorMappingOption) applySaga(c *childConfig)  { o.applyChild(c) }

// kind is k with the options applied.
func (c *childConfig) kind(k *kind) *kind {
	if !c.virtual {
		return k.as(c.subType)
	}
	own := *k
	own.virtual = true
	return &own
}

// mapped is err as the user maps it.
func (c *childConfig) mapped(o *operation, err error) error {
	return c.mapErrors.apply(o, err)
}

// errorMapping is the function of WithErrorMapping; nil if there is none.
type errorMapping func(error) error

func (m errorMapping) apply(o *operation, err error) error {
	if m == nil || err == nil {
		return err
	}
	var mapped error
	if failed := o.ask("error mapping", func() { mapped = m(err) }); failed != nil {
		return fmt.Errorf("%w; %w", err, failed)
	}
	if mapped == nil {
		return err
	}
	return mapped
}

var (
	errVirtualOptions = errors.New("a virtual context is not recorded, so it has neither Serdes, subtype nor timeout")
	errVirtualSummary = errors.New("a virtual context is not recorded, so it has no summary")
	errNilSummary     = errors.New("the function that Summarized should make a text with is nil")
	errNilMapping     = errors.New("the function of WithErrorMapping is nil")
)

func (c *childConfig) validate() error {
	switch {
	case c.virtual && (c.serdes != nil || c.subType != nil || c.timeout != nil):
		return errVirtualOptions
	case c.timeout != nil && (*c.timeout < time.Second || *c.timeout > maxWait):
		return fmt.Errorf("the timeout is %v; a context's is at least 1s and at most %v (366 days)",
			*c.timeout, maxWait)
	case c.maps && c.mapErrors == nil:
		return errNilMapping
	}
	return validateSubType(c.subType)
}
