package machine

import (
	"math/bits"

	"github.com/perdure/perdure/protocol"
)

// Doing is what an execution is doing. It is a set, since branches may do different things at a time.
type Doing uint32

// The values are stored with rows: they never change their meaning.
const (
	// Running: an invocation is in flight. Only Retrying may come with it: the rest changes all the time, and only
	// the function knows it.
	Running Doing = 1 << iota
	// Queued: an invocation is wanted.
	Queued
	// Retrying: a step or an invocation failed and will be tried again.
	Retrying
	// Waiting: a wait, or a step's poll of a condition, ends at a moment.
	Waiting
	// Callback: somebody outside must answer.
	Callback
	// Invoke: another function must answer.
	Invoke
	// Calling: this process is calling a plain function. Always together with Invoke.
	Calling
	// Paused: the function is not invoked before the execution is resumed. The other waits are set as well.
	Paused

	doings = iota
)

// The places of two of them among the counts.
var (
	retryingAt = bits.TrailingZeros(uint(Retrying))
	callingAt  = bits.TrailingZeros(uint(Calling))
)

// Doing returns what the execution is doing. It is zero only for a closed execution whose last invocation has
// ended.
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

// Since returns since when the execution has been doing it: paused since the pause began, retrying since what failed
// first began, running since the invocation began, queued since the invocation was wanted, all else since the last
// invocation ended. It is zero if the execution does nothing.
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

// retrying ignores a single miss: a function that is being replaced, or an engine that restarts, causes one.
func (s *state) retrying() bool {
	return s.failures > 0 || s.misses > 1 || s.open[retryingAt] > 0
}

// doing is what the execution does because of o.
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

func (s *state) recount(before, after Doing) {
	for i := range s.open {
		s.open[i] += int(after>>i&1) - int(before>>i&1)
	}
}
