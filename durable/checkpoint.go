package durable

import (
	"errors"
	"runtime"
	"time"

	"github.com/perdure/perdure/internal/sdk/transport"
	"github.com/perdure/perdure/protocol"
)

// Bounds of one checkpoint, and the longest time that an update nobody waits for may be held back to travel with
// the next.
const (
	maxBatchUpdates = 250
	maxBatchBytes   = 750 << 10
	startHold       = 5 * time.Millisecond
)

var errHookGone = errors.New("perdure: a plugin's hook left its goroutine with runtime.Goexit, which t.Fatal calls too")

// checkpointer is the part of a run that records updates. At most one call is under way; updates that queue meanwhile
// are the next batch. One goroutine, the flusher, makes the calls, but for those that somebody waits for alone. The
// run's mutex guards it.
type checkpointer struct {
	token    string
	queue    []queued
	urgent   bool      // something in the queue should not wait
	heldTill time.Time // when the queue goes out all the same
	sending  bool      // a call is under way
	drained  *waiter   // waits until nothing is queued or under way
	pollAt   time.Time // when the next poll is due, or earlier; zero is never
	flushing bool      // the flusher was started
	kicked   chan struct{}
	alarm    *time.Timer
}

// queued is an update on its way; ack, if set, waits until it is recorded.
type queued struct {
	update protocol.Update
	ack    *waiter
}

// record queues an update and returns when the service has recorded it. A pipelined run does not wait for ends of
// operations, as long as the queue is short.
func (r *run) record(s *scope, u protocol.Update) {
	r.rehearsed(s)
	r.starting(&u)
	if r.cfg.pipelined && u.Action != protocol.ActionStart && r.recordLater(s, u) {
		return
	}
	w := newWaiter(s)
	r.lockFor(s)
	if s.isTask {
		s.life = ending
	}
	r.queueLocked(queued{u, w})
	r.awaitRecordLocked(w)
}

// recordLater queues an update unless the queue is full.
func (r *run) recordLater(s *scope, u protocol.Update) bool {
	r.lockFor(s)
	defer r.mu.Unlock()
	if len(r.queue) >= maxBatchUpdates {
		return false
	}
	if s.isTask {
		s.life = ending
	}
	r.queueLocked(queued{update: u})
	r.urgent = true
	r.kick()
	return true
}

// drain returns when the service has recorded everything.
func (r *run) drain() {
	r.mu.Lock()
	if len(r.queue) == 0 && !r.sending {
		r.mu.Unlock()
		return
	}
	r.drained = newWaiter(nil)
	r.awaitRecordLocked(r.drained)
}

// send queues an update to go out at once, without waiting for it.
func (r *run) send(s *scope, u protocol.Update) {
	r.rehearsed(s)
	r.starting(&u)
	r.lockFor(s)
	r.queueLocked(queued{update: u})
	r.urgent = true
	r.kick()
	r.mu.Unlock()
}

// hold queues an update that may wait a moment for company: the START of short work needs no call of its own.
func (r *run) hold(s *scope, u protocol.Update) {
	r.starting(&u)
	r.lockFor(s)
	r.holdLocked(u)
	r.mu.Unlock()
}

func (r *run) holdLocked(u protocol.Update) {
	if r.rehearsal {
		return
	}
	if len(r.queue) == 0 {
		r.heldTill = time.Now().Add(startHold)
	}
	r.queueLocked(queued{update: u})
	r.alarm.Reset(time.Until(r.heldTill))
}

// flushLocked returns when the service has recorded all that is queued. It gives up the lock.
func (r *run) flushLocked(s *scope) {
	w := newWaiter(s)
	if r.rehearsal {
		r.halted = true
		r.blockLocked(w)
	}
	r.queue[len(r.queue)-1].ack = w
	r.awaitRecordLocked(w)
}

// awaitRecordLocked blocks the calling workflow goroutine until what is queued is recorded, which wakes w. It gives up
// the lock.
//
// Where no other goroutine can run, nothing will come to travel with it, so the caller makes the call itself: with the
// flusher it takes two hand-overs to another goroutine, each 15 µs on a machine with nothing else to do. Hooks run on
// the flusher all the same.
func (r *run) awaitRecordLocked(w *waiter) {
	r.urgent = true
	if r.sending || r.runnable > 1 || r.plugins != nil {
		r.kick()
	} else {
		req, batch := r.takeLocked()
		r.mu.Unlock()
		r.call(req, batch)
		r.mu.Lock()
	}
	r.blockLocked(w)
}

// lockFor locks the run for an update of scope s. If s may not record any more, it unwinds the calling goroutine.
func (r *run) lockFor(s *scope) {
	r.mu.Lock()
	if r.ended.Load() || r.closing || s.abandonedLocked() {
		r.mu.Unlock()
		runtime.Goexit()
	}
}

// recordExecution records the handler's end. Nothing may follow it.
func (r *run) recordExecution(u protocol.Update) {
	r.rehearsed(nil)
	w := newWaiter(nil)
	r.mu.Lock()
	r.closing = true
	r.queueLocked(queued{u, w})
	r.awaitRecordLocked(w)
}

func (r *run) queueLocked(q queued) {
	if r.rehearsal {
		return
	}
	r.queue = append(r.queue, q)
	r.wakeFlusherLocked()
}

// wakeFlusherLocked starts the flusher if need be; a run that only replays needs none.
func (r *run) wakeFlusherLocked() {
	if !r.flushing && !r.rehearsal {
		r.flushing = true
		r.kicked = make(chan struct{}, 1)
		r.alarm = time.NewTimer(startHold)
		r.tasks.Go(r.flush)
	}
}

func (r *run) kick() {
	select {
	case r.kicked <- struct{}{}:
	default:
	}
}

// flush is the flusher. It ends with the run, and the run ends with it.
func (r *run) flush() {
	defer r.alarm.Stop()
	defer r.finish(outcome{fault: errHookGone}) // no effect, unless a hook unwound the flusher
	for {
		req, batch := r.nextBatch()
		if req == nil {
			return
		}
		r.call(req, batch)
	}
}

// call makes a call that [checkpointer.takeLocked] began, and ends it.
func (r *run) call(req *protocol.CheckpointRequest, batch []queued) {
	reply, err := r.checkpoint(req)
	if err == nil {
		r.checkpointed(req, reply)
	}
	r.apply(batch, reply, err)
}

// checkpoint makes a call. A client's panic is a failure of the call: nothing else recovers it on this goroutine.
func (r *run) checkpoint(req *protocol.CheckpointRequest) (reply *protocol.CheckpointReply, err error) {
	_, panicked := recovered(func() (string, error) {
		reply, err = r.client.Checkpoint(r.callCtx, req)
		if err != nil && withoutCancels(req, err) {
			reply, err = r.client.Checkpoint(r.callCtx, req)
		}
		return "", nil
	})
	switch {
	case panicked != nil:
		err = panicked
	case err == nil && reply == nil:
		err = errNoReply
	}
	return reply, err
}

var errNoReply = errors.New("the client returned neither a reply nor an error")

// nextBatch blocks until a checkpoint is due; it returns nil when the run ended.
func (r *run) nextBatch() (*protocol.CheckpointRequest, []queued) {
	for {
		r.mu.Lock()
		if r.ended.Load() {
			r.mu.Unlock()
			return nil, nil
		}
		now := time.Now()
		switch due := r.dueLocked(now); {
		case r.sending || due.IsZero(): // the end of a call kicks
			r.alarm.Stop()
		case due.After(now):
			r.alarm.Reset(due.Sub(now))
		default:
			defer r.mu.Unlock()
			return r.takeLocked()
		}
		r.mu.Unlock()
		select {
		case <-r.kicked:
		case <-r.alarm.C:
		case <-r.ending:
		}
	}
}

// dueLocked is when the next checkpoint should go out; zero is never.
func (r *run) dueLocked(now time.Time) time.Time {
	poll := r.nextPollLocked(now)
	switch {
	case len(r.queue) == 0:
		return poll
	case r.urgent || r.runnable == 0 || len(r.queue) >= maxBatchUpdates:
		return now
	case poll.IsZero() || poll.After(r.heldTill):
		return r.heldTill
	}
	return poll
}

func (r *run) takeLocked() (*protocol.CheckpointRequest, []queued) {
	n, size := 0, 0
	for n < len(r.queue) && n < maxBatchUpdates {
		size += transport.UpdateSize(&r.queue[n].update)
		if n > 0 && size > maxBatchBytes {
			break
		}
		n++
	}
	batch := r.queue[:n:n]
	r.queue = r.queue[n:]
	r.urgent = len(r.queue) > 0 // the rest has waited long enough
	r.sending = true
	req := &protocol.CheckpointRequest{ExecutionARN: r.arn, Token: r.token, Updates: make([]protocol.Update, n),
		Minimal: r.plugins == nil, // they are told when the service recorded an operation
	}
	for i := range batch {
		req.Updates[i] = batch[i].update
	}
	return req, batch
}

// apply processes the service's answer to a batch.
func (r *run) apply(batch []queued, reply *protocol.CheckpointReply, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sending = false
	if err != nil {
		r.finishLocked(r.refused(err))
		return
	}
	if reply.Token == "" && !closes(batch) {
		// The execution was closed, or is being paused, by someone else.
		r.log.warn("the service ended this invocation: its reply to a checkpoint has no token")
		r.finishLocked(outcome{status: protocol.InvocationPending})
		return
	}
	r.token = reply.Token
	for _, op := range reply.Operations {
		r.deliverLocked(op)
	}
	for i := range batch {
		if w := batch[i].ack; w != nil {
			r.wakeLocked(w)
		}
	}
	if r.drained != nil && len(r.queue) == 0 {
		r.wakeLocked(r.drained)
		r.drained = nil
	}
	r.polledLocked(time.Now())
	if len(r.queue) > 0 || len(r.parked) > 0 {
		r.kick()
	}
	r.idleLocked()
}

func closes(batch []queued) bool {
	return len(batch) > 0 && batch[len(batch)-1].update.Type == protocol.TypeExecution
}
