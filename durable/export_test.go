package durable

import (
	"reflect"

	"github.com/perdure/perdure/protocol"
)

// What tests outside the package need of its inside.

// ChildID is the id scheme.
var ChildID = childID

// PollInterval is the time after the nth poll.
var PollInterval = pollInterval

// NonDeterminism says that code fails with err without reaching a step.
func NonDeterminism(err error) error { return &nonDeterminism{ID: "1", Recorded: "STEP", Err: err} }

// TimedOut is the error of an invoke of f whose execution timed out.
func TimedOut(name string, err error) error {
	return &OperationError{Kind: protocol.SubTypeChainedInvoke, Name: name, Function: "f", Err: err, status: protocol.StatusTimedOut}
}

// NewLogger is the default logger.
var NewLogger = newLogger

// Spawn runs fn in a goroutine and a context of its own, numbered as an
// operation of ctx that is not recorded: what fan-out will be made of.
func Spawn(ctx Context, fn func(Context)) {
	s := scopeOf(ctx)
	s.count++
	id := childID(s.id, s.count)
	branch := newScope(ctx, s.run, s, id, "")
	branch.within = s.within
	s.run.spawn(branch, func() { fn(branch) })
}

// Block blocks the workflow goroutine until another calls wake.
func Block(ctx Context) (block, wake func()) {
	r := scopeOf(ctx).run
	w := newWaiter(scopeOf(ctx))
	return func() {
			r.mu.Lock()
			r.blockLocked(w)
		}, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.wakeLocked(w)
		}
}

// All1 is the first result of an All.
func All1[T any](values []T, err error) (T, error) {
	var zero T
	if err != nil {
		return zero, err
	}
	return values[0], nil
}

// Fidelity says what JSON makes of values of the type.
func Fidelity(t reflect.Type) string {
	return [...]string{"changed", "detached", "same"}[fidelityOf(t)]
}

// Detach copies what v points to.
func Detach[T any](v T) T {
	detach(reflect.ValueOf(&v).Elem())
	return v
}
