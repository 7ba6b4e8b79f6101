package durabletest

import (
	"fmt"
	"testing/synctest"

	"github.com/perdure/perdure/protocol"
)

// A crash is simulated by cutting the function off: its context ends, and later records do not arrive. Unlike a
// killed process it unwinds, so deferred functions run, and a body that ignores its context goes on to its own end
// before the engine hears of the crash.

// CrashBefore kills the function once, when it is about to record the operation called name: the result of a step
// or child context, or the start of anything else. The work is done, and nobody will ever know. Call it before the
// operation runs. The test fails if no such operation is recorded.
func (x *Execution) CrashBefore(name string) {
	x.t.Helper()
	x.inMemory("CrashBefore")
	x.flight.plan(name, before)
}

// CrashAfter kills the function once, when the operation called name has just been recorded, before the function
// hears of that. Otherwise it is as [Execution.CrashBefore].
func (x *Execution) CrashAfter(name string) {
	x.t.Helper()
	x.inMemory("CrashAfter")
	x.flight.plan(name, after)
}

// Crash kills the function now, and waits until it is gone. The test fails if the function does not run: while the
// execution is suspended there is nothing to kill.
func (x *Execution) Crash() {
	x.t.Helper()
	x.inMemory("Crash")
	x.act("Crash")
	x.begin()
	synctest.Wait()
	if !x.stage.kill(kill) {
		x.fatalf("there is no invocation to crash: the execution is suspended or closed:\n%s",
			x.History().Details())
	}
	synctest.Wait()
}

// moment is a side of a commit.
type moment string

const (
	before moment = "before"
	after  moment = "after"
)

// crashPoint is a planned crash.
type crashPoint struct {
	name string
	at   moment
}

// in reports whether updates record the point's operation.
func (p crashPoint) in(updates []protocol.Update) bool {
	for _, u := range updates {
		if u.Name == p.name && (u.Action != protocol.ActionStart || startIsAll(u.Type)) {
			return true
		}
	}
	return false
}

// startIsAll reports whether a function records only the start of such an operation; the service records the rest.
func startIsAll(t protocol.OperationType) bool {
	switch t {
	case protocol.TypeWait, protocol.TypeCallback, protocol.TypeChainedInvoke:
		return true
	}
	return false
}

// Effect says that a side effect has happened: call it in a fake, or in a step's body, as the last thing where the
// effect would be. The key tells one effect of a name from another: an order, a customer. [Explore] sees that each
// happens exactly once, and kills the function after it. [Run] and [Drive] only keep count, for [Execution.Effects].
//
// It may be called by any goroutine. In a function that was killed it does not return: its goroutine is dead.
func (x *Execution) Effect(name string, key any) { x.stage.effect(effect{name, fmt.Sprint(key)}, "") }

// EffectOnce is Effect for a service that takes idempotency keys: an effect of that name with an idempotency key that
// it has seen in this run does not happen again. An empty one is none. See [durable.IdempotencyKey]. [Explore] sees
// that no two effects have the same.
func (x *Execution) EffectOnce(name string, key any, idempotencyKey string) {
	x.stage.effect(effect{name, fmt.Sprint(key)}, idempotencyKey)
}

// Effects is how often the effect of that name and key has happened.
func (x *Execution) Effects(name string, key any) int {
	x.t.Helper()
	x.inMemory("Effects")
	x.stage.mu.Lock()
	defer x.stage.mu.Unlock()
	return x.stage.effects[effect{name, fmt.Sprint(key)}]
}

// Die kills the function, as a process that exits. Call it in a step's body, or anywhere else in the function. It does
// not return.
func (x *Execution) Die() { x.stage.perhapsDie(kill) }
