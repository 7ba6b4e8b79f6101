package machine

import "github.com/perdure/perdure/internal/wire"

// Delete marks a closed execution for deletion, which whoever drives it then
// carries out; one that is marked already stays as it is. An open execution is
// refused.
func (d *Draft) Delete() error {
	d.FireTimers()
	switch {
	case !d.status.Closed():
		return conflict("Cannot delete a durable execution with status %s.", d.Status())
	case d.deleting == 0:
		d.emit(Record{Event: wire.Event{Type: deletionRequested}})
	}
	return nil
}

// Deleting returns when the deletion of the execution was asked for, or zero.
func (s *state) Deleting() wire.Timestamp { return s.deleting }

// Deletable reports whether the execution may be removed at the moment now: it
// was marked, or its retention is over, and nobody waits for its outcome.
func (s *state) Deletable(now wire.Timestamp) bool {
	return s.status.Closed() && !s.OwesParent() && s.timerDue(0) <= now
}
