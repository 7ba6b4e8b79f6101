package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"

	"github.com/perdure/perdure/protocol"
)

// Seconds is a timestamp of the Lambda API: epoch seconds with a fraction.
type Seconds float64

// Timestamp converts s to milliseconds.
func (s Seconds) Timestamp() protocol.Timestamp {
	return protocol.Timestamp(math.Round(float64(s) * 1000))
}

// Execution is an execution as the Lambda API describes it. A row of a list
// has only the first members.
type Execution struct {
	ARN         string                   `json:"DurableExecutionArn"`
	Name        string                   `json:"DurableExecutionName"`
	FunctionARN string                   `json:"FunctionArn"`
	Status      protocol.ExecutionStatus `json:"Status"`
	Started     Seconds                  `json:"StartTimestamp"`
	Closed      Seconds                  `json:"EndTimestamp"`

	Input  *string               `json:"InputPayload"`
	Result *string               `json:"Result"`
	Error  *protocol.ErrorObject `json:"Error"`

	Pause    *Pause  `json:"PauseDetails"`                      // of one that is PAUSING or PAUSED
	TimesOut Seconds `json:"ExpectedExecutionTimeoutTimestamp"` // of one that is open
}

// Pause says when and why an execution was asked to pause.
type Pause struct {
	Requested     Seconds `json:"PauseRequestTimestamp"`
	TimeoutPaused bool    `json:"ExecutionTimeoutPaused"`
	Reason        string  `json:"Reason"`
}

// payload is the wrapper around payloads in events.
type payload struct{ Payload *string }

// eventDetails has the members of every kind of event's details.
type eventDetails struct {
	Input, Result, Reason payload

	Error        struct{ Payload *protocol.ErrorObject }
	RetryDetails struct {
		CurrentAttempt          int
		NextAttemptDelaySeconds int64
	}
	ExecutionTimeout      int64
	Duration              int64
	ScheduledEndTimestamp Seconds
	CallbackID            string `json:"CallbackId"`
	Timeout               int64
	HeartbeatTimeout      int64
	FunctionName          string
	ExecutedVersion       string
	DurableExecutionARN   string `json:"DurableExecutionArn"`
	RequestID             string `json:"RequestId"`
	StartTimestamp        Seconds
	EndTimestamp          Seconds

	PauseRequestTimestamp, ResumeRequestTimestamp Seconds
	ExecutionTimeoutPaused                        bool
}

// DecodeEvent reads a history event of the Lambda API. Kinds of events and
// members that this version does not know are no error.
func DecodeEvent(data []byte) (*protocol.Event, error) {
	var head struct {
		EventType      protocol.EventType
		EventID        int64 `json:"EventId"`
		EventTimestamp Seconds
		ID             string `json:"Id"`
		Name           string
		ParentID       string `json:"ParentId"`
		SubType        string
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("decoding an event: %w", err)
	}
	var members map[string]json.RawMessage
	var d eventDetails
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, fmt.Errorf("decoding an event: %w", err)
	}
	if raw := members[string(head.EventType)+"Details"]; raw != nil {
		if err := json.Unmarshal(raw, &d); err != nil {
			return nil, fmt.Errorf("decoding the details of event %d, %s: %w", head.EventID, head.EventType, err)
		}
	}
	e := &protocol.Event{
		Type: head.EventType, ID: head.EventID, Time: head.EventTimestamp.Timestamp(),
		OpID: head.ID, Name: head.Name, ParentID: head.ParentID, SubType: head.SubType,
	}
	d.fill(e)
	return e, nil
}

func (d *eventDetails) fill(e *protocol.Event) {
	e.Payload = cmp.Or(d.Result.Payload, d.Input.Payload, d.Reason.Payload)
	e.Error = d.Error.Payload
	e.CurrentAttempt, e.NextAttemptDelay = d.RetryDetails.CurrentAttempt, d.RetryDetails.NextAttemptDelaySeconds
	e.ExecutionTimeout, e.Duration, e.ScheduledEnd = d.ExecutionTimeout, d.Duration, d.ScheduledEndTimestamp.Timestamp()
	e.CallbackID, e.Timeout, e.HeartbeatTimeout = d.CallbackID, d.Timeout, d.HeartbeatTimeout
	e.FunctionName, e.ExecutedVersion, e.DurableExecutionARN = d.FunctionName, d.ExecutedVersion, d.DurableExecutionARN
	e.Requested = cmp.Or(d.PauseRequestTimestamp, d.ResumeRequestTimestamp).Timestamp()
	e.TimeoutPaused = d.ExecutionTimeoutPaused
	e.RequestID, e.Start, e.End = d.RequestID, d.StartTimestamp.Timestamp(), d.EndTimestamp.Timestamp()
}
