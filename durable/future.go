package durable

import (
	"github.com/perdure/perdure/protocol"
)

var goKind = &kind{call: "durable.Go", typ: protocol.TypeContext, subType: protocol.SubTypeRunInChildContext, detached: true}

// Go runs fn at the same time as the code that follows, in a context of its own, and returns a [Future] of its
// result at once. With it any operation runs asynchronously:
//
//	stock := durable.Go(ctx, "stock", func(ctx durable.Context) (int, error) {
//		return durable.Step(ctx, "count", count)
//	})
//	price, err := durable.Step(ctx, "price", fetchPrice)
//	…
//	n, err := stock.Result(ctx)
//
// It is recorded, and replayed, as [RunInChildContext] is: one context with the given name, its result or its
// error, and inside it the operations of fn. fn must use the context that it gets. Futures take their numbers where
// Go is called, so the order in which they finish does not matter.
//
// The function that calls Go need not wait for the future. When it returns, work under way is abandoned: its
// context ends, and its goroutine unwinds at its next operation. When the execution suspends, work under way is
// suspended with it, and later goes on where it was.
//
// With [WithVirtual] only the operations of fn are recorded, not the future. If it is canceled, a later invocation
// may begin its work again, up to the place where it was canceled.
//
// A nil fn, or a name or an option that breaks the rules, is an error of [Future.Result].
func Go[T any](ctx Context, name string, fn func(Context) (T, error), opts ...ChildOption) *Future[T] {
	cfg, bad := newChildConfig(opts, ChildOption.applyChild)
	if fn == nil {
		bad, fn = errNilFunction, missing[Context, T]
	}
	o, err := cfg.kind(goKind).begin(ctx, name, bad)
	if err != nil {
		return brokenFuture[T](err)
	}
	f := &Future[T]{task: newTask(o)}
	if cfg.mapErrors != nil { // for every end of the future, not only fn's
		f.task.mapping, cfg.mapErrors = cfg.mapErrors, nil
	}
	f.task.begin(func() {
		v, err := childResult(&f.task.operation, cfg, fn)
		f.task.complete(err, func() { f.value = v })
	})
	o.endAsync()
	return f
}

// childResult is RunInChildContext after its begin.
func childResult[T any](o *operation, cfg *childConfig, fn func(Context) (T, error)) (T, error) {
	if cfg.virtual {
		return virtualChild(o, cfg, fn)
	}
	if op := o.known.op; op != nil && op.Status == protocol.StatusSucceeded && !op.ReplayChildren {
		return recordedResult[T](*o, cfg.serdes), nil
	}
	return liveChild(o, cfg, fn)
}

// Future is the result of work that [Go] started. It belongs to the invocation that made it; any durable code of
// that invocation may wait for it, any number of times.
type Future[T any] struct {
	task  *task
	value T
}

func brokenFuture[T any](err error) *Future[T] {
	return &Future[T]{task: &task{settled: true, err: err}}
}

// Result waits until the work is done and returns its result, or an [*OperationError]. ctx is the context of the
// code that waits; it is in use meanwhile, as by any operation. Waiting is not recorded.
//
// Work that waits for itself, or for work that waits for it, fails the execution with a DeadlockError once nothing
// else is under way.
func (f *Future[T]) Result(ctx Context) (T, error) {
	if err := f.task.await(ctx); err != nil {
		var zero T
		return zero, err
	}
	return f.value, f.task.failure()
}

// Done returns a channel that is closed when the work is done, or the invocation over; the next operation then does
// not return.
//
// Which of several channels closes first differs from run to run, so workflow code must not decide anything by it:
// use [Select] and [Race]. And while code waits for a channel, the invocation cannot suspend. Done is for code
// around the workflow: progress displays, tests, the bodies of steps.
func (f *Future[T]) Done() <-chan struct{} { return f.task.doneChannel() }

// Cancel ends work that is not needed any more. Its context is canceled with the cause [ErrCanceled], its waits are
// cancelled at the service, and it is recorded as failed with ErrCanceled, which [Future.Result] then returns.
// Cancel returns once that is recorded. Work that is done stays as it is.
//
// Cancel does not wait for a step that is running, and the step's result is ignored; but the invocation ends only
// when the step's body does. The error is only about the call. Cancel has no record of its own: later runs find the
// work failed.
func (f *Future[T]) Cancel(ctx Context) error {
	s, err := f.task.enter(ctx, "Future.Cancel")
	if err != nil {
		return err
	}
	if f.task.unheard {
		s.stopAt(f.task)
	}
	r := s.run
	r.lockFor(s)
	if ended := r.cancelLocked([]*task{f.task}); len(ended) > 0 && !f.task.virtual {
		r.flushLocked(s)
	} else {
		r.mu.Unlock()
	}
	s.busy.Store(false)
	return nil
}

// Awaitable is a [Future] of any type.
type Awaitable interface{ awaitable() *task }

func (f *Future[T]) awaitable() *task {
	if f == nil {
		return nil
	}
	return f.task
}
