package telemetry

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// Execution is the source of a record.
type Execution struct {
	ARN        string
	Status     protocol.ExecutionStatus
	Start, End protocol.Timestamp // End is zero while it is open
	Input      *string
	Output     *string               // of one that succeeded
	Error      *protocol.ErrorObject // of one that failed, or was stopped
	// Operations are all, in the order in which they started. The EXECUTION may be among them.
	Operations iter.Seq[*protocol.Operation]
}

// Record makes the record of an execution, emitted at a moment. [Config.Wants] and [Config.Samples] say whether
// there should be one.
func (c *Config) Record(x *Execution, emitted protocol.Timestamp) Record {
	r := Record{RecordType: RecordType, SchemaVersion: SchemaVersion, EmittedAt: Time(emitted), ExecutionARN: x.ARN, Status: string(x.Status)}
	if !x.Status.Closed() {
		r.Status = string(protocol.ExecutionRunning) // a paused one, too
	}
	if arn, err := protocol.ParseARN(x.ARN); err == nil {
		r.ExecutionName, r.FunctionName, r.FunctionQualifier, r.Region, r.AccountID = arn.Name, arn.Function, arn.Version, arn.Region, arn.Account
	}
	r.StartTime, r.EndTime, r.DurationMillis = interval(x.Start, x.End)
	r.Input, r.Output, r.Error = show(x.Input, c.Input), show(x.Output, c.Output), errorOf(x.Error)
	return c.truncate(r, c.operations(x.Operations))
}

// operations are those of the record.
func (c *Config) operations(all iter.Seq[*protocol.Operation]) []Operation {
	list := []Operation{}
	for op := range all {
		switch {
		case op.Type == protocol.TypeExecution, op.Name == "", op.ParentID != "" && c.Detail != FullTree, slices.Contains(c.Exclude, op.Name):
			continue
		}
		o := Operation{
			ID: op.ID, Name: strings.ToValidUTF8(op.Name, "\uFFFD"), Type: string(op.Type), SubType: op.SubType, ParentID: op.ParentID, Status: string(op.Status),
		}
		o.StartTime, o.EndTime, o.DurationMillis = interval(op.Start, op.End)
		if op.Type == protocol.TypeStep {
			o.Attempt = new(op.Attempt)
		}
		if !c.OmitErrors {
			o.Error = errorOf(op.Error)
		}
		if transform, ok := c.Results[op.Name]; ok && op.Status.Closed() {
			o.Result = show(op.Payload, transform)
		}
		list = append(list, o)
	}
	return list
}

// interval returns begin, end, and the time between. Where two clocks disagree that is zero, never negative.
func interval(start, end protocol.Timestamp) (from, to Time, millis *int64) {
	if start != 0 && end != 0 {
		end = max(start, end)
		millis = new(int64(end - start))
	}
	return Time(start), Time(end), millis
}

// maxErrorText is in characters.
const maxErrorText = 8192

func errorOf(e *protocol.ErrorObject) *Error {
	if e == nil || e.ErrorType+e.ErrorMessage == "" { // as of a stop without a reason
		return nil
	}
	return &Error{Name: capped(e.ErrorType), Message: capped(e.ErrorMessage)}
}

func capped(s string) string {
	n := 0
	for i := range s {
		if n == maxErrorText {
			return strings.ToValidUTF8(s[:i], "\uFFFD") + "…"
		}
		n++
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// show is a payload in a record: nil if it is absent, or hidden.
func show(payload *string, transform Transform) json.RawMessage {
	if payload == nil || *payload == "" {
		return nil
	}
	value := valueOf(*payload)
	if transform != nil {
		value = transformed(transform, value)
	}
	if string(value) == "null" {
		return nil
	}
	return value
}

// valueOf is a payload as JSON: the same value if it is JSON, else a string. JSON that is too deep to be read
// inside of a record is a string, too.
func valueOf(payload string) json.RawMessage {
	valid := strings.ToValidUTF8(payload, "\uFFFD")
	if raw := []byte(valid); fitsInside(raw) {
		var buf bytes.Buffer
		_ = json.Compact(&buf, raw) // valid, so it can be
		return buf.Bytes()
	}
	return encode(valid)
}

// fitsInside reports whether encoding/json can still read raw inside of a record: it bounds the depth of values.
func fitsInside(raw []byte) bool {
	return json.Valid(raw) && json.Valid(slices.Concat([]byte("[[[["), raw, []byte("]]]]")))
}

// transformed applies a transform to a value; nil is to be left out.
func transformed(transform Transform, value json.RawMessage) (out json.RawMessage) {
	defer func() {
		if recover() != nil {
			out = nil
		}
	}()
	if out = encode(transform(value)); !fitsInside(out) { // encode panics on other values
		return nil
	}
	return out
}
