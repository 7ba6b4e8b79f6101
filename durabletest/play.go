package durabletest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/inprocess"
	"github.com/perdure/perdure/protocol"
)

// play runs one invocation of the handler, with the faults at its begin and its end.
func (x *Execution) play(ctx context.Context, inv *engine.Invocation) (answer []byte, err error) {
	s := x.stage
	if !s.exploring {
		return x.invoke(ctx, inv.Payload)
	}
	in, err := protocol.ReadInput(inv.Payload)
	if err != nil {
		return nil, err
	}
	if s.settled() && in.InitialExecutionState.NextMarker == "" && !x.isNew(x.fingerprint(in)) {
		x.merge()
		return nil, inprocess.ErrCrashed
	}
	n := s.number()
	ops := in.InitialExecutionState.Operations
	w := s.visit(invocationBegins, len(ops), place(fmt.Sprintf("at invocation %d", n)))
	payload := inv.Payload
	switch kind, _ := w.split(); kind {
	case kill, deploy:
		s.kill(w)
		return nil, inprocess.ErrCrashed
	case pages:
		if size, _ := parameterOf(w); in.InitialExecutionState.NextMarker == "" {
			x.pages = &statePages{all: ops, size: int(size)}
			in.InitialExecutionState.Operations, in.InitialExecutionState.NextMarker = x.pages.from(0)
			payload = protocol.AppendInput(nil, in)
		}
	}
	invoke := x.invoke
	if s.isNewer() {
		invoke = x.next
	}
	answer, err = invoke(ctx, payload)
	if err != nil || s.gone() {
		return answer, err
	}
	return x.answered(ctx, n, answer)
}

// answered lets faults strike between the function's answer and the service.
func (x *Execution) answered(ctx context.Context, n int, answer []byte) ([]byte, error) {
	s := x.stage
	out, err := protocol.ReadOutput(answer)
	if err != nil {
		s.blame("the function's answer is not that of a durable function: %v", err)
		return answer, nil
	}
	s.answer(n, out.Status)
	kind := invocationEnds
	if out.Status == protocol.InvocationPending {
		kind = invocationPending
	}
	w := s.visit(kind, 0, place(fmt.Sprintf("at %s of invocation %d", out.Status, n)))
	switch kind, _ := w.split(); kind {
	case kill, deploy:
		s.kill(w)
		return nil, inprocess.ErrCrashed
	case hold:
		timers, _ := parameterOf(w)
		x.sleepPast(ctx, int(timers))
	}
	return answer, nil
}

// sleepPast returns when so many timers more have fired, or all of them.
func (x *Execution) sleepPast(ctx context.Context, timers int) {
	var due []protocol.Timestamp
	for _, op := range x.history().Operations() {
		if !op.Status.Closed() {
			due = append(due, max(op.ScheduledEnd, op.NextAttempt))
		}
	}
	due = slices.DeleteFunc(due, func(t protocol.Timestamp) bool { return t == 0 })
	slices.Sort(due)
	due = slices.Compact(due)
	until := time.Now()
	if len(due) > 0 {
		until = due[min(timers, len(due))-1].Time()
	}
	if deadline, ok := ctx.Deadline(); ok && until.After(deadline.Add(-time.Second)) {
		until = deadline.Add(-time.Second)
	}
	time.Sleep(time.Until(until) + time.Millisecond)
}

// pauseFor pauses the execution for a while.
func (x *Execution) pauseFor(d time.Duration) {
	ctx := context.Background()
	if err := x.engine.Pause(ctx, &engine.PauseRequest{ARN: x.arn}); err != nil {
		return // it has closed
	}
	x.stage.errands.Go(func() {
		x.stage.putOff("resume", d)
		x.engine.Resume(ctx, &engine.ResumeRequest{ARN: x.arn}) //nolint:errcheck // it may have closed meanwhile
	})
}

// answering is called where an answer comes from outside of the function: it delays it if a fault says so.
func (s *stage) answering(where place) { s.delay(where, s.visit(answerComes, 0, where)) }

func (s *stage) delay(where place, w what) {
	if d, _ := parameterOf(w); d > 0 {
		s.putOff(where, time.Duration(d))
	}
}

// putOff waits, and lets the fingerprint know for how long.
func (s *stage) putOff(event place, d time.Duration) {
	s.setOutside(event, time.Now().Add(d))
	time.Sleep(d)
	s.setOutside(event, time.Time{})
}

// setOutside takes note of the time of something outside of the function, on which its future depends: one that has
// been, or one that is to come. No time is none.
func (s *stage) setOutside(event place, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.IsZero() {
		delete(s.outside, event)
	} else {
		s.outside[event] = at
	}
}

// number is that of the invocation under way.
func (s *stage) number() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended + 1
}

func (s *stage) isNewer() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newer
}

// merge ends a run that would go on as another did.
func (x *Execution) merge() {
	x.merged.Store(true)
	reason := &protocol.ErrorObject{ErrorType: "Merged", ErrorMessage: "another run went on from this state"}
	x.engine.Stop(context.Background(), &engine.StopRequest{ARN: x.arn, Reason: reason}) //nolint:errcheck // it may be over
}
