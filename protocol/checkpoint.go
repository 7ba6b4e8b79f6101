package protocol

// Update is one change that a function asks for in a checkpoint. The options are pointers because rules ask whether
// they are present.
type Update struct {
	ID       string        `json:"Id"`
	Type     OperationType `json:"Type"`
	Action   Action        `json:"Action"`
	ParentID string        `json:"ParentId,omitempty"`
	Name     string        `json:"Name,omitempty"`
	SubType  string        `json:"SubType,omitempty"`
	Payload  *string       `json:"Payload,omitempty"`
	Error    *ErrorObject  `json:"Error,omitempty"`

	ContextOptions       *ContextOptions       `json:"ContextOptions,omitempty"`
	StepOptions          *StepOptions          `json:"StepOptions,omitempty"`
	WaitOptions          *WaitOptions          `json:"WaitOptions,omitempty"`
	CallbackOptions      *CallbackOptions      `json:"CallbackOptions,omitempty"`
	ChainedInvokeOptions *ChainedInvokeOptions `json:"ChainedInvokeOptions,omitempty"`
}

// ContextOptions goes with the SUCCEED of a CONTEXT.
type ContextOptions struct {
	// ReplayChildren keeps the context's children in the state, so that running it again can rebuild its result.
	ReplayChildren bool `json:"ReplayChildren,omitempty"`
}

// StepOptions goes with the RETRY of a STEP.
type StepOptions struct {
	NextAttemptDelaySeconds int64 `json:"NextAttemptDelaySeconds,omitempty"`
}

// WaitOptions goes with the START of a WAIT.
type WaitOptions struct {
	WaitSeconds int64 `json:"WaitSeconds,omitempty"`
}

// CallbackOptions goes with the START of a CALLBACK; zero disables a timeout.
type CallbackOptions struct {
	TimeoutSeconds          int64 `json:"TimeoutSeconds,omitempty"`
	HeartbeatTimeoutSeconds int64 `json:"HeartbeatTimeoutSeconds,omitempty"`
}

// ChainedInvokeOptions goes with the START of a CHAINED_INVOKE.
type ChainedInvokeOptions struct {
	FunctionName string `json:"FunctionName"`
	TenantID     string `json:"TenantId,omitempty"`
	XAmznTraceID string `json:"XAmznTraceId,omitempty"`
}

// AppendCheckpoint appends the body of a CheckpointDurableExecution request. clientToken makes the request safe to
// repeat: the service applies updates with the same token once.
func AppendCheckpoint(dst []byte, token, clientToken string, updates []Update) []byte {
	w := object(dst)
	w.str("CheckpointToken", token)
	w.str("ClientToken", clientToken)
	w.key("Updates")
	w.buf = AppendUpdates(w.buf, updates)
	w.close()
	return w.buf
}

// AppendUpdates appends updates as a JSON array.
func AppendUpdates(dst []byte, updates []Update) []byte {
	dst = append(dst, '[')
	for i := range updates {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendUpdate(dst, &updates[i])
	}
	return append(dst, ']')
}

// AppendUpdate appends u as a JSON object. Options that are present are written even when empty: presence has a
// meaning.
func AppendUpdate(dst []byte, u *Update) []byte {
	w := object(dst)
	w.str("Id", u.ID)
	w.str("Type", string(u.Type))
	w.str("Action", string(u.Action))
	w.optStr("ParentId", u.ParentID)
	w.optStr("Name", u.Name)
	w.optStr("SubType", u.SubType)
	w.optPtr("Payload", u.Payload)
	if u.Error != nil {
		w.key("Error")
		w.buf = AppendErrorObject(w.buf, u.Error)
	}
	w.updateOptions(u)
	w.close()
	return w.buf
}

func (w *objectWriter) updateOptions(u *Update) {
	if o := u.ContextOptions; o != nil {
		w.open("ContextOptions")
		if o.ReplayChildren {
			w.raw("ReplayChildren", "true")
		}
		w.close()
	}
	if o := u.StepOptions; o != nil {
		w.open("StepOptions")
		w.optNum("NextAttemptDelaySeconds", o.NextAttemptDelaySeconds)
		w.close()
	}
	if o := u.WaitOptions; o != nil {
		w.open("WaitOptions")
		w.optNum("WaitSeconds", o.WaitSeconds)
		w.close()
	}
	if o := u.CallbackOptions; o != nil {
		w.open("CallbackOptions")
		w.optNum("TimeoutSeconds", o.TimeoutSeconds)
		w.optNum("HeartbeatTimeoutSeconds", o.HeartbeatTimeoutSeconds)
		w.close()
	}
	if o := u.ChainedInvokeOptions; o != nil {
		w.open("ChainedInvokeOptions")
		w.str("FunctionName", o.FunctionName)
		w.optStr("TenantId", o.TenantID)
		w.optStr("XAmznTraceId", o.XAmznTraceID)
		w.close()
	}
}

// The two calls of the Lambda API with which a durable function records its execution, as data. The engine answers
// them; an SDK makes them.

// CheckpointRequest asks to record updates, all or none. No updates is a poll.
type CheckpointRequest struct {
	ExecutionARN string
	Token        string // consumed by this call
	Updates      []Update
	// Minimal asks for a reply without operations in a [Operation.SelfMade] state: their records repeat what was just
	// sent, payloads included. Only an engine of ours knows the wish; others send them.
	Minimal bool
}

// MinimalHeader and MinimalValue are a header of a checkpoint that asks for a minimal reply; see RFC 7240.
const (
	MinimalHeader = "Prefer"
	MinimalValue  = "return=minimal"
)

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
