package durable

import (
	"context"
	"errors"
	"sync"

	"github.com/perdure/perdure/protocol"
)

// errBatchEnded is the cause for items that were under way when their batch ended early.
var errBatchEnded = errors.New("perdure: abandoned: the batch has ended without this item")

// batchWork is the work of a batch, and its values.
type batchWork[T any] struct {
	values []T
	fn     func(ctx Context, i int) (T, error)
}

func newBatchWork[T any](n int, fn func(Context, int) (T, error)) *batchWork[T] {
	return &batchWork[T]{make([]T, n), fn}
}

func (w *batchWork[T]) run(s *scope, ctx *bodyContext, serdes Serdes, what string, i int) (string, error) {
	if err := checkType[T](serdes, recorded, what); err != nil {
		return "", err
	}
	v, err := w.fn(s, i)
	if err != nil {
		return "", err
	}
	payload, v, err := encodeValue(ctx, serdes, what, v)
	w.values[i] = v
	return payload, err
}

func (w *batchWork[T]) restore(ctx *bodyContext, serdes Serdes, what string, i int, payload *string) (err error) {
	w.values[i], err = decodeValue[T](ctx, serdes, what, payload)
	return err
}

// worker is a batchWork of any type.
type worker interface {
	run(s *scope, ctx *bodyContext, serdes Serdes, what string, i int) (string, error)
	restore(ctx *bodyContext, serdes Serdes, what string, i int, payload *string) error
}

type batch struct {
	operation
	id     string
	cfg    *batchConfig
	kind   *kind  // of the items
	inner  *scope // in which the items are numbered
	cancel context.CancelCauseFunc
	work   worker
	item   []batchItem

	judging sync.Mutex // one verdict at a time; taken before the run's mutex, which guards the rest
	next    int        // the first item that may not have begun
	total   BatchProgress
	over    bool
	reason  CompletionReason
	unmet   bool  // as recorded
	failure error // of a judge that panicked
	waiter  *waiter
}

type batchItem struct {
	name string
	itemEnd
}

// itemEnd is how an item ended; STARTED if it is under way, empty if it did not begin.
type itemEnd struct {
	status  protocol.OperationStatus
	payload string
	err     *protocol.ErrorObject
}

// runBatch is Map or Parallel with checked arguments.
func runBatch[T any](ctx Context, k, item *kind, name string, cfg *batchConfig, named func(i int) (string, error),
	work *batchWork[T], bad error) (BatchResult[T], error) {
	b := &batch{cfg: cfg, kind: item, work: work, item: make([]batchItem, len(work.values))}
	for i := range b.item {
		var err error
		if b.item[i].name, err = named(i); bad == nil {
			bad = err
		}
	}
	o, err := k.begin(ctx, name, bad)
	if err != nil {
		return BatchResult[T]{}, err
	}
	b.operation, b.id = o, o.id()
	defer o.end()
	var result BatchResult[T]
	switch op := o.known.op; {
	case op != nil && op.Status == protocol.StatusFailed:
		return result, o.scope.run.cfg.errors.contextFailed(name, op.Error)
	case op != nil && op.Status == protocol.StatusSucceeded && !op.ReplayChildren:
		result = recordedBatch(b, work)
	default:
		b.enter()
		if op != nil && op.Status.Closed() {
			b.rebuild(op)
		} else {
			b.live()
		}
		if result, err = closeBatch(b, work); err != nil {
			return BatchResult[T]{}, err
		}
	}
	if result.unmet || result.Reason == FailureToleranceExceeded || result.Reason == CustomCompletionFailed {
		return result, result.failure(name)
	}
	return result, nil
}

func (b *batch) enter() {
	s := b.scope
	ctx, cancel := context.WithCancelCause(context.Context(b.ctx))
	b.cancel = cancel
	b.inner = newScope(ctx, s.run, s, b.id, b.name)
	b.inner.count = len(b.item)
	b.total.Total = len(b.item)
	for i, rec := range b.inner.recorded {
		if rec.op != nil && i >= len(b.item) {
			s.run.fail(&nonDeterminism{ID: rec.op.ID, Recorded: shapeOf(rec.op)})
		}
	}
}

// operationOf is item i as an operation.
func (b *batch) operationOf(i int) *operation {
	return &operation{kind: b.kind, scope: b.inner, ctx: b.inner, name: b.item[i].name, number: i + 1, known: b.inner.recordOf(i + 1)}
}

// live runs the items until the batch is complete.
func (b *batch) live() {
	s, r := b.scope, b.scope.run
	if b.known.op == nil {
		r.hold(s, b.update(b.id, protocol.ActionStart))
	}
	b.waiter = newWaiter(s)
	b.recorded()
	slots := b.total.Total - b.total.Succeeded - b.total.Failed
	if b.cfg.limit != nil {
		slots = min(slots, *b.cfg.limit)
	}
	if slots == 0 && !b.over { // there are no items
		b.over, b.reason = true, AllCompleted
	}
	for range slots {
		s := b.newSlot()
		r.spawn(s, func() { b.slot(s) })
	}
	r.lockFor(s)
	if b.over {
		r.mu.Unlock()
	} else {
		r.joinLocked(b.waiter, b)
	}
	b.abandon()
}

func (b *batch) awaits() string { return "the items of " + b.describe(b.name) }

// recorded restores the items that began in earlier invocations, and those that ended there until the batch was
// over.
func (b *batch) recorded() {
	for i := range b.item {
		o := b.operationOf(i)
		if o.known.op == nil {
			if b.cfg.flat && b.inner.run.history.contexts[o.id()] != nil {
				b.item[i].status = protocol.StatusStarted
				b.total.Started++
			}
			continue
		}
		o.check()
		b.item[i].status = protocol.StatusStarted
		b.total.Started++
		if o.known.op.Status.Closed() && !b.over {
			b.runItem(o, i)
		}
	}
}

// newSlot makes the scope of one goroutine, between the batch's and the items'.
func (b *batch) newSlot() *scope {
	in := b.inner
	return &scope{Context: in, run: in.run, settings: in.settings, parent: in, id: in.id, within: in.within, name: in.name, isTask: true}
}

// slot runs items one after the other until there are no more.
func (b *batch) slot(s *scope) {
	for {
		i, o := b.take()
		if o == nil {
			return
		}
		o.scope, o.ctx = s, s
		b.runItem(o, i)
	}
}

// take begins the next item.
func (b *batch) take() (int, *operation) {
	r := b.inner.run
	r.lockFor(b.inner)
	defer r.mu.Unlock()
	for ; b.next < len(b.item) && !b.over; b.next++ {
		i := b.next
		item := &b.item[i]
		if item.status == protocol.StatusSucceeded || item.status == protocol.StatusFailed {
			continue
		}
		b.next++
		if item.status == "" {
			item.status = protocol.StatusStarted
			b.total.Started++
		}
		o := b.operationOf(i)
		if o.known.op == nil && !b.cfg.flat {
			r.holdLocked(o.update(o.id(), protocol.ActionStart))
			o.known.op = &protocol.Operation{ID: o.id(), Type: o.typ, SubType: o.subType, Name: o.name, Status: protocol.StatusStarted}
		}
		return i, o
	}
	return 0, nil
}

// runItem runs an item from its present state to its end.
func (b *batch) runItem(o *operation, i int) {
	end := itemEnd{status: protocol.StatusSucceeded}
	fails := func(obj *protocol.ErrorObject) error {
		end.status, end.err = protocol.StatusFailed, obj
		return errItemFailed
	}
	body := func(s *scope) (payload string, err error) {
		end.payload, err = b.work.run(s, o.body(o.id(), 0), o.serdes(b.cfg.itemSerdes), o.result(), i)
		return end.payload, err
	}
	switch op := o.known.op; {
	case b.cfg.flat:
		runFlat(o, body, fails)
	case op.Status == protocol.StatusSucceeded && !op.ReplayChildren:
		end.payload = b.restore(o, i, op.Payload)
	default:
		run := newChildRun(o)
		run.wrap = fails
		run.do(body)
	}
	b.settle(i, end)
}

var errItemFailed = errors.New("the item failed")

// runFlat runs an item without a record of its own.
func runFlat(o *operation, body func(*scope) (string, error), fails func(*protocol.ErrorObject) error) {
	r := o.scope.run
	s := newScope(o.ctx, r, o.scope, o.id(), o.name)
	s.within = o.scope.within
	_, err := o.entered(s, func() (string, error) { return body(s) })
	r.checkInvocation()
	s.close(err)
	if err != nil {
		fails(r.cfg.errors.encode(err))
	}
}

// restore reads the recorded value of item i, and returns it as recorded.
func (b *batch) restore(o *operation, i int, payload *string) string {
	serdes := o.serdes(b.cfg.itemSerdes)
	if err := b.work.restore(o.value(o.id(), 0), serdes, o.result(), i, payload); err != nil {
		o.unreadable(err)
	}
	if payload == nil {
		return ""
	}
	return *payload
}

// settle notes the end of item i, unless the batch ended before.
func (b *batch) settle(i int, end itemEnd) {
	b.judging.Lock()
	defer b.judging.Unlock()
	r := b.inner.run
	r.mu.Lock()
	if b.over {
		r.mu.Unlock()
		return
	}
	b.item[i].itemEnd = end
	b.total.Started--
	if end.status == protocol.StatusFailed {
		b.total.Failed++
	} else {
		b.total.Succeeded++
	}
	total := b.total
	r.mu.Unlock()
	if b.inner.sealing != open {
		return // the verdict was recorded
	}
	reason, over := b.verdict(total)
	if !over {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b.over, b.reason = true, reason
	r.wakeJoinLocked(b.waiter)
}

// verdict asks whether the batch is complete. It is the user's code that may answer; if it panics the batch fails.
func (b *batch) verdict(total BatchProgress) (reason CompletionReason, over bool) {
	if b.failure = b.ask("completion", func() { reason, over = b.cfg.reason(total) }); b.failure != nil {
		return CustomCompletionFailed, true
	}
	return reason, over
}

// abandon leaves the items that are under way to themselves.
func (b *batch) abandon() {
	r := b.inner.run
	r.lockFor(b.scope)
	defer r.mu.Unlock()
	b.inner.life = returned
	b.cancel(errBatchEnded)
	if b.total.Started > 0 {
		cancels := make(map[string]*protocol.Update)
		r.recordedWaitsLocked(b.id, cancels)
		for i := range b.item {
			if b.cfg.flat && b.item[i].status == protocol.StatusStarted {
				r.recordedWaitsLocked(childID(b.id, i+1), cancels)
			}
		}
		r.sweepLocked(cancels)
	}
}
