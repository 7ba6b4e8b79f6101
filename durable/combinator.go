package durable

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/perdure/perdure/protocol"
)

// A combinator is recorded as a context without operations. The record says which future decided it, and which were
// canceled. The results are the futures' own.

func combinator(call string) *kind {
	return &kind{call: call, typ: protocol.TypeContext, subType: protocol.SubTypeRunInChildContext}
}

var (
	allKind        = combinator("durable.All")
	allSettledKind = combinator("durable.AllSettled")
	anyKind        = combinator("durable.Any")
	raceKind       = combinator("durable.Race")
	joinKind       = combinator("durable.Join")
	selectKind     = combinator("durable.Select")
)

// Settled is how one future of [AllSettled] ended.
type Settled[T any] struct {
	Value T
	Err   error
}

// AllFailedError says that every future of an [Any] failed.
type AllFailedError struct {
	Name string
	Errs []error // of the futures, in their order
}

func (e *AllFailedError) Error() string {
	return fmt.Sprintf("all %d futures of %q failed, the first with: %v", len(e.Errs), e.Name, e.Errs[0])
}

// Unwrap returns the errors of the futures.
func (e *AllFailedError) Unwrap() []error { return e.Errs }

// All waits until every future has succeeded and returns their results in the order of the futures. When one fails,
// All returns its error at once and cancels the others; see [Future.Cancel].
//
// It is recorded as a context with the given name, with the future that decided it. On replay the same future
// decides, whichever finishes first then. Nothing is retried; results and errors are the futures' own, recorded
// with them.
func All[T any](ctx Context, name string, futures ...*Future[T]) ([]T, error) {
	if _, err := combine(ctx, allKind, name, tasksOf(futures), onFailure, true); err != nil {
		return nil, err
	}
	values := make([]T, len(futures))
	for i, f := range futures {
		values[i] = f.value
	}
	return values, nil
}

// AllSettled waits until every future is done, and returns how each ended, in the order of the futures. The error
// is only about the call. It is recorded as [All] is.
func AllSettled[T any](ctx Context, name string, futures ...*Future[T]) ([]Settled[T], error) {
	if _, err := combine(ctx, allSettledKind, name, tasksOf(futures), never, false); err != nil {
		return nil, err
	}
	ends := make([]Settled[T], len(futures))
	for i, f := range futures {
		if ends[i].Err = f.task.failure(); ends[i].Err == nil {
			ends[i].Value = f.value
		}
	}
	return ends, nil
}

// Any returns the result of the first future that succeeds, and cancels the others; see [Future.Cancel]. When all
// fail, the error is an [*AllFailedError]. It is recorded as [All] is.
func Any[T any](ctx Context, name string, futures ...*Future[T]) (T, error) {
	first, err := combine(ctx, anyKind, name, tasksOf(futures), onSuccess, true)
	return valueOf(futures, first, err)
}

// Race returns the result, or the error, of the first future that is done, and cancels the others; see
// [Future.Cancel]. It is recorded as [All] is.
//
// To bound the time of some work, let it race a [Wait].
func Race[T any](ctx Context, name string, futures ...*Future[T]) (T, error) {
	first, err := combine(ctx, raceKind, name, tasksOf(futures), always, true)
	return valueOf(futures, first, err)
}

// Join is [All] for futures of different types: it waits until all of them have succeeded, or returns the first
// error and cancels the others. After it [Future.Result] returns at once. It is recorded as [All] is.
func Join(ctx Context, name string, futures ...Awaitable) error {
	_, err := combine(ctx, joinKind, name, awaitables(futures), onFailure, true)
	return err
}

// Select waits until one of the futures is done, with success or failure, and returns its index. The others go on,
// and may be waited for again: Select is a Race without losers, and for futures of different types. It is recorded
// as [All] is, so code may branch on the index. The error is only about the call.
func Select(ctx Context, name string, futures ...Awaitable) (int, error) {
	first, err := combine(ctx, selectKind, name, awaitables(futures), always, false)
	if first < 0 {
		return 0, err
	}
	return first, nil
}

func valueOf[T any](futures []*Future[T], i int, err error) (T, error) {
	if err != nil {
		var zero T
		return zero, err
	}
	return futures[i].value, nil
}

func tasksOf[T any](futures []*Future[T]) []*task {
	tasks := make([]*task, len(futures))
	for i, f := range futures {
		tasks[i] = f.awaitable()
	}
	return tasks
}

func awaitables(futures []Awaitable) []*task {
	tasks := make([]*task, len(futures))
	for i, f := range futures {
		if f != nil {
			tasks[i] = f.awaitable()
		}
	}
	return tasks
}

// Rules for which end of a future decides; if none did, the last end does.
func always(error) bool        { return true }
func never(error) bool         { return false }
func onFailure(err error) bool { return err != nil }
func onSuccess(err error) bool { return err == nil }

type combination struct {
	operation
	tasks   []*task
	decides func(error) bool
	open    int // tasks that did not settle yet
	decided bool
	decision
	waiter *waiter
}

// decision is the record of a combinator.
type decision struct {
	First    int   `json:"first"` // the task that decided, or -1
	Canceled []int `json:"canceled,omitempty"`
}

var errNoFutures = errors.New("there are no futures to choose from")

// combine waits for the tasks by the rule, and returns the index of the deciding task, or -1, and the resulting
// error.
func combine(ctx Context, k *kind, name string, tasks []*task, decides func(error) bool, cancel bool) (int, error) {
	bad := validateTasks(k, tasks)
	o, err := k.begin(ctx, name, bad)
	if err != nil {
		return -1, err
	}
	if bad != nil { // the record is about other futures
		o.diverge(o.id(), o.shape(), bad)
	}
	for _, t := range tasks {
		if t.isForeign(o.scope.run) {
			o.scope.run.fail(misuse(o.describe(name), foreignFuture))
		}
	}
	c := &combination{operation: o, tasks: tasks, decides: decides, open: len(tasks), decision: decision{First: -1}}
	if op := o.known.op; op != nil && op.Status.Closed() {
		c.replay(op)
	} else {
		c.live(cancel)
	}
	c.end()
	return c.First, c.err()
}

func validateTasks(k *kind, tasks []*task) error {
	for i, t := range tasks {
		if t == nil {
			return fmt.Errorf("future %d is not from durable.Go", i)
		}
	}
	if len(tasks) == 0 && (k == anyKind || k == raceKind || k == selectKind) {
		return errNoFutures
	}
	return nil
}

// err is the error that the decision leads to.
func (c *combination) err() error {
	switch {
	case c.First >= 0 && c.kind == selectKind:
		return nil
	case c.First >= 0:
		return c.tasks[c.First].failure()
	case c.kind != anyKind:
		return nil
	}
	e := &AllFailedError{Name: c.name}
	for _, t := range c.tasks {
		e.Errs = append(e.Errs, t.failure())
	}
	return e
}

// live waits for the decision and records it.
func (c *combination) live(cancel bool) {
	s, r, id := c.scope, c.scope.run, c.id()
	if c.known.op == nil {
		r.hold(s, c.update(id, protocol.ActionStart))
	}
	c.wait()
	err := c.err()
	r.lockFor(s)
	if cancel {
		c.Canceled = r.cancelLocked(c.tasks)
	}
	r.queueLocked(queued{update: c.outcome(id, err)})
	r.flushLocked(s)
}

// wait blocks until the tasks have decided.
func (c *combination) wait() {
	s, r := c.scope, c.scope.run
	r.lockFor(s)
	c.waiter = newWaiter(s)
	for i, t := range c.tasks {
		if t.settled {
			c.note(i)
		} else {
			t.watchers = append(t.watchers, func() { c.note(i) })
		}
	}
	if c.decided || len(c.tasks) == 0 {
		r.mu.Unlock()
		return
	}
	r.joinLocked(c.waiter, c)
}

// note notes that task i has settled.
func (c *combination) note(i int) {
	if c.decided {
		return
	}
	c.open--
	if c.decides(c.tasks[i].err) {
		c.First, c.decided = i, true
	} else {
		c.decided = c.open == 0
	}
	if c.decided {
		c.scope.run.wakeJoinLocked(c.waiter)
	}
}

func (c *combination) awaits() string { return c.describe(c.name) }

// outcome is the update that records the decision.
func (c *combination) outcome(id string, err error) protocol.Update {
	data, _ := json.Marshal(c.decision) // integers cannot fail
	text := string(data)
	if err == nil {
		u := c.update(id, protocol.ActionSucceed)
		u.Payload = &text
		return u
	}
	u := c.update(id, protocol.ActionFail)
	u.Error = c.scope.run.cfg.errors.encode(err)
	u.Error.ErrorData = text
	return u
}

// replay waits for the tasks that the recorded decision names.
func (c *combination) replay(op *protocol.Operation) {
	c.read(op)
	if c.First >= 0 {
		c.scope.await(c.tasks[c.First])
	} else {
		for _, t := range c.tasks {
			c.scope.await(t)
		}
	}
	var virtual []*task // they have no record
	for _, i := range c.Canceled {
		if t := c.tasks[i]; t.scope != nil && t.virtual {
			virtual = append(virtual, t)
		}
	}
	r := c.scope.run
	r.lockFor(c.scope)
	r.cancelLocked(virtual)
	r.mu.Unlock()
}

// strange reports whether the decision is about other tasks.
func (c *combination) strange() bool {
	return slices.ContainsFunc(c.Canceled, func(i int) bool { return i < 0 || i >= len(c.tasks) })
}

// read fails the run if the decision is not about these tasks.
func (c *combination) read(op *protocol.Operation) {
	text := ""
	switch {
	case op.Status == protocol.StatusFailed && op.Error != nil:
		text = op.Error.ErrorData
	case op.Payload != nil:
		text = *op.Payload
	}
	if err := json.Unmarshal([]byte(text), &c.decision); err != nil || c.First < -1 || c.First >= len(c.tasks) ||
		c.strange() {
		c.diverge(op.ID, c.shape(), fmt.Errorf("%d futures do not fit what was recorded: %.100q", len(c.tasks), text))
	}
}
