package protocol

import (
	"encoding/json"
	"fmt"
)

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

// operationJSON is an Operation as the protocol spells it, for decoding.
type operationJSON struct {
	ID               string          `json:"Id"`
	Type             OperationType   `json:"Type"`
	Status           OperationStatus `json:"Status"`
	ParentID         string          `json:"ParentId"`
	Name             string          `json:"Name"`
	SubType          string          `json:"SubType"`
	StartTimestamp   Timestamp       `json:"StartTimestamp"`
	EndTimestamp     Timestamp       `json:"EndTimestamp"`
	ExecutionDetails *struct {
		InputPayload *string
	}
	ContextDetails *struct {
		ReplayChildren bool
		Result         *string
		Error          *ErrorObject
	}
	StepDetails *struct {
		Attempt              int
		NextAttemptTimestamp Timestamp
		Result               *string
		Error                *ErrorObject
	}
	WaitDetails *struct {
		ScheduledEndTimestamp Timestamp
	}
	CallbackDetails *struct {
		CallbackID string `json:"CallbackId"`
		Result     *string
		Error      *ErrorObject
	}
	ChainedInvokeDetails *struct {
		Result *string
		Error  *ErrorObject
	}
}

// UnmarshalJSON reads the envelope's dialect, in which timestamps are integer
// milliseconds. Unknown members are ignored, as newer services may add some.
func (o *Operation) UnmarshalJSON(data []byte) error {
	var j operationJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("decoding an operation: %w", err)
	}
	*o = Operation{
		ID: j.ID, Type: j.Type, Status: j.Status, ParentID: j.ParentID, Name: j.Name, SubType: j.SubType,
		Start: j.StartTimestamp, End: j.EndTimestamp,
	}
	if d := j.ExecutionDetails; d != nil {
		o.Payload = d.InputPayload
	}
	if d := j.ContextDetails; d != nil {
		o.ReplayChildren, o.Payload, o.Error = d.ReplayChildren, d.Result, d.Error
	}
	if d := j.StepDetails; d != nil {
		o.Attempt, o.NextAttempt, o.Payload, o.Error = d.Attempt, d.NextAttemptTimestamp, d.Result, d.Error
	}
	if d := j.WaitDetails; d != nil {
		o.ScheduledEnd = d.ScheduledEndTimestamp
	}
	if d := j.CallbackDetails; d != nil {
		o.CallbackID, o.Payload, o.Error = d.CallbackID, d.Result, d.Error
	}
	if d := j.ChainedInvokeDetails; d != nil {
		o.Payload, o.Error = d.Result, d.Error
	}
	return nil
}

// MarshalJSON writes the envelope's dialect.
func (o *Operation) MarshalJSON() ([]byte, error) {
	return AppendOperation(nil, o, Envelope), nil
}
