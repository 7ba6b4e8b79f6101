package protocol

// Update is one change that a function asks for in a checkpoint. The options
// are pointers because their presence is itself subject to rules.
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
	// ReplayChildren keeps the context's children in the state, so that its
	// result can be rebuilt by running it again.
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
