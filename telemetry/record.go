package telemetry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/perdure/perdure/protocol"
)

// What every record says of itself.
const (
	RecordType    = "DurableExecutionTelemetry"
	SchemaVersion = "1.0"
)

// Record is what is known of an execution at one time.
type Record struct {
	RecordType    string `json:"recordType"`
	SchemaVersion string `json:"schemaVersion"`
	// EmittedAt is when the record was made. The records of one execution that
	// one process makes have different ones.
	EmittedAt Time `json:"emittedAt"`

	// ExecutionARN names the execution. There is one record of it with a status
	// other than RUNNING: a second one is the same again.
	ExecutionARN      string `json:"executionArn"`
	ExecutionName     string `json:"executionName,omitempty"`
	FunctionName      string `json:"functionName"`
	FunctionQualifier string `json:"functionQualifier"`
	Region            string `json:"region"`
	AccountID         string `json:"accountId"`

	// Status is SUCCEEDED, FAILED, TIMED_OUT, STOPPED, or RUNNING of an
	// execution that is open. An SDK hears of no TIMED_OUT or STOPPED.
	Status         string `json:"status"`
	StartTime      Time   `json:"startTime,omitzero"`
	EndTime        Time   `json:"endTime,omitzero"`
	DurationMillis *int64 `json:"durationMs,omitempty"`

	Input  json.RawMessage `json:"input,omitempty"`
	Output json.RawMessage `json:"output,omitempty"`
	Error  *Error          `json:"error,omitempty"` // nil if it says nothing

	// Operations are those that have a name, in the order in which they started.
	Operations       []Operation         `json:"operations,omitzero"`
	OperationsByName map[string]*Summary `json:"operationsByName,omitzero"`

	// Truncated says that the record would have been too large, and the others what it lost.
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

// Summary is all operations of one name. Type, SubType and Status are those of
// the one that started last; Result and Error are there only if there is just one.
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

// Error is why something failed. Both texts have at most 8,192 characters, and an ellipsis if there were more.
type Error struct {
	Name    string `json:"name"`
	Message string `json:"message"`
}

// Time is a moment in milliseconds since the Unix epoch. As text it has always the same length, so that texts are
// in order as the moments are: 2026-10-23T18:42:40.784Z.
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

// encode is v as JSON, with only what must be escaped. Values are ours, and what
// is raw in them has been encoded before, so that it cannot fail.
func encode(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}
