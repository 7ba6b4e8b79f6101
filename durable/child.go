package durable

import (
	"github.com/perdure/perdure/internal/wire"
)

var childKind = &kind{call: "durable.RunInChildContext", typ: wire.TypeContext, subType: wire.SubTypeRunInChildContext}

// RunInChildContext runs fn with a context of its own, in which operations are
// numbered apart, and records its result. Once it has closed, later runs
// return the result without running fn: a part of a workflow becomes one
// operation, its history is left behind, and code may move in and out of it
// without moving what comes after.
//
// fn runs again with every invocation until it returned. It must use the
// context that it gets, and only for as long as it runs. If it returns an
// error or panics, RunInChildContext returns a [*ChildContextError]; nothing
// is retried.
//
// A result of more than 256 KiB encoded is not recorded: replay runs fn again
// over its recorded operations to get it back. The name is as for [Step].
func RunInChildContext[T any](ctx Context, name string, fn func(Context) (T, error), opts ...ChildOption) (T, error) {
	var zero T
	if fn == nil {
		return zero, childKind.errorf(name, "the function is nil")
	}
	cfg, err := newChildConfig(opts)
	if err != nil {
		return zero, childKind.errorf(name, "%w", err)
	}
	o, err := childKind.begin(ctx, name)
	if err != nil {
		return zero, err
	}
	if op := o.known.op; op != nil && op.Status == wire.StatusSucceeded && !op.ReplayChildren {
		v := recordedResult[T](o, cfg.serdes)
		o.end()
		return v, nil
	}
	defer o.end()
	return liveChild(&o, o.serdes(cfg.serdes), fn)
}

// liveChild is RunInChildContext unless the result was recorded.
func liveChild[T any](o *operation, serdes Serdes, fn func(Context) (T, error)) (T, error) {
	var result T
	what := o.result()
	run := &childRun{operation: o, id: o.id()}
	err := run.do(func(s *scope) (payload string, err error) {
		v, err := fn(s)
		if err != nil {
			return "", err
		}
		payload, result, err = encodeValue(o.body(run.id, 0), serdes, what, v)
		return payload, err
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return result, nil
}

// childRun takes one child context from where it stands to its end.
type childRun struct {
	*operation
	id string
}

// do returns when the context has closed: nil, or a *ChildContextError. body
// runs the function in a scope and encodes its result.
func (c *childRun) do(body func(*scope) (string, error)) error {
	op, r := c.known.op, c.scope.run
	if op != nil && op.Status == wire.StatusFailed {
		return &ChildContextError{Name: c.name, Err: r.cfg.errors.decode(op.Error)}
	}
	if op == nil {
		r.hold(c.scope, c.update(c.id, wire.ActionStart))
	}
	s := newScope(c.ctx, r, c.scope, c.id, c.name)
	if op != nil && op.Status.Closed() {
		s.sealed = true
		s.replaying.Store(true)
	}
	payload, err := recovered(func() (string, error) { return body(s) })
	r.checkInvocation()
	s.close()
	if s.sealed {
		return c.rebuilt(err)
	}
	return c.record(payload, err)
}

// rebuilt judges the end of a function that ran again only for its result.
func (c *childRun) rebuilt(err error) error {
	if err != nil {
		c.scope.run.fail(&NonDeterminismError{ID: c.id, Recorded: c.shape(), Current: c.shape(), Err: err})
	}
	return nil
}

// record closes the context.
func (c *childRun) record(payload string, err error) error {
	r := c.scope.run
	if err != nil {
		u := c.update(c.id, wire.ActionFail)
		u.Error = r.cfg.errors.encode(err)
		r.record(c.scope, u)
		return &ChildContextError{Name: c.name, Err: r.cfg.errors.decode(u.Error)}
	}
	u := c.update(c.id, wire.ActionSucceed)
	if len(payload) > wire.MaxInlineResult {
		payload = ""
		u.ContextOptions = &wire.ContextOptions{ReplayChildren: true}
	}
	u.Payload = &payload
	r.record(c.scope, u)
	return nil
}
