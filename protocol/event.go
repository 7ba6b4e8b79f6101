package protocol

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Event is one entry of an execution's history. Like [Operation] it is flat; the protocol nests everything below
// SubType in a member named after the event type.
type Event struct {
	Type     EventType
	ID       int64 // EventId: 1, 2, 3 … without gaps
	Time     Timestamp
	OpID     string // the operation's id; the execution's id for Execution… events
	Name     string
	ParentID string
	SubType  string

	// Payload is the Input of a …Started event, the Reason of ExecutionPaused and ExecutionResumed, and the Result
	// of others.
	Payload *string
	Error   *ErrorObject

	ExecutionTimeout int64 // ExecutionStarted: seconds

	Requested     Timestamp // ExecutionPaused, ExecutionResumed: when somebody asked for it
	TimeoutPaused bool      // ExecutionPaused: the execution's timeout waits, too
	By            string    // ExecutionPaused, ExecutionResumed, ExecutionStopped: who asked for it; Perdure's own

	CurrentAttempt   int   // Step…: 1-based
	NextAttemptDelay int64 // Step…: seconds until the next attempt; zero when there is none

	Duration     int64     // Wait…: seconds
	ScheduledEnd Timestamp // WaitStarted

	CallbackID       string // CallbackStarted
	Timeout          int64  // CallbackStarted: seconds, zero for none
	HeartbeatTimeout int64  // CallbackStarted: seconds, zero for none

	FunctionName        string // ChainedInvokeStarted, and the three below
	TenantID            string
	ExecutedVersion     string
	DurableExecutionARN string

	RequestID string    // InvocationCompleted, and the three below
	Start     Timestamp //
	End       Timestamp //
	// Init is for how long the invocation waited, from its start, for a process to start: whole milliseconds, zero if
	// one was ready. Perdure's own, and in no JSON.
	Init time.Duration
}

// EventType names one kind of history event.
type EventType string

// The history events of the protocol.
const (
	EventExecutionStarted       EventType = "ExecutionStarted"
	EventExecutionSucceeded     EventType = "ExecutionSucceeded"
	EventExecutionFailed        EventType = "ExecutionFailed"
	EventExecutionTimedOut      EventType = "ExecutionTimedOut"
	EventExecutionStopped       EventType = "ExecutionStopped"
	EventExecutionPaused        EventType = "ExecutionPaused"
	EventExecutionResumed       EventType = "ExecutionResumed"
	EventContextStarted         EventType = "ContextStarted"
	EventContextSucceeded       EventType = "ContextSucceeded"
	EventContextFailed          EventType = "ContextFailed"
	EventWaitStarted            EventType = "WaitStarted"
	EventWaitSucceeded          EventType = "WaitSucceeded"
	EventWaitCancelled          EventType = "WaitCancelled"
	EventStepStarted            EventType = "StepStarted"
	EventStepSucceeded          EventType = "StepSucceeded"
	EventStepFailed             EventType = "StepFailed"
	EventChainedInvokeStarted   EventType = "ChainedInvokeStarted"
	EventChainedInvokeSucceeded EventType = "ChainedInvokeSucceeded"
	EventChainedInvokeFailed    EventType = "ChainedInvokeFailed"
	EventChainedInvokeTimedOut  EventType = "ChainedInvokeTimedOut"
	EventChainedInvokeStopped   EventType = "ChainedInvokeStopped"
	EventCallbackStarted        EventType = "CallbackStarted"
	EventCallbackSucceeded      EventType = "CallbackSucceeded"
	EventCallbackFailed         EventType = "CallbackFailed"
	EventCallbackTimedOut       EventType = "CallbackTimedOut"
	EventInvocationCompleted    EventType = "InvocationCompleted"
)

// Meaning says what the events of one type mean. All readers of a history use it; none takes the name of a type
// apart. At most one of Operation and Execution is set: an event of an invocation has neither.
type Meaning struct {
	// Operation is the type of the event's operation.
	Operation OperationType
	// Status is the operation's status after the event. A step whose event has a NextAttemptDelay is PENDING
	// instead; see [Event.Status].
	Status OperationStatus
	// Execution is the execution's status after the event.
	Execution ExecutionStatus
	// Details names the members of the event's details, in the order in which they are written. One with a question
	// mark at its end may be absent.
	Details []string
}

// Meanings has every event type of the protocol. Do not change it. A new type is a line here, and a rule in the
// machine. A member of details that is new is also a field of [Event], a case in both functions called detail, and a
// number in the machine's codec.go, with a bound in vet.go.
var Meanings = map[EventType]*Meaning{
	EventExecutionStarted:   {Execution: ExecutionRunning, Details: []string{"Input", "ExecutionTimeout"}},
	EventExecutionSucceeded: {Execution: ExecutionSucceeded, Details: []string{"Result"}},
	EventExecutionFailed:    {Execution: ExecutionFailed, Details: []string{"Error"}},
	EventExecutionTimedOut:  {Execution: ExecutionTimedOut, Details: []string{"Error?"}},
	EventExecutionStopped:   {Execution: ExecutionStopped, Details: []string{"Error", "RequestedBy?"}},
	EventExecutionPaused: {Execution: ExecutionPaused,
		Details: []string{"PauseRequestTimestamp", "ExecutionTimeoutPaused", "Reason?", "RequestedBy?"}},
	EventExecutionResumed: {Execution: ExecutionRunning,
		Details: []string{"ResumeRequestTimestamp", "Reason?", "RequestedBy?"}},

	EventContextStarted:   {Operation: TypeContext, Status: StatusStarted},
	EventContextSucceeded: {Operation: TypeContext, Status: StatusSucceeded, Details: []string{"Result"}},
	EventContextFailed:    {Operation: TypeContext, Status: StatusFailed, Details: []string{"Error"}},

	EventWaitStarted: {Operation: TypeWait, Status: StatusStarted,
		Details: []string{"Duration", "ScheduledEndTimestamp"}},
	EventWaitSucceeded: {Operation: TypeWait, Status: StatusSucceeded, Details: []string{"Duration"}},
	EventWaitCancelled: {Operation: TypeWait, Status: StatusCancelled, Details: []string{"Error?"}},

	EventStepStarted:   {Operation: TypeStep, Status: StatusStarted},
	EventStepSucceeded: {Operation: TypeStep, Status: StatusSucceeded, Details: []string{"Result", "RetryDetails"}},
	EventStepFailed:    {Operation: TypeStep, Status: StatusFailed, Details: []string{"Error", "RetryDetails"}},

	EventChainedInvokeStarted: {Operation: TypeChainedInvoke, Status: StatusStarted,
		Details: []string{"FunctionName", "TenantId?", "Input?", "ExecutedVersion?", "DurableExecutionArn?"}},
	EventChainedInvokeSucceeded: {Operation: TypeChainedInvoke, Status: StatusSucceeded, Details: []string{"Result"}},
	EventChainedInvokeFailed:    {Operation: TypeChainedInvoke, Status: StatusFailed, Details: []string{"Error"}},
	EventChainedInvokeTimedOut:  {Operation: TypeChainedInvoke, Status: StatusTimedOut, Details: []string{"Error"}},
	EventChainedInvokeStopped:   {Operation: TypeChainedInvoke, Status: StatusStopped, Details: []string{"Error"}},

	EventCallbackStarted: {Operation: TypeCallback, Status: StatusStarted,
		Details: []string{"CallbackId", "Timeout?", "HeartbeatTimeout?"}},
	EventCallbackSucceeded: {Operation: TypeCallback, Status: StatusSucceeded, Details: []string{"Result"}},
	EventCallbackFailed:    {Operation: TypeCallback, Status: StatusFailed, Details: []string{"Error"}},
	EventCallbackTimedOut:  {Operation: TypeCallback, Status: StatusTimedOut, Details: []string{"Error"}},

	EventInvocationCompleted: {Details: []string{"StartTimestamp", "EndTimestamp", "RequestId", "Error?"}},
}

var unknown Meaning

// Meaning returns the table's line for t: never nil, but empty for a type that only newer services know.
func (t EventType) Meaning() *Meaning {
	if m := Meanings[t]; m != nil {
		return m
	}
	return &unknown
}

// EventOf is the event type that gives an operation of a type this status; empty if there is none.
func EventOf(typ OperationType, status OperationStatus) EventType {
	for t, m := range Meanings {
		if m.Operation == typ && m.Status == status {
			return t
		}
	}
	return ""
}

// EndsExecution reports whether e is the last event of an execution.
func (e *Event) EndsExecution() bool { return e.Type.Meaning().Execution.Closed() }

// Status is the status of the event's operation after it; empty if it has no operation.
func (e *Event) Status() OperationStatus {
	if e.NextAttemptDelay > 0 {
		return StatusPending
	}
	return e.Type.Meaning().Status
}

// OperationError is the error that e gives its operation. A callback's timeout event has only the type; its
// operation has the message, too.
func (e *Event) OperationError() *ErrorObject {
	if e.Type != EventCallbackTimedOut || e.Error == nil {
		return e.Error
	}
	o := *e.Error
	o.ErrorMessage = "Callback timed out"
	if o.ErrorType == ErrorTypeCallbackHeartbeat {
		o.ErrorMessage = "Callback timed out on heartbeat"
	}
	return &o
}

// AppendEvent appends e as a JSON object in the API's dialect. Without data, payloads are left out and marked as
// truncated, as the service does.
func AppendEvent(dst []byte, e *Event, data bool) []byte {
	w := object(dst)
	w.str("EventType", string(e.Type))
	w.num("EventId", e.ID)
	w.time("EventTimestamp", e.Time, API)
	w.optStr("Id", e.OpID)
	w.optStr("Name", e.Name)
	w.optStr("ParentId", e.ParentID)
	w.optStr("SubType", e.SubType)
	w.open(string(e.Type) + "Details")
	for _, d := range e.Type.Meaning().Details {
		name, optional := strings.CutSuffix(d, "?")
		w.detail(e, name, optional, data)
	}
	w.close()
	w.close()
	return w.buf
}

// detail writes one member of the details of e; [Reader.detail] reads it.
func (w *objectWriter) detail(e *Event, name string, optional, data bool) {
	switch name {
	case "Input", "Result", "Reason":
		if e.Payload != nil || !optional {
			w.payload(name, e.Payload, data)
		}
	case "Error":
		if e.Error != nil || !optional {
			w.errorPayload(name, e.Error, data)
		}
	case "RetryDetails":
		w.retry(e)
	case "ExecutionTimeout":
		w.num(name, e.ExecutionTimeout)
	case "PauseRequestTimestamp", "ResumeRequestTimestamp":
		w.time(name, e.Requested, API)
	case "ExecutionTimeoutPaused":
		w.raw(name, strconv.FormatBool(e.TimeoutPaused))
	case "RequestedBy":
		w.optStr(name, e.By)
	case "Duration":
		w.num(name, e.Duration)
	case "ScheduledEndTimestamp":
		w.time(name, e.ScheduledEnd, API)
	case "CallbackId":
		w.str(name, e.CallbackID)
	case "Timeout":
		w.optNum(name, e.Timeout)
	case "HeartbeatTimeout":
		w.optNum(name, e.HeartbeatTimeout)
	case "FunctionName":
		w.str(name, e.FunctionName)
	case "TenantId":
		w.optStr(name, e.TenantID)
	case "ExecutedVersion":
		w.optStr(name, e.ExecutedVersion)
	case "DurableExecutionArn":
		w.optStr(name, e.DurableExecutionARN)
	case "StartTimestamp":
		w.time(name, e.Start, API)
	case "EndTimestamp":
		w.time(name, e.End, API)
	case "RequestId":
		w.str(name, e.RequestID)
	default:
		panic("protocol: details of events have no member " + name)
	}
}

func (w *objectWriter) retry(e *Event) {
	w.open("RetryDetails")
	w.num("CurrentAttempt", int64(e.CurrentAttempt))
	w.optNum("NextAttemptDelaySeconds", e.NextAttemptDelay)
	w.close()
}

func (w *objectWriter) payload(name string, p *string, data bool) {
	w.open(name)
	if data {
		w.optPtr("Payload", p)
		w.raw("Truncated", "false")
	} else {
		w.raw("Truncated", "true")
	}
	w.close()
}

func (w *objectWriter) errorPayload(name string, e *ErrorObject, data bool) {
	w.open(name)
	if data {
		w.key("Payload")
		w.buf = AppendErrorObject(w.buf, e)
		w.raw("Truncated", "false")
	} else {
		w.raw("Truncated", "true")
	}
	w.close()
}

// ReadEvent reads an event of a history, in the API's dialect. An event of an unknown type has no details.
func ReadEvent(data []byte) (*Event, error) {
	r, e := NewLenientReader(data), &Event{}
	details := map[string]int{} // where they begin: the type, which names the right one, may come later
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
	case "RequestedBy":
		e.By = r.Text()
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

// wrapped reads the Payload in the wrapper of a payload or an error.
func (r *Reader) wrapped(payload func()) {
	for name := range r.Members() {
		if string(name) == "Payload" {
			payload()
		} else {
			r.Skip()
		}
	}
}
