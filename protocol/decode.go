package protocol

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// What is read here was written by a service, or by a function, that may be newer:
// members that are not known are skipped.

// lenient is a reader of data in which what is not UTF-8 is replaced. A client does
// without some characters rather than without the answer.
func lenient(data []byte) *Reader {
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\ufffd"))
	}
	return &Reader{data: data}
}

// ReadInput reads the invocation envelope. Any other JSON object is an empty one.
func ReadInput(data []byte) (*InvocationInput, error) {
	r, in := lenient(data), &InvocationInput{}
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

// State reads a page of operations in dialect d.
func (r *Reader) State(d Dialect) (s InitialState) {
	for name := range r.Members() {
		switch string(name) {
		case "NextMarker":
			s.NextMarker = r.Text()
		case "Operations":
			s.Operations = r.Operations(d)
		default:
			r.Skip()
		}
	}
	return s
}

// Operations reads an array of operations in dialect d, none of which is null.
func (r *Reader) Operations(d Dialect) (ops []*Operation) {
	for range r.Elements() {
		if r.Null() {
			r.Fail("An operation is null.")
		}
		o := &Operation{}
		r.operation(o, d)
		ops = append(ops, o)
	}
	return ops
}

func (r *Reader) operation(o *Operation, d Dialect) {
	for name := range r.Members() {
		switch string(name) {
		case "Id":
			o.ID = r.Text()
		case "Type":
			o.Type = OperationType(r.Word())
		case "Status":
			o.Status = OperationStatus(r.Word())
		case "ParentId":
			o.ParentID = r.Word()
		case "Name":
			o.Name = r.Word()
		case "SubType":
			o.SubType = r.Word()
		case "StartTimestamp":
			o.Start = r.Time(d)
		case "EndTimestamp":
			o.End = r.Time(d)
		case "StepDetails", "WaitDetails", "ContextDetails", "ExecutionDetails", "CallbackDetails", "ChainedInvokeDetails":
			r.operationDetails(o, d)
		default:
			r.Skip()
		}
	}
}

// operationDetails reads any of the details objects: their members do not clash.
func (r *Reader) operationDetails(o *Operation, d Dialect) {
	for name := range r.Members() {
		switch string(name) {
		case "Result", "InputPayload":
			o.Payload = r.Optional()
		case "Error":
			o.Error = r.ErrorObject()
		case "Attempt":
			n, _ := r.Int()
			o.Attempt = int(n)
		case "NextAttemptTimestamp":
			o.NextAttempt = r.Time(d)
		case "ScheduledEndTimestamp":
			o.ScheduledEnd = r.Time(d)
		case "CallbackId":
			o.CallbackID = r.Text()
		case "ReplayChildren":
			o.ReplayChildren = r.Bool()
		default:
			r.Skip()
		}
	}
}

// UnmarshalJSON reads the envelope's dialect, in which timestamps are integer
// milliseconds.
func (o *Operation) UnmarshalJSON(data []byte) error {
	r := lenient(data)
	*o = Operation{}
	r.operation(o, Envelope)
	r.End()
	if r.Err() != nil {
		return fmt.Errorf("decoding an operation: %w", r.Err())
	}
	return nil
}

// MarshalJSON writes the envelope's dialect.
func (o *Operation) MarshalJSON() ([]byte, error) {
	return AppendOperation(nil, o, Envelope), nil
}

// ErrorObject reads an error object, nil for null.
func (r *Reader) ErrorObject() *ErrorObject {
	if r.Null() {
		return nil
	}
	e := &ErrorObject{}
	for name := range r.Members() {
		switch string(name) {
		case "ErrorMessage":
			e.ErrorMessage = r.Text()
		case "ErrorType":
			e.ErrorType = r.Text()
		case "ErrorData":
			e.ErrorData = r.Text()
		case "StackTrace":
			e.StackTrace = r.trace()
		default:
			r.Skip()
		}
	}
	return e
}

// trace reads a stack trace.
func (r *Reader) trace() (lines []string) {
	for range r.Elements() {
		if r.frames++; r.MaxFrames > 0 && r.frames > r.MaxFrames {
			r.Fail("The stack traces of the request have too many frames.")
			return nil
		}
		lines = append(lines, r.Text())
	}
	return lines
}

// ReadEvent reads an event of a history, in the API's dialect. An event of a type
// that this version does not know has no details.
func ReadEvent(data []byte) (*Event, error) {
	r, e := lenient(data), &Event{}
	details := map[string]int{} // where they begin: their name tells only when the type is known
	if r.Peek() != '{' {
		r.malformed()
	}
	for name := range r.Members() {
		switch string(name) {
		case "EventType":
			e.Type = EventType(r.Text())
		case "EventId":
			e.ID, _ = r.Int()
		case "EventTimestamp":
			e.Time = r.Time(API)
		case "Id":
			e.OpID = r.Text()
		case "Name":
			e.Name = r.Text()
		case "ParentId":
			e.ParentID = r.Text()
		case "SubType":
			e.SubType = r.Text()
		default:
			if strings.HasSuffix(string(name), "Details") {
				details[string(name)] = r.pos
			}
			r.Skip()
		}
	}
	r.End()
	if r.Err() != nil {
		return nil, fmt.Errorf("decoding an event: %w", r.Err())
	}
	if at, ok := details[string(e.Type)+"Details"]; ok {
		r.pos = at
		for name := range r.Members() {
			r.detail(e, string(name))
		}
	}
	if r.Err() != nil {
		return nil, fmt.Errorf("decoding the details of event %d, %s: %w", e.ID, e.Type, r.Err())
	}
	return e, nil
}

// detail reads a member of an event's details, as [objectWriter.detail] writes it.
func (r *Reader) detail(e *Event, name string) {
	switch name {
	case "Input", "Result", "Reason":
		r.wrapped(func() { e.Payload = r.Optional() })
	case "Error":
		r.wrapped(func() { e.Error = r.ErrorObject() })
	case "RetryDetails":
		for name := range r.Members() {
			switch string(name) {
			case "CurrentAttempt":
				n, _ := r.Int()
				e.CurrentAttempt = int(n)
			case "NextAttemptDelaySeconds":
				e.NextAttemptDelay, _ = r.Int()
			default:
				r.Skip()
			}
		}
	case "ExecutionTimeout":
		e.ExecutionTimeout, _ = r.Int()
	case "PauseRequestTimestamp", "ResumeRequestTimestamp":
		e.Requested = r.Time(API)
	case "ExecutionTimeoutPaused":
		e.TimeoutPaused = r.Bool()
	case "Duration":
		e.Duration, _ = r.Int()
	case "ScheduledEndTimestamp":
		e.ScheduledEnd = r.Time(API)
	case "CallbackId":
		e.CallbackID = r.Text()
	case "Timeout":
		e.Timeout, _ = r.Int()
	case "HeartbeatTimeout":
		e.HeartbeatTimeout, _ = r.Int()
	case "FunctionName":
		e.FunctionName = r.Text()
	case "TenantId":
		e.TenantID = r.Text()
	case "ExecutedVersion":
		e.ExecutedVersion = r.Text()
	case "DurableExecutionArn":
		e.DurableExecutionARN = r.Text()
	case "StartTimestamp":
		e.Start = r.Time(API)
	case "EndTimestamp":
		e.End = r.Time(API)
	case "RequestId":
		e.RequestID = r.Text()
	default:
		r.Skip()
	}
}

// wrapped has the Payload read that a wrapper of a payload or an error holds.
func (r *Reader) wrapped(payload func()) {
	for name := range r.Members() {
		if string(name) == "Payload" {
			payload()
		} else {
			r.Skip()
		}
	}
}
