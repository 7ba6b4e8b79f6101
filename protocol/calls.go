package protocol

// The two calls of the Lambda API with which a durable function records its execution, as data. The engine answers
// them; an SDK makes them.

// CheckpointRequest asks to record updates, all or none. No updates is a poll.
type CheckpointRequest struct {
	ExecutionARN string
	Token        string // consumed by this call
	Updates      []Update
}

// CheckpointReply answers a [CheckpointRequest].
type CheckpointReply struct {
	// Token is for the next call. Without one this invocation may not checkpoint again: the execution closed, or is
	// being paused.
	Token string
	// Operations are those that changed since the last reply.
	Operations []*Operation
}

// StateRequest asks for one page of an execution's operations.
type StateRequest struct {
	ExecutionARN string
	Token        string // not consumed
	Marker       string // from the page before
	MaxItems     int
}

// StateReply is one page of operations.
type StateReply struct {
	Operations []*Operation
	NextMarker string // empty on the last page
}
