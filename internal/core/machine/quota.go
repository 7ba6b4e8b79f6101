package machine

import (
	"fmt"

	"github.com/perdure/perdure/protocol"
)

// Usage is the use of AWS's quotas, counted as AWS counts: every attempt of a step and every repeated invocation is
// an operation, and the execution's result is not stored data.
type Usage struct {
	Operations int64
	Bytes      int64 // of inputs, results and errors
}

// Usage returns what the execution has used so far.
func (s *state) Usage() Usage { return s.used }

// meter counts the use of a record. New operations are counted where they are added.
func (d *Draft) meter(r *Record, m *protocol.Meaning) {
	switch {
	case r.Type == executionClosing, m.Execution != "" && r.Type != protocol.EventExecutionStarted:
		return
	case r.Type == protocol.EventInvocationCompleted:
		if !r.Failed || r.Lost {
			return
		}
		d.used.Operations++
	}
	if r.NextAttemptDelay > 0 {
		d.used.Operations++
	}
	if r.Payload != nil {
		d.used.Bytes += int64(len(*r.Payload))
	}
	d.used.Bytes += int64(r.Error.Size())
}

// exceed closes an execution over its quota, with the end of the invocation, and reports whether it did.
func (d *Draft) exceed() bool {
	failure := d.overQuota()
	if failure == nil || d.ended() {
		return false
	}
	d.emit(Record{Event: protocol.Event{Type: executionClosing, Error: failure}, Status: protocol.ExecutionFailed})
	return true
}

func (d *Draft) overQuota() *protocol.ErrorObject {
	rules := d.x.rules
	switch {
	case rules.MaxOperations > 0 && d.used.Operations > int64(rules.MaxOperations):
		return quotaError("%d operations", rules.MaxOperations)
	case rules.MaxStoredBytes > 0 && d.used.Bytes > int64(rules.MaxStoredBytes):
		return quotaError("%d bytes of stored data", rules.MaxStoredBytes)
	}
	return nil
}

func quotaError(format string, limit int) *protocol.ErrorObject {
	return &protocol.ErrorObject{
		ErrorType:    protocol.ErrorTypeQuota,
		ErrorMessage: fmt.Sprintf("The durable execution exceeded its limit of "+format+".", limit),
	}
}
