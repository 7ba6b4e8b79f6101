package durable

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/perdure/perdure/protocol"
)

// ErrCanceled is the error of canceled work: the loser of a [Race] or an [Any], or a future after [Future.Cancel].
// Find it with [errors.Is] in the error of [Future.Result], and as the [context.Cause] in the bodies of steps that
// were running.
var ErrCanceled = errors.New("perdure: canceled: its result is not needed any more")

// errEnclosingEnded is the cause for work that was under way when the function that started it returned.
var errEnclosingEnded = errors.New("perdure: abandoned: the function that started it has returned")

// task is work in a goroutine of its own whose end others may wait for. The run's mutex guards all that changes.
type task struct {
	operation // the operation that records it; its scope is the task's own
	cancel    context.CancelCauseFunc
	unheard   bool // a closed context left it behind unfinished; it never settles
	settled   bool
	err       error        // see failure
	mapping   errorMapping // of err
	mapped    sync.Once
	watchers  []func() // called once it settles, under the run's mutex
	done      chan struct{}
}

// newTask makes a task of an operation that began in scope s. The task gets a scope between s and that of its
// function, which is abandoned with it.
func newTask(o operation) *task {
	s := o.scope
	ctx, cancel := context.WithCancelCause(context.Context(o.ctx))
	o.scope = &scope{
		Context: ctx, run: s.run, settings: settingsOf(o.ctx), parent: s, id: s.id, within: s.within, name: s.name,
		sealing: s.sealing, isTask: true,
	}
	if s.sealing == sealed && o.virtual {
		o.scope.sealing = loose
	}
	o.ctx = derived{ctx, o.scope}
	return &task{operation: o, cancel: cancel}
}

// start records that the task begins, if that is not recorded, before the caller's next operation.
func (t *task) start() {
	if t.known.op != nil || t.virtual {
		return
	}
	id := t.id()
	t.scope.run.hold(t.scope, t.update(id, protocol.ActionStart))
	t.known.op = &protocol.Operation{ID: id, Type: t.typ, SubType: t.subType, Name: t.name,
		Status: protocol.StatusStarted}
}

// begin runs the task: body in a goroutine of its own, or at once if its end was recorded, or never if a closed
// context left it behind unfinished.
func (t *task) begin(body func()) {
	s := t.scope.parent
	op := t.known.op
	s.run.mu.Lock()
	s.tasks = append(s.tasks, t)
	if op != nil && op.Status.Closed() { // it may run again, but has ended
		t.scope.life = ending
	}
	s.run.mu.Unlock()
	switch {
	case op != nil && op.Status.Closed() && !op.ReplayChildren:
		body()
	case s.sealing != open && !t.virtual && (op == nil || !op.Status.Closed()):
		t.unheard = true
	default:
		t.start()
		s.run.spawn(t.scope, body)
	}
}

// complete ends the task, unless it was canceled. set stores its result.
func (t *task) complete(err error, set func()) {
	r := t.scope.run
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.settled || t.scope.abandonedLocked() {
		return
	}
	set()
	t.settleLocked(err)
}

// failure is the error of a settled task, as code sees it.
func (t *task) failure() error {
	t.mapped.Do(func() { t.err = t.mapping.apply(&t.operation, t.err) })
	return t.err
}

func (t *task) settleLocked(err error) {
	t.settled, t.err = true, err
	for _, tell := range t.watchers {
		tell()
	}
	t.watchers = nil
	t.closeDone()
	t.cancel(nil)
}

// enter takes the context for a call of the named method, until it is freed.
func (t *task) enter(ctx Context, method string) (*scope, error) {
	if t == nil {
		return nil, fmt.Errorf("perdure: %s: this Future is not from durable.Go", method)
	}
	k := &kind{call: method}
	s := scopeOf(ctx)
	if s == nil {
		return nil, k.errorf(t.name, "ctx is not a durable context; pass the one of the code that makes the call")
	}
	s.checkRun(k, t.name)
	s.checkGoroutine(k, t.name)
	s.checkOpen(k, t.name)
	switch {
	case t.isForeign(s.run):
		s.run.fail(misuse(k.describe(t.name), foreignFuture))
	case !s.busy.CompareAndSwap(false, true):
		s.run.fail(misuse(k.describe(t.name),
			"its context is in use by another operation: use the context of the function that makes the call"))
	}
	return s, nil
}

const foreignFuture = "the future belongs to another invocation; keep futures inside of the handler"

// isForeign reports whether the task is of another run. One that never began is of none.
func (t *task) isForeign(r *run) bool { return t.scope != nil && t.scope.run != r }

// await blocks until the task has settled. The error is only about the call.
func (t *task) await(ctx Context) error {
	s, err := t.enter(ctx, "Future.Result")
	if err != nil {
		return err
	}
	s.await(t)
	op := t.known.op
	s.leaveAs(s.ranOn() || op != nil && op.Status.Closed() && s.hadSeen(t.known))
	return nil
}

// await blocks the scope's goroutine until t has settled.
func (s *scope) await(t *task) {
	r := s.run
	r.lockFor(s)
	switch {
	case t.settled:
		r.mu.Unlock()
	case t.unheard:
		r.mu.Unlock()
		s.stopAt(t)
	default:
		w := newWaiter(s)
		t.watchers = append(t.watchers, func() { r.wakeJoinLocked(w) })
		r.joinLocked(w, t)
	}
}

// stopAt does not return: a closed context left t behind unfinished, so its code never came past a call that needs
// the end of t. Code that was left behind itself stays there; other code has changed.
func (s *scope) stopAt(t *task) {
	if s.sealing == loose {
		here := t.operation
		here.scope = s
		here.linger()
	}
	t.diverge(t.id(), "", nil)
}

func (t *task) doneChannel() <-chan struct{} {
	if t.scope == nil { // it never began
		t = &task{settled: true, done: make(chan struct{})}
		close(t.done)
		return t.done
	}
	r := t.scope.run
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.done == nil {
		t.done = make(chan struct{})
		if t.settled || r.ended.Load() {
			close(t.done)
		} else {
			r.watched = append(r.watched, t)
		}
	}
	return t.done
}

// closeDone closes the channel of a task that was not settled.
func (t *task) closeDone() {
	if t.done == nil {
		return
	}
	select {
	case <-t.done:
	default:
		close(t.done)
	}
}

// endAsync is end for an operation that goes on beside the code. The code that follows ran before if the operation
// began in an invocation that ended well.
func (o *operation) endAsync() {
	s := o.scope
	s.leaveAs(s.ranOn() || o.known.op != nil && s.hadSeen(o.known))
}

// abandonLocked abandons those of the tasks that are under way: their contexts end, and their goroutines unwind at
// their next operation.
func (r *run) abandonLocked(tasks []*task, cause error) {
	var cancels map[string]*protocol.Update
	for _, t := range tasks {
		if t.settled || t.scope.life == abandoned {
			continue
		}
		t.scope.life = abandoned
		t.cancel(cause)
		if cancels == nil {
			cancels = make(map[string]*protocol.Update)
		}
		if t.scope.sealing == open { // a task that closed with its context cannot be cancelled
			r.recordedWaitsLocked(t.id(), cancels)
		}
	}
	if cancels != nil {
		r.sweepLocked(cancels)
	}
}

// recordedWaitsLocked collects the CANCELs of waits that earlier invocations began in a context and below, since
// the code may not have come to them in this one.
func (r *run) recordedWaitsLocked(id string, cancels map[string]*protocol.Update) {
	records := []record{r.history.strays[childID(id, 0)]} // its deadline
	if c := r.history.contexts[id]; c != nil {
		records = append(records, c.records...)
	}
	for n, rec := range records {
		switch op := rec.op; {
		case op == nil && n > 0:
			r.recordedWaitsLocked(childID(id, n), cancels) // perhaps a virtual context
		case op == nil || op.Status.Closed():
		case op.Type == protocol.TypeContext:
			r.recordedWaitsLocked(op.ID, cancels)
		case op.Type == protocol.TypeWait && r.news[op.ID] == nil:
			cancels[op.ID] = &protocol.Update{ID: op.ID, Type: op.Type, Action: protocol.ActionCancel,
				ParentID: op.ParentID, Name: op.Name, SubType: op.SubType}
		}
	}
}

// cancelLocked cancels tasks.
func (r *run) cancelLocked(tasks []*task) (ended []int) { return r.endLocked(tasks, ErrCanceled) }

// endLocked ends tasks for good: their work at the service is cancelled, and they are recorded as failed with
// cause. It spares a task whose end is on its way to the service. It returns the indexes of the tasks that it
// ended.
func (r *run) endLocked(tasks []*task, cause error) (ended []int) {
	var doomed []*task
	for i, t := range tasks {
		if !t.settled && !t.unheard && t.scope.life != ending && !t.scope.abandonedLocked() {
			ended, doomed = append(ended, i), append(doomed, t)
		}
	}
	r.abandonLocked(doomed, cause)
	for _, t := range doomed {
		u := t.update(t.id(), protocol.ActionFail)
		u.Error = r.cfg.errors.encode(cause)
		if !t.virtual {
			r.queueLocked(queued{update: u})
		}
		t.settleLocked(r.cfg.errors.contextFailed(t.name, u.Error))
	}
	return ended
}

// linger blocks until the scope is abandoned: an earlier run left the code behind at this operation, so it must not
// get beyond it in this one.
func (o *operation) linger() {
	r := o.scope.run
	r.lockFor(o.scope)
	own := *o // a copy, so that the operations of other code stay off the heap
	r.joinLocked(newWaiter(o.scope), leftBehind{&own})
}

type leftBehind struct{ *operation }

func (o leftBehind) awaits() string {
	return o.describe(o.name) + ", which was given up in an earlier invocation"
}

// sweepLocked unwinds goroutines that are blocked in abandoned scopes, and cancels what they wait for at the
// service.
func (r *run) sweepLocked(cancels map[string]*protocol.Update) {
	for id, waiters := range r.parked {
		kept := slices.DeleteFunc(waiters, func(w *waiter) bool {
			if !w.scope.abandonedLocked() {
				return false
			}
			if w.cancel != nil {
				cancels[id] = w.cancel
			}
			r.unwindLocked(w)
			return true
		})
		if r.parked[id] = kept; len(kept) == 0 {
			delete(r.parked, id)
		}
	}
	for w := range r.joins {
		if w.scope.abandonedLocked() {
			delete(r.joins, w)
			r.unwindLocked(w)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(cancels)) {
		r.cancelOperationLocked(cancels[id])
	}
}

func (r *run) unwindLocked(w *waiter) {
	w.gone = true
	r.wakeLocked(w)
}

// cancelOperationLocked ends an operation at the service, once. If its START is still in the queue it takes that
// back: one batch must not hold both.
func (r *run) cancelOperationLocked(u *protocol.Update) {
	if r.canceled[u.ID] {
		return
	}
	if r.canceled == nil {
		r.canceled = make(map[string]bool)
	}
	r.canceled[u.ID] = true
	if !r.takeBackLocked(u.ID, protocol.ActionStart) {
		r.queueLocked(queued{update: *u})
	}
}

// takeBackLocked takes an update out of the queue, and reports whether it was there.
func (r *run) takeBackLocked(id string, action protocol.Action) bool {
	i := slices.IndexFunc(r.queue, func(q queued) bool { return q.update.ID == id && q.update.Action == action })
	if i >= 0 {
		r.queue = slices.Delete(r.queue, i, i+1)
	}
	return i >= 0
}

// withoutCancels takes the CANCELs out of a refused checkpoint, and reports whether there were any. A wait may pass
// in the very moment of its cancellation; the service then refuses the whole batch.
func withoutCancels(req *protocol.CheckpointRequest, err error) bool {
	code, message := refusalOf(err)
	if code != string(protocol.CodeInvalidParameter) || strings.HasPrefix(message, protocol.StaleTokenMessage) {
		return false
	}
	kept := make([]protocol.Update, 0, len(req.Updates))
	for i := range req.Updates {
		if req.Updates[i].Action != protocol.ActionCancel {
			kept = append(kept, req.Updates[i])
		}
	}
	found := len(kept) < len(req.Updates)
	req.Updates = kept
	return found
}

// awaited is something that another workflow goroutine does.
type awaited interface{ awaits() string }

func (t *task) awaits() string { return fmt.Sprintf("future %q", t.name) }

// joinLocked blocks the goroutine of scope s until another one wakes it. It gives up the lock.
func (r *run) joinLocked(w *waiter, on awaited) {
	w.on = on
	r.joins[w] = struct{}{}
	r.blockLocked(w)
}

// wakeJoinLocked wakes w if it is still blocked.
func (r *run) wakeJoinLocked(w *waiter) {
	if _, blocked := r.joins[w]; blocked {
		delete(r.joins, w)
		r.wakeLocked(w)
	}
}

// deadlockLocked is the error when every goroutine of the workflow waits for another one, and nothing pending at
// the service could change that.
func (r *run) deadlockLocked() error {
	var waits []string
	for w := range r.joins {
		waits = append(waits, w.scope.describe()+" waits for "+w.on.awaits())
	}
	slices.Sort(waits)
	return &fatalError{name: "DeadlockError",
		text: "deadlock: nothing is pending, and all that is under way waits for each other: " +
			strings.Join(waits, "; ")}
}

// describe names the scope's function in messages.
func (s *scope) describe() string {
	if s.parent == nil {
		return "the handler"
	}
	return fmt.Sprintf("context %q (operation %s)", s.name, s.id)
}
