package protocol

// InvocationInput is what the service hands to a durable function: not the
// user's event, which is the input payload of the first operation.
type InvocationInput struct {
	DurableExecutionArn   string
	CheckpointToken       string
	InitialExecutionState InitialState
	// UpdatedOperationIds names the operations that changed since the last
	// invocation that ended well. The first invocation names the EXECUTION.
	UpdatedOperationIds []string
}

// InitialState is the first page of the execution's operations. A NextMarker
// that is not empty says that GetDurableExecutionState has more.
type InitialState struct {
	Operations []*Operation
	NextMarker string
}

// InvocationStatus is how a durable function ended one invocation.
type InvocationStatus string

// The statuses that a function may answer with.
const (
	InvocationSucceeded InvocationStatus = "SUCCEEDED"
	InvocationFailed    InvocationStatus = "FAILED"
	InvocationPending   InvocationStatus = "PENDING"
)

// InvocationOutput is a durable function's answer.
type InvocationOutput struct {
	Status InvocationStatus `json:"Status"`
	Result *string          `json:"Result,omitempty"`
	Error  *ErrorObject     `json:"Error,omitempty"`
}
