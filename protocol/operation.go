package protocol

import "fmt"

// Operation is the current record of one operation of an execution. It is flat; on the wire, the members below
// Start and End are in a details object named after the type.
type Operation struct {
	ID       string
	Type     OperationType
	Status   OperationStatus
	ParentID string
	Name     string
	SubType  string
	Start    Timestamp
	End      Timestamp

	// Payload is the input of an EXECUTION and the result of anything else. A step between attempts keeps here the
	// payload of its last RETRY, with which wait-for-condition carries its state.
	Payload *string
	// Error is why the operation, or a step's last attempt, failed.
	Error *ErrorObject

	Attempt        int       // STEP: finished attempts
	NextAttempt    Timestamp // STEP: when the next attempt is due; only while PENDING
	ScheduledEnd   Timestamp // WAIT: when it elapses
	CallbackID     string    // CALLBACK: minted by the service
	ReplayChildren bool      // CONTEXT: closed without its result; children stay visible
}

// SelfMade reports whether o is in a state that only the function's own updates cause.
func (o *Operation) SelfMade() bool {
	switch o.Type {
	case TypeStep:
		return o.Status.Closed() || o.Status == StatusStarted
	case TypeWait, TypeCallback, TypeChainedInvoke:
		return false
	}
	return true
}

// AppendOperation appends o as a JSON object in dialect d.
func AppendOperation(dst []byte, o *Operation, d Dialect) []byte {
	w := object(dst)
	w.str("Id", o.ID)
	w.str("Type", string(o.Type))
	w.optStr("ParentId", o.ParentID)
	w.optStr("Name", o.Name)
	w.optStr("SubType", o.SubType)
	w.str("Status", string(o.Status))
	w.time("StartTimestamp", o.Start, d)
	w.optTime("EndTimestamp", o.End, d)
	switch o.Type {
	case TypeExecution:
		w.open("ExecutionDetails")
		w.optPtr("InputPayload", o.Payload)
		w.close()
	case TypeContext:
		w.open("ContextDetails")
		if o.ReplayChildren {
			w.raw("ReplayChildren", "true")
		}
		w.outcome(o)
		w.close()
	case TypeStep:
		w.open("StepDetails")
		w.num("Attempt", int64(o.Attempt))
		w.optTime("NextAttemptTimestamp", o.NextAttempt, d)
		w.outcome(o)
		w.close()
	case TypeWait:
		w.open("WaitDetails")
		w.optTime("ScheduledEndTimestamp", o.ScheduledEnd, d)
		w.close()
	case TypeCallback:
		w.open("CallbackDetails")
		w.optStr("CallbackId", o.CallbackID)
		w.outcome(o)
		w.close()
	case TypeChainedInvoke:
		w.open("ChainedInvokeDetails")
		w.outcome(o)
		w.close()
	}
	w.close()
	return w.buf
}

func (w *objectWriter) outcome(o *Operation) {
	w.optPtr("Result", o.Payload)
	if o.Error != nil {
		w.key("Error")
		w.buf = AppendErrorObject(w.buf, o.Error)
	}
}

// AppendOperations appends ops as a JSON array in dialect d.
func AppendOperations(dst []byte, ops []*Operation, d Dialect) []byte {
	dst = append(dst, '[')
	for i, o := range ops {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendOperation(dst, o, d)
	}
	return append(dst, ']')
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

// Operations reads an array of operations in dialect d. None of them may be null.
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
		case "StepDetails", "WaitDetails", "ContextDetails", "ExecutionDetails", "CallbackDetails",
			"ChainedInvokeDetails":
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

// UnmarshalJSON reads the envelope's dialect, in which timestamps are integer milliseconds.
func (o *Operation) UnmarshalJSON(data []byte) error {
	r := NewLenientReader(data)
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
