package protocol

// OperationType says what kind of work an operation records.
type OperationType string

// The operation types of the protocol.
const (
	TypeExecution     OperationType = "EXECUTION"
	TypeContext       OperationType = "CONTEXT"
	TypeStep          OperationType = "STEP"
	TypeWait          OperationType = "WAIT"
	TypeCallback      OperationType = "CALLBACK"
	TypeChainedInvoke OperationType = "CHAINED_INVOKE"
)

// OperationTypes lists every operation type, in the order of the service's validation messages.
var OperationTypes = []OperationType{TypeExecution, TypeContext, TypeStep, TypeWait, TypeCallback, TypeChainedInvoke}

// Action is what an update asks for.
type Action string

// The actions of the protocol.
const (
	ActionStart   Action = "START"
	ActionSucceed Action = "SUCCEED"
	ActionFail    Action = "FAIL"
	ActionRetry   Action = "RETRY"
	ActionCancel  Action = "CANCEL"
)

// Actions lists every action, in the order of the service's validation messages.
var Actions = []Action{ActionStart, ActionSucceed, ActionFail, ActionRetry, ActionCancel}

// OperationStatus is the state of an operation.
type OperationStatus string

// The operation statuses of the protocol. A step between two attempts is PENDING until the delay is over, then
// READY.
const (
	StatusStarted   OperationStatus = "STARTED"
	StatusPending   OperationStatus = "PENDING"
	StatusReady     OperationStatus = "READY"
	StatusSucceeded OperationStatus = "SUCCEEDED"
	StatusFailed    OperationStatus = "FAILED"
	StatusCancelled OperationStatus = "CANCELLED"
	StatusTimedOut  OperationStatus = "TIMED_OUT"
	StatusStopped   OperationStatus = "STOPPED"
)

// Closed reports whether an operation with this status can never change again.
func (s OperationStatus) Closed() bool {
	switch s {
	case StatusSucceeded, StatusFailed, StatusCancelled, StatusTimedOut, StatusStopped:
		return true
	}
	return false
}

// ExecutionStatus is the state of an execution.
type ExecutionStatus string

// The execution statuses of the protocol.
const (
	ExecutionRunning   ExecutionStatus = "RUNNING"
	ExecutionSucceeded ExecutionStatus = "SUCCEEDED"
	ExecutionFailed    ExecutionStatus = "FAILED"
	ExecutionTimedOut  ExecutionStatus = "TIMED_OUT"
	ExecutionStopped   ExecutionStatus = "STOPPED"
	ExecutionPausing   ExecutionStatus = "PAUSING"
	ExecutionPaused    ExecutionStatus = "PAUSED"
	ExecutionDeleting  ExecutionStatus = "DELETING"
)

// ExecutionStatuses lists every execution status, in the order of the service's validation message.
var ExecutionStatuses = []ExecutionStatus{
	ExecutionSucceeded, ExecutionTimedOut, ExecutionDeleting, ExecutionStopped,
	ExecutionPaused, ExecutionPausing, ExecutionFailed, ExecutionRunning,
}

// Closed reports whether an execution with this status has ended.
func (s ExecutionStatus) Closed() bool {
	switch s {
	case ExecutionSucceeded, ExecutionFailed, ExecutionTimedOut, ExecutionStopped, ExecutionDeleting:
		return true
	}
	return false
}

// The subtypes that SDKs send. To the service a subtype is opaque; SDKs agree on these, and the conformance suite
// matches them.
const (
	SubTypeStep              = "Step"
	SubTypeWaitForCondition  = "WaitForCondition"
	SubTypeWait              = "Wait"
	SubTypeCallback          = "Callback"
	SubTypeWaitForCallback   = "WaitForCallback"
	SubTypeChainedInvoke     = "ChainedInvoke"
	SubTypeRunInChildContext = "RunInChildContext"
	SubTypeMap               = "Map"
	SubTypeMapIteration      = "MapIteration"
	SubTypeParallel          = "Parallel"
	SubTypeParallelBranch    = "ParallelBranch"
	SubTypeDag               = "Dag"
)

// Error types that the service itself writes into error objects.
const (
	ErrorTypeCallbackTimeout   = "Callback.Timeout"
	ErrorTypeCallbackHeartbeat = "Callback.Heartbeat"
	ErrorTypeInvokeTimeout     = "ChainedInvoke.Timeout"
	ErrorTypeExit              = "Runtime.ExitError"
	ErrorTypeTimedOut          = "Sandbox.Timedout"
	ErrorTypeQuota             = "ServiceQuotaExceededException"
	ErrorTypeSandboxFailure    = "Sandbox.Failure"
)

// ErrorTypeNonDeterminism is the type of package durable's error about code that does not do what is recorded.
const ErrorTypeNonDeterminism = "NonDeterminismError"

// RehearsalToken, in place of a checkpoint token, makes an invocation a rehearsal: package durable replays without
// recording anything or running a body. Can changed code take the execution on? No service makes or takes this token.
//
// A program that has the text in it knows rehearsals. It is long enough for compilers to keep it in one piece.
const RehearsalToken = "perdure rehearsal"

// RehearsedValue begins a line of the answer to a rehearsal, in the stack trace of its error, that has the id of an
// operation, a space, and what today's code would record in place of the operation's result, where the two differ.
const RehearsedValue = "recorded anew: "
