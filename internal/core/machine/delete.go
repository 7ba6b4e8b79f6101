package machine

import "github.com/perdure/perdure/protocol"

// Delete marks a closed execution for deletion, which whoever drives it then
// carries out; one that is marked already stays as it is. An open execution is
// refused.
func (d *Draft) Delete() error {
	d.FireTimers()
	switch {
	case !d.status.Closed():
		return conflict("Cannot delete a durable execution with status %s.", d.Status())
	case d.deleting == 0:
		d.emit(Record{Event: protocol.Event{Type: deletionRequested}})
	}
	return nil
}

// Deleting returns when the deletion of the execution was asked for, or zero.
func (s *state) Deleting() protocol.Timestamp { return s.deleting }

// AtOnce is the moment from which on an execution may be removed whose deletion
// was asked for: whatever the clock says, it has passed.
const AtOnce protocol.Timestamp = 1

// Expires returns from when on the execution may be removed: its retention is
// over, or it was marked. It is zero while it is open, and while the execution
// that invoked it does not know the outcome.
func (s *state) Expires() protocol.Timestamp {
	switch {
	case !s.status.Closed() || s.OwesParent():
		return 0
	case s.deleting != 0:
		return AtOnce
	}
	return s.closed.AddDays(s.identity.RetentionDays)
}

// Deletable reports whether the execution may be removed at the moment now.
func (s *state) Deletable(now protocol.Timestamp) bool {
	at := s.Expires()
	return at != 0 && at <= now
}
