package protocol

// Operation is the current record of one operation of an execution. It is
// flat: the protocol nests the members below Start and End in a details object
// named after the type, which the codec does.
type Operation struct {
	ID       string
	Type     OperationType
	Status   OperationStatus
	ParentID string
	Name     string
	SubType  string
	Start    Timestamp
	End      Timestamp

	// Payload is the input of an EXECUTION and the result of anything else. A
	// step between attempts keeps the payload of its last RETRY here, which is
	// how wait-for-condition carries its state.
	Payload *string
	// Error is why the operation, or a step's last attempt, failed.
	Error *ErrorObject

	Attempt        int       // STEP: finished attempts
	NextAttempt    Timestamp // STEP: when the next attempt is due; only while PENDING
	ScheduledEnd   Timestamp // WAIT: when it elapses
	CallbackID     string    // CALLBACK: minted by the service
	ReplayChildren bool      // CONTEXT: closed without its result; children stay visible
}
