package protocol

import "slices"

// InvocationInput is the service's message to a durable function. The user's event is in it as the input payload of
// the first operation.
type InvocationInput struct {
	DurableExecutionArn   string
	CheckpointToken       string
	InitialExecutionState InitialState
	// UpdatedOperationIds names the operations that changed since the last
	// invocation that ended well. The first invocation names the EXECUTION.
	UpdatedOperationIds []string
}

// InitialState is the first page of the execution's operations. With a NextMarker, GetDurableExecutionState has
// more.
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

// AppendInput appends the invocation envelope.
func AppendInput(dst []byte, in *InvocationInput) []byte {
	size := 1 << 10
	for _, op := range in.InitialExecutionState.Operations {
		size += 256
		if op.Payload != nil { // may be large; with room for some quotation marks
			size += len(*op.Payload) + len(*op.Payload)/32
		}
	}
	w := object(slices.Grow(dst, size))
	w.str("DurableExecutionArn", in.DurableExecutionArn)
	w.str("CheckpointToken", in.CheckpointToken)
	w.open("InitialExecutionState")
	w.key("Operations")
	w.buf = AppendOperations(w.buf, in.InitialExecutionState.Operations, Envelope)
	w.str("NextMarker", in.InitialExecutionState.NextMarker)
	w.close()
	w.key("UpdatedOperationIds")
	w.buf = append(w.buf, '[')
	for i, id := range in.UpdatedOperationIds {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = AppendString(w.buf, id)
	}
	w.buf = append(w.buf, ']')
	w.close()
	return w.buf
}

// ReadInput reads the invocation envelope. Any other JSON object is an empty one.
func ReadInput(data []byte) (*InvocationInput, error) {
	r, in := NewLenientReader(data), &InvocationInput{}
	for name := range r.Members() {
		switch string(name) {
		case "DurableExecutionArn":
			in.DurableExecutionArn = r.Text()
		case "CheckpointToken":
			in.CheckpointToken = r.Text()
		case "InitialExecutionState":
			in.InitialExecutionState = r.State(Envelope)
		case "UpdatedOperationIds":
			in.UpdatedOperationIds = nil
			for range r.Elements() {
				in.UpdatedOperationIds = append(in.UpdatedOperationIds, r.Text())
			}
		default:
			r.Skip()
		}
	}
	r.End()
	return in, r.Err()
}

// ReadOutput reads a durable function's answer.
func ReadOutput(data []byte) (*InvocationOutput, error) {
	r, out := NewReader(data), &InvocationOutput{}
	for name := range r.Members() {
		switch string(name) {
		case "Status":
			out.Status = InvocationStatus(r.Text())
		case "Result":
			out.Result = r.Optional()
		case "Error":
			out.Error = r.ErrorObject()
		default:
			r.Skip()
		}
	}
	r.End()
	return out, r.Err()
}
