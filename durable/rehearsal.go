package durable

import "github.com/perdure/perdure/protocol"

// A rehearsal is an invocation that only finds out whether the code can continue an execution from its records. Its
// token says so.
//
// It replays. Where something would have to be recorded, or the body of a step would run, the goroutine halts; a
// record that needs no answer, such as the start of a context, is skipped. When no goroutine can go on, the answer
// is PENDING: the code met all records. Code that does not match them fails as in any invocation. The service is
// not called, and plugins hear nothing.

func (r *run) rehearsed(s *scope) {
	if r.rehearsal {
		r.lockFor(s)
		r.haltLocked(newWaiter(s))
	}
}

// haltLocked blocks the calling goroutine until the rehearsal ends.
func (r *run) haltLocked(w *waiter) {
	r.halted = true
	r.blockLocked(w)
}

// maxAnew bounds the answer of a rehearsal, in results.
const maxAnew = 100

// note notes, in a rehearsal, if today's code would record v in place of the operation's JSON.
func (r *run) note(id, recorded string, v any) {
	now, err := JSON.Marshal(r.ctx, v)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && string(now) != recorded && len(r.anew) < maxAnew {
		r.anew = append(r.anew, protocol.RehearsedValue+id+" "+string(now))
	}
}

// tell puts what a rehearsal found into its answer.
func (r *run) tell(o *outcome) {
	if len(r.anew) > 0 {
		if o.err == nil {
			o.err = &protocol.ErrorObject{}
		}
		o.err.StackTrace = append(o.err.StackTrace, r.anew...)
	}
}
