package durable

import (
	"os"

	"github.com/perdure/perdure/protocol"
)

// A rehearsal is an invocation that only finds out whether the code can take an
// execution on from what is recorded: perdure dev makes one for each open
// execution before code that has changed takes them over.
//
// It replays. Where something would have to be recorded, or the body of a step
// would run, the goroutine halts; what needs no answer, such as the start of a
// context, is passed over. When no goroutine can go on, the answer is PENDING:
// all that is recorded was met. Code that does not match what is recorded fails
// as in any invocation. The service is not called, and plugins hear of nothing.

// rehearse makes each invocation a rehearsal, if the process was started for
// them.
func (c *handlerConfig) rehearse() {
	if os.Getenv(protocol.RehearsalVariable) != "" {
		c.rehearsal = true
		c.plugins = nil
	}
}

// rehearsed ends the calling goroutine if this is a rehearsal.
func (r *run) rehearsed(s *scope) {
	if r.cfg.rehearsal {
		r.lockFor(s)
		r.haltLocked(newWaiter(s))
	}
}

// haltLocked blocks the calling goroutine until the rehearsal ends, and it with
// it.
func (r *run) haltLocked(w *waiter) {
	r.halted = true
	r.blockLocked(w)
}
