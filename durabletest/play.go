package durabletest

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
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
	if s.settled() && !x.isNew(x.fingerprint(in)) {
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
		time.Sleep(d)
		x.engine.Resume(ctx, &engine.ResumeRequest{ARN: x.arn}) //nolint:errcheck // it may have closed meanwhile
	})
}

// answering is called where an answer comes from outside of the function: it delays it if a fault says so.
func (s *stage) answering(where string) {
	s.delay(s.visit(answerComes, 0, place(where)))
}

func (s *stage) delay(w what) {
	if d, _ := parameterOf(w); d > 0 {
		time.Sleep(time.Duration(d))
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

var seed = maphash.MakeSeed()

// fingerprint tells states apart from which the run could go on differently: what is recorded, how long timers have to
// go, and what the function and those around it have done.
func (x *Execution) fingerprint(in *protocol.InvocationInput) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	now := protocol.TimestampOf(time.Now())
	ops := in.InitialExecutionState.Operations
	for _, op := range ops {
		fmt.Fprintf(&h, "%s %s %s %s %d ", op.ID, op.Status, op.Type, op.Name, op.Attempt)
		if op.Payload != nil {
			fmt.Fprintf(&h, "%q", *op.Payload)
		}
		if op.Error != nil {
			fmt.Fprintf(&h, "%s %q", op.Error.ErrorType, op.Error.ErrorMessage)
		}
		for _, t := range []protocol.Timestamp{op.ScheduledEnd, op.NextAttempt, ops[0].Start} {
			fmt.Fprintf(&h, " %d", t-now)
		}
		fmt.Fprintln(&h)
	}
	news := slices.Sorted(slices.Values(in.UpdatedOperationIds))
	fmt.Fprintln(&h, news, in.InitialExecutionState.NextMarker, x.acts.Load())
	x.stage.writeDone(&h)
	return h.Sum64()
}

// writeDone writes what was done, in an order of its own.
func (s *stage) writeDone(h *maphash.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for a, n := range s.bodies {
		lines = append(lines, fmt.Sprint(a, n))
	}
	for e, n := range s.effects {
		lines = append(lines, fmt.Sprint(e, n))
	}
	slices.Sort(lines)
	fmt.Fprintln(h, s.newer, s.ran, strings.Join(lines, "\n"))
}

// merge ends a run that would go on as another did.
func (x *Execution) merge() {
	x.merged.Store(true)
	reason := &protocol.ErrorObject{ErrorType: "Merged", ErrorMessage: "another run went on from this state"}
	x.engine.Stop(context.Background(), x.arn, reason) //nolint:errcheck // it may have closed meanwhile
}
