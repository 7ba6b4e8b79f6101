package durable

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/perdure/perdure/protocol"
)

// run is one invocation under way. It counts the goroutines that run workflow code: each is runnable, or blocked in
// an operation. When none can run and nothing is left to record, only the service can move the execution on, and
// the run suspends at once.
//
// A blocked goroutine of an ended run is unwound with [runtime.Goexit], so user code never sees an error that means
// "suspended"; every goroutine has ended before the function answers.
type run struct {
	cfg     *handlerConfig
	client  Client
	arn     string
	history *history
	log     *runLog
	plugins *plugins // nil if there are none

	callCtx context.Context         // the invocation's: checkpoints are made under it
	ctx     context.Context         // user code's: ends with the run
	cancel  context.CancelCauseFunc // of ctx

	tasks  sync.WaitGroup // workflow goroutines and the flusher
	ended  atomic.Bool    // set with ending
	gone   atomic.Bool    // all its goroutines have ended, too
	ending chan struct{}  // closed when the outcome is decided

	mu       sync.Mutex // guards the rest
	outcome  outcome
	runnable int                            // workflow goroutines that are not blocked
	parked   map[string][]*waiter           // operation id -> waiters for the service to settle it
	joins    map[*waiter]struct{}           // waiters for another workflow goroutine
	watched  []*task                        // their Done channels end with the run
	news     map[string]*protocol.Operation // operation id -> newer than history, not yet read
	canceled map[string]bool                // operations that were cancelled at the service
	closing  bool                           // the handler returned: only its EXECUTION update may follow
	checkpointer

	rehearsal bool     // see rehearsed
	halted    bool     // a goroutine came to the end of the records; see rehearsed
	anew      []string // results that would be recorded otherwise today
}

// outcome is how a run ended: with an answer, or with a fault, after which the service invokes the function again.
type outcome struct {
	status protocol.InvocationStatus
	result string
	err    *protocol.ErrorObject
	large  string // the result, recorded because a reply has no room for it
	fault  error
}

// failed is the outcome of a run whose execution failed with err.
func (r *run) failed(err error) outcome {
	obj := r.cfg.errors.report(err)
	if changed, ok := err.(*nonDeterminism); ok && !r.rehearsal && !r.ended.Load() {
		r.log.changed(changed, obj.StackTrace)
	}
	return outcome{status: protocol.InvocationFailed, err: obj}
}

// waiter is one blocked goroutine.
type waiter struct {
	woken  chan struct{}
	scope  *scope              // whose goroutine it is
	gone   bool                // woken to unwind: its scope is abandoned
	op     *protocol.Operation // what woke it, if it waited for an operation
	poll   pollTimes
	cancel *protocol.Update // ends at the service what it waits for
	on     awaited          // what it waits for, if that is another goroutine
}

func newWaiter(s *scope) *waiter { return &waiter{woken: make(chan struct{}), scope: s} }

var errHandlerGone = errors.New("perdure: workflow code left its goroutine with runtime.Goexit, which " +
	"t.Fatal calls too")

// spawn runs body as a workflow goroutine that uses scope s. An unexpected panic, such as one of an error's own
// methods, would come again in every invocation, so it fails the execution.
func (r *run) spawn(s *scope, body func()) {
	r.mu.Lock()
	r.runnable++
	r.mu.Unlock()
	r.tasks.Go(func() {
		returned := false
		if s != nil {
			s.owner = r.cfg.goroutine()
		}
		defer func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if !returned && !s.abandonedLocked() {
				r.finishLocked(outcome{fault: errHandlerGone}) // no effect, if the run itself unwound it
			}
			r.runnable--
			r.idleLocked()
		}()
		_, err := recovered(func() (string, error) {
			body()
			return "", nil
		})
		if returned = true; err != nil {
			r.finish(r.failed(err))
		}
	})
}

// finish decides the outcome, unless it is decided. Blocked goroutines unwind; running ones do so at their next
// operation.
func (r *run) finish(o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finishLocked(o)
}

func (r *run) finishLocked(o outcome) {
	if r.ended.Load() {
		return
	}
	r.outcome = o
	r.ended.Store(true)
	cause := o.fault
	if o.status == protocol.InvocationPending {
		cause = ErrSuspended
	}
	r.cancel(cause) // first, for the deferred functions of unwinding goroutines
	close(r.ending)
	for _, t := range r.watched {
		t.closeDone()
	}
}

// fail fails the execution, and ends the run and the calling goroutine.
func (r *run) fail(err error) {
	if changed, ok := err.(*nonDeterminism); ok && changed.Current != "" {
		changed.Where, changed.panicking = callSite(), panicStack()
	}
	r.finish(r.failed(err))
	runtime.Goexit()
}

// idleLocked suspends the run if nothing in it can make progress.
func (r *run) idleLocked() {
	switch {
	case r.runnable > 0 || r.sending || r.ended.Load():
	case len(r.queue) > 0:
		r.kick()
	case len(r.parked) == 0 && len(r.joins) > 0 && !r.halted:
		r.finishLocked(r.failed(r.deadlockLocked()))
	default:
		r.finishLocked(outcome{status: protocol.InvocationPending})
	}
}

// blockLocked blocks the calling workflow goroutine until w is woken. If the run ends before that, it does not return.
// One that was woken goes on to its next operation all the same: the service counts what woke it as heard, so that its
// logs up to there would not be written later. It gives up the lock.
func (r *run) blockLocked(w *waiter) {
	r.runnable--
	r.idleLocked()
	r.mu.Unlock()
	select {
	case <-w.woken:
	case <-r.ending:
		select {
		case <-w.woken:
		default:
			w.scope.unwinding()
			runtime.Goexit()
		}
	}
	if w.gone {
		runtime.Goexit()
	}
}

// wakeLocked counts w's goroutine as runnable early, so that the run never looks idle in between.
func (r *run) wakeLocked(w *waiter) {
	r.runnable++
	close(w.woken)
}

// checkEnded unwinds the calling goroutine if the run has ended.
func (r *run) checkEnded() {
	if r.ended.Load() {
		runtime.Goexit()
	}
}

// settle blocks until the service has settled the operation: closed it, or made a step READY for its next attempt.
// known is the latest record that the caller has.
func (o *operation) settle(id string, known *protocol.Operation) *protocol.Operation {
	return o.park(id, known, nil)
}

// park is settle, with an update that ends the operation at the service when nobody waits for it any more; nil for
// none.
func (o *operation) park(id string, known *protocol.Operation, cancel *protocol.Update) *protocol.Operation {
	r := o.scope.run
	r.mu.Lock()
	if o.scope.abandonedLocked() { // first: a cancelled operation looks settled
		r.mu.Unlock()
		runtime.Goexit()
	}
	if op := r.news[id]; op != nil {
		if o.typ != protocol.TypeCallback && o.typ != protocol.TypeWait { // others may be read again
			delete(r.news, id)
		}
		known = op
	}
	if known != nil && settled(known) {
		r.mu.Unlock()
		return known
	}
	w := newWaiter(o.scope)
	w.cancel = cancel
	r.parked[id] = append(r.parked[id], w)
	if r.runnable > 1 {
		r.wakeFlusherLocked() // others run: poll for this one
	}
	r.awaitLocked(w, o.typ, known)
	r.blockLocked(w)
	return w.op
}

func settled(op *protocol.Operation) bool {
	return op.Status.Closed() || op.Status == protocol.StatusReady
}

// deliverLocked takes an operation that the service reports as changed. An operation that this run closed is no
// news.
func (r *run) deliverLocked(op *protocol.Operation) {
	if r.canceled[op.ID] && settled(op) { // its queued updates are too late
		r.takeBackLocked(op.ID, protocol.ActionCancel)
	}
	waiters := r.parked[op.ID]
	switch {
	case waiters == nil && op.SelfMade():
	case waiters == nil:
		r.news[op.ID] = op
	case settled(op):
		if op.Type == protocol.TypeCallback || op.Type == protocol.TypeWait {
			r.news[op.ID] = op
		}
		delete(r.parked, op.ID)
		for _, w := range waiters {
			w.op = op
			r.wakeLocked(w)
		}
	default:
		for _, w := range waiters {
			r.awaitLocked(w, op.Type, op)
		}
	}
}

// checkInvocation is checkEnded for after user code, whose error may come from its context's end before the run has
// noticed that.
func (r *run) checkInvocation() {
	if r.callCtx.Err() != nil {
		r.interrupted()
	}
	r.checkEnded()
}

// interrupted ends the run because the invocation's context did.
func (r *run) interrupted() {
	r.finish(outcome{fault: fmt.Errorf("perdure: the invocation ended before the function: %w",
		context.Cause(r.callCtx))})
}

// wait blocks until every goroutine of the run is gone, and returns the outcome.
func (r *run) wait() outcome {
	stop := context.AfterFunc(r.callCtx, r.interrupted)
	r.tasks.Wait()
	r.gone.Store(true)
	stop()
	return r.outcome
}

func newRun(ctx context.Context, cfg *handlerConfig, in *protocol.InvocationInput) *run {
	r := &run{
		cfg:     cfg,
		client:  cfg.client,
		arn:     in.DurableExecutionArn,
		log:     newRunLog(ctx, cfg.logger, in.DurableExecutionArn),
		callCtx: ctx,
		ending:  make(chan struct{}),
		parked:  make(map[string][]*waiter),
		joins:   make(map[*waiter]struct{}),
		news:    make(map[string]*protocol.Operation),
	}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	r.token = in.CheckpointToken
	r.rehearsal = r.token == protocol.RehearsalToken
	return r
}

// load reads the recorded operations. If it reports false the run has ended.
func (r *run) load(in *protocol.InvocationInput) bool {
	var ops []*protocol.Operation
	_, err := recovered(func() (_ string, err error) {
		ops, err = r.pages(in.InitialExecutionState)
		return "", err
	})
	if err != nil {
		r.finish(r.refused(err))
		return false
	}
	r.history, err = newHistory(ops, in.UpdatedOperationIds)
	if err == nil && r.history.execution == nil {
		err = errNoExecution
	}
	if err != nil {
		r.finish(r.failed(err))
		return false
	}
	if len(r.cfg.plugins) > 0 && !r.rehearsal {
		r.startPlugins(ops, in.UpdatedOperationIds)
	}
	return true
}

func (r *run) pages(first protocol.InitialState) ([]*protocol.Operation, error) {
	ops, marker := first.Operations, first.NextMarker
	for marker != "" {
		page, err := r.client.State(r.callCtx, &protocol.StateRequest{
			ExecutionARN: r.arn, Token: r.token, Marker: marker, MaxItems: protocol.MaxPage,
		})
		if err == nil && page == nil {
			err = errNoReply
		}
		if err != nil {
			return nil, fmt.Errorf("reading the execution's state: %w", err)
		}
		ops, marker = append(ops, page.Operations...), page.NextMarker
	}
	return ops, nil
}

// A rehearsal is an invocation that only finds out whether the code can continue an execution from its records. Its
// token says so.
//
// It replays. Where something would have to be recorded, or the body of a step would run, the goroutine halts; a
// record that needs no answer, such as the start of a context, is skipped. When no goroutine can go on, the answer
// is PENDING: the code met all records. Code that does not match them fails as in any invocation. The service is
// not called, and plugins hear nothing.

// rehearsed blocks the calling goroutine until the rehearsal ends, if this is one.
func (r *run) rehearsed(s *scope) {
	if r.rehearsal {
		r.lockFor(s)
		r.halted = true
		r.blockLocked(newWaiter(s))
	}
}

// maxAnew bounds the answer of a rehearsal, in results.
const maxAnew = 100

// note notes, in a rehearsal, if today's code would record v in place of the operation's JSON.
func (r *run) note(id, recorded string, v any) {
	now, err := JSON.Marshal(r.ctx, v)
	if err != nil || string(now) == recorded {
		return
	}
	r.mu.Lock()
	if len(r.anew) < maxAnew {
		r.anew = append(r.anew, protocol.RehearsedValue+id+" "+string(now))
	}
	r.mu.Unlock()
}
