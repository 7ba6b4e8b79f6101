package machine

import (
	"math/bits"

	"github.com/perdure/perdure/protocol"
)

// Doing is what an execution is doing: a set, since its branches may do different things at one time.
type Doing uint32

// What there is to do. The values are stored with rows: they never change their meaning.
const (
	// Running: an invocation is in flight. Nothing else is said meanwhile but
	// Retrying: only the function knows, and it changes all the time.
	Running Doing = 1 << iota
	// Queued: an invocation is wanted.
	Queued
	// Retrying: a step, or an invocation, failed and is tried again.
	Retrying
	// Waiting: a moment must come. It is a wait's end, or the next look of a step that waits for a condition.
	Waiting
	// Callback: somebody outside must answer.
	Callback
	// Invoke: another function must answer.
	Invoke
	// Calling: of these functions, a plain one is being called by this very process. It is an Invoke as well.
	Calling
	// Paused: the function is not invoked until somebody ends the pause. What
	// the execution would wait for otherwise is still said.
	Paused

	doings = iota
)

// The places of two of them among the counts.
var (
	retryingAt = bits.TrailingZeros(uint(Retrying))
	callingAt  = bits.TrailingZeros(uint(Calling))
)

// Doing returns what the execution is doing. It is zero for a closed one whose
// last invocation has ended, and for no other.
func (s *state) Doing() Doing {
	var doing Doing
	if s.Invoking() {
		doing = Running
	}
	if s.status.Closed() {
		return doing
	}
	if s.retrying() {
		doing |= Retrying
	}
	if s.Invoking() {
		return doing
	}
	switch {
	case s.status == protocol.ExecutionPaused:
		doing |= Paused
	case s.invokeAt != 0:
		doing |= Queued
	}
	for i, n := range s.open {
		if n > 0 {
			doing |= 1 << i
		}
	}
	return doing
}

// Since returns since when an execution has been doing what it does: paused since the pause began, trying again
// since the first failure, running since the invocation began, queued since the invocation was wanted, everything
// else since the last invocation ended. It is zero if it does nothing.
func (s *state) Since() protocol.Timestamp {
	switch doing := s.Doing(); {
	case doing == 0:
		return 0
	case doing&Paused != 0:
		return s.pause.Since
	case doing&Retrying != 0:
		return s.retryingSince
	case doing&Running != 0:
		return s.invocation.start
	case doing&Queued != 0:
		return s.queuedSince
	}
	return s.idleSince
}

// retrying leaves a single miss out: it is how a function looks that is being
// replaced, or an engine that was restarted.
func (s *state) retrying() bool {
	return s.failures > 0 || s.misses > 1 || s.open[retryingAt] > 0
}

// doing is what an execution does because of o.
func (o *operation) doing() Doing {
	if o.Status.Closed() {
		return 0
	}
	switch o.Type {
	case protocol.TypeWait:
		return Waiting
	case protocol.TypeCallback:
		return Callback
	case protocol.TypeChainedInvoke:
		if o.calling() {
			return Invoke | Calling
		}
		return Invoke
	case protocol.TypeStep:
		switch {
		case o.Attempt > 0 && o.Error != nil:
			return Retrying
		case o.Status == protocol.StatusPending:
			return Waiting
		}
	}
	return 0
}

// recount follows an operation from doing one thing to doing another.
func (s *state) recount(before, after Doing) {
	for i := range s.open {
		s.open[i] += int(after>>i&1) - int(before>>i&1)
	}
}
