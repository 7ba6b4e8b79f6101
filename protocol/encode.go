package protocol

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// The encoders append to a buffer the caller owns and never fail: every value
// of these types has a JSON form. Checkpoints are answered through them, which
// is why they do without reflection.

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

// AppendEvent appends e as a JSON object in the API's dialect. With data false
// the payloads are left out and marked as truncated, as the service does.
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

// detail writes one member of the details of e. [Reader.detail] reads it back.
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
	}
}

// AppendErrorObject appends e as a JSON object; nil is the empty object.
func AppendErrorObject(dst []byte, e *ErrorObject) []byte {
	w := object(dst)
	if e != nil {
		w.optStr("ErrorMessage", e.ErrorMessage)
		w.optStr("ErrorType", e.ErrorType)
		w.optStr("ErrorData", e.ErrorData)
		if len(e.StackTrace) > 0 {
			w.key("StackTrace")
			w.buf = append(w.buf, '[')
			for i, line := range e.StackTrace {
				if i > 0 {
					w.buf = append(w.buf, ',')
				}
				w.buf = AppendString(w.buf, line)
			}
			w.buf = append(w.buf, ']')
		}
	}
	w.close()
	return w.buf
}

// AppendInput appends the invocation envelope.
func AppendInput(dst []byte, in *InvocationInput) []byte {
	w := object(dst)
	w.str("DurableExecutionArn", in.DurableExecutionArn)
	w.str("CheckpointToken", in.CheckpointToken)
	w.open("InitialExecutionState")
	w.key("Operations")
	w.buf = AppendOperations(w.buf, in.InitialExecutionState.Operations, Envelope)
	w.str("NextMarker", in.InitialExecutionState.NextMarker)
	w.close()
	w.key("UpdatedOperationIds")
	w.buf = append(w.buf, '[')
	for i, id := range in.UpdatedOperationIds {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = AppendString(w.buf, id)
	}
	w.buf = append(w.buf, ']')
	w.close()
	return w.buf
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

// objectWriter appends the members of nested JSON objects.
type objectWriter struct {
	buf   []byte
	comma bool
}

func object(dst []byte) *objectWriter { return &objectWriter{buf: append(dst, '{')} }

func (w *objectWriter) key(name string) {
	if w.comma {
		w.buf = append(w.buf, ',')
	}
	w.comma = true
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '"', ':')
}

func (w *objectWriter) open(name string) {
	w.key(name)
	w.buf = append(w.buf, '{')
	w.comma = false
}

func (w *objectWriter) close() {
	w.buf = append(w.buf, '}')
	w.comma = true
}

func (w *objectWriter) raw(name, value string) {
	w.key(name)
	w.buf = append(w.buf, value...)
}

func (w *objectWriter) str(name, value string) {
	w.key(name)
	w.buf = AppendString(w.buf, value)
}

func (w *objectWriter) optStr(name, value string) {
	if value != "" {
		w.str(name, value)
	}
}

func (w *objectWriter) optPtr(name string, value *string) {
	if value != nil {
		w.str(name, *value)
	}
}

func (w *objectWriter) num(name string, n int64) {
	w.key(name)
	w.buf = strconv.AppendInt(w.buf, n, 10)
}

func (w *objectWriter) optNum(name string, n int64) {
	if n != 0 {
		w.num(name, n)
	}
}

func (w *objectWriter) time(name string, t Timestamp, d Dialect) {
	w.key(name)
	w.buf = AppendTime(w.buf, t, d)
}

func (w *objectWriter) optTime(name string, t Timestamp, d Dialect) {
	if t != 0 {
		w.time(name, t, d)
	}
}

func (w *objectWriter) outcome(o *Operation) {
	w.optPtr("Result", o.Payload)
	if o.Error != nil {
		w.key("Error")
		w.buf = AppendErrorObject(w.buf, o.Error)
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

// StringSize is the length of what [AppendString] appends for s.
func StringSize(s string) int {
	n := len(s) + 2
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t':
				n++
			case c < ' ':
				n += 5
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			n += 2
		}
		i += size
	}
	return n
}

const hex = "0123456789abcdef"

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become the
// replacement character, as encoding/json does; HTML is not escaped.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = append(dst, s[start:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, s[start:i]...)
			dst = append(dst, "\ufffd"...)
			start = i + 1
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
