package telemetry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/perdure/perdure/protocol"
)

// The same in every record.
const (
	RecordType    = "DurableExecutionTelemetry"
	SchemaVersion = "1.0"
)

// Record is a report on an execution at one time.
type Record struct {
	RecordType    string `json:"recordType"`
	SchemaVersion string `json:"schemaVersion"`
	// EmittedAt is when the record was made. It differs between the records of one execution from one process.
	EmittedAt Time `json:"emittedAt"`

	// ExecutionARN names the execution. It has one record with a status other than RUNNING; a second one is a
	// repeat.
	ExecutionARN      string `json:"executionArn"`
	ExecutionName     string `json:"executionName,omitempty"`
	FunctionName      string `json:"functionName"`
	FunctionQualifier string `json:"functionQualifier"`
	Region            string `json:"region"`
	AccountID         string `json:"accountId"`

	// Status is SUCCEEDED, FAILED, TIMED_OUT, STOPPED, or RUNNING of an execution that is open. An SDK never hears
	// of TIMED_OUT or STOPPED.
	Status         string `json:"status"`
	StartTime      Time   `json:"startTime,omitzero"`
	EndTime        Time   `json:"endTime,omitzero"`
	DurationMillis *int64 `json:"durationMs,omitempty"`

	Input  json.RawMessage `json:"input,omitempty"`
	Output json.RawMessage `json:"output,omitempty"`
	Error  *Error          `json:"error,omitempty"` // nil if empty

	// Operations are those with a name, in the order in which they started.
	Operations       []Operation         `json:"operations,omitzero"`
	OperationsByName map[string]*Summary `json:"operationsByName,omitzero"`

	// Truncated says that the record was too large; the other members count its losses.
	Truncated         bool `json:"truncated,omitempty"`
	DroppedOperations int  `json:"droppedOperations,omitempty"`
	DroppedInput      bool `json:"droppedInput,omitempty"`
	DroppedOutput     bool `json:"droppedOutput,omitempty"`
}

// Operation is an operation in a [Record].
type Operation struct {
	ID             string          `json:"id"`
	Name           string          `json:"name"`
	Type           string          `json:"type"`
	SubType        string          `json:"subType,omitempty"`
	ParentID       string          `json:"parentId,omitempty"`
	Status         string          `json:"status"`
	StartTime      Time            `json:"startTime,omitzero"`
	EndTime        Time            `json:"endTime,omitzero"`
	DurationMillis *int64          `json:"durationMs,omitempty"`
	Attempt        *int            `json:"attempt,omitempty"` // of a step
	Error          *Error          `json:"error,omitempty"`
	Result         json.RawMessage `json:"result,omitempty"`
	Truncated      bool            `json:"truncated,omitempty"` // its result was dropped
}

// Summary sums up all operations of one name. Type, SubType and Status are those of the one that started last;
// Result and Error are set only if there is just one.
type Summary struct {
	Type                string          `json:"type"`
	SubType             string          `json:"subType,omitempty"`
	Status              string          `json:"status"`
	Count               int             `json:"count"`
	FailedCount         int             `json:"failedCount"`
	MinDurationMillis   *int64          `json:"minDurationMs,omitempty"` // like the next two, of those that ended
	MaxDurationMillis   *int64          `json:"maxDurationMs,omitempty"`
	TotalDurationMillis *int64          `json:"totalDurationMs,omitempty"`
	MaxAttempt          *int            `json:"maxAttempt,omitempty"`
	Error               *Error          `json:"error,omitempty"`
	Result              json.RawMessage `json:"result,omitempty"`
}

// Error is the reason of a failure. Both texts have at most 8,192 characters; an ellipsis marks a cut.
type Error struct {
	Name    string `json:"name"`
	Message string `json:"message"`
}

// Time is a moment in milliseconds since the Unix epoch. Its text has a fixed length, so texts sort as moments do:
// 2026-10-23T18:42:40.784Z.
type Time protocol.Timestamp

const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is t as a UTC time.
func (t Time) Time() time.Time { return protocol.Timestamp(t).Time() }

func (t Time) String() string { return t.Time().Format(timeLayout) }

// MarshalText writes t as a text of fixed length.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (t *Time) UnmarshalText(text []byte) error {
	at, err := time.Parse(timeLayout, string(text))
	if err != nil {
		return fmt.Errorf("%q is no time of a record: %w", text, err)
	}
	*t = Time(protocol.TimestampOf(at))
	return nil
}

// JSON is the record in one line. Its length is what [Config.Limit] bounds.
func (r *Record) JSON() []byte { return encode(r) }

// encode is v as JSON, escaped no more than JSON needs. It cannot fail: values are ours, and raw parts were encoded
// before.
func encode(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}
