package durableinsight

import (
	"strings"
	"time"

	"github.com/perdure/perdure/durable"
)

// Kind is what a record is of.
type Kind string

// The kinds.
const (
	Operation Kind = "operation"
	Execution Kind = "execution"
)

// Record is what is known of an operation, or of an execution, when it has ended.
type Record struct {
	// ID names the record: a second one with the same ID says the same.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Execution is the ARN of the execution.
	Execution string `json:"execution"`
	// Request is the id of the Lambda invocation that heard of the end; empty
	// elsewhere.
	Request string `json:"request,omitempty"`

	// Operation and Parent are ids as in the execution's history; Parent is
	// empty for what the handler itself began. Like Type, SubType, Name and
	// Attempts they are empty in the record of an execution.
	Operation string `json:"operation,omitempty"`
	Parent    string `json:"parent,omitempty"`
	Type      string `json:"type,omitempty"` // such as STEP
	SubType   string `json:"subType,omitempty"`
	Name      string `json:"name,omitempty"`
	Attempts  int    `json:"attempts,omitempty"` // of a step or a condition

	// Status is SUCCEEDED or FAILED; of an operation also CANCELLED, TIMED_OUT
	// or STOPPED.
	Status string    `json:"status"`
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
	// DurationMillis is the time between the two.
	DurationMillis int64  `json:"durationMs"`
	Error          *Error `json:"error,omitempty"`

	// Input, of an execution, and Result are as they were recorded, cut at
	// [Config.Payloads] bytes.
	Input  string `json:"input,omitempty"`
	Result string `json:"result,omitempty"`
}

// Error is why something failed.
type Error struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// operation is the record of an operation that closed.
func (cfg Config) operation(op *durable.OperationInfo) Record {
	r := newRecord(op.Invocation, op.Invocation.ExecutionARN+"/"+op.ID, Operation, op.Start.Time(), op.End.Time())
	r.Operation, r.Parent, r.Type, r.SubType, r.Name = op.ID, op.ParentID, string(op.Type), op.SubType, op.Name
	r.Attempts, r.Status, r.Error, r.Result = op.Attempt, string(op.Status), errorOf(op.Error), cfg.shown(op.Payload)
	return r
}

// execution is the record of an execution that ended with this invocation.
func (cfg Config) execution(end *durable.InvocationOutcome) Record {
	r := newRecord(end.Invocation, end.ExecutionARN, Execution, end.ExecutionStart, time.Now())
	r.Status, r.Error, r.Result = end.Status, errorOf(end.Error), cfg.shown(&end.Result)
	for execution := range end.Operations.All() {
		r.Input = cfg.shown(execution.Payload)
		break
	}
	return r
}

func newRecord(inv *durable.Invocation, id string, kind Kind, start, end time.Time) Record {
	if end.Before(start) { // the service's clock and this machine's differ
		end = start
	}
	return Record{
		ID: id, Kind: kind, Execution: inv.ExecutionARN, Request: inv.RequestID,
		Start: start.UTC(), End: end.UTC(), DurationMillis: end.Sub(start).Milliseconds(),
	}
}

func errorOf(obj *durable.ErrorObject) *Error {
	if obj == nil {
		return nil
	}
	return &Error{Type: obj.ErrorType, Message: obj.ErrorMessage}
}

// shown is as much of a payload as may be seen.
func (cfg Config) shown(payload *string) string {
	limit := cfg.Payloads
	switch {
	case payload == nil || limit <= 0:
		return ""
	case len(*payload) <= limit:
		return *payload
	}
	return strings.ToValidUTF8((*payload)[:limit], "") + "…"
}
