package durableinsight

import (
	"encoding/json"
	"io"
	"log/slog"

	"github.com/perdure/perdure/telemetry"
)

// What is in a record, and what takes records. Perdure's engine makes its records of the same.
type (
	// Record is what is known of an execution at one time.
	Record = telemetry.Record
	// Operation is an operation in a [Record].
	Operation = telemetry.Operation
	// Summary is all operations of one name, in a [Record].
	Summary = telemetry.Summary
	// Error is why an execution or an operation failed.
	Error = telemetry.Error
	// Time is a moment in milliseconds since the Unix epoch, which as a text always has the same length.
	Time = telemetry.Time

	// Config says what is in records, and of which executions there are any. Its zero value is good.
	Config = telemetry.Config
	// Emit says when there are records.
	Emit = telemetry.Emit
	// Detail says which operations are in a record.
	Detail = telemetry.Detail
	// Format says how operations are in a record.
	Format = telemetry.Format
	// Transform is what a record shows in place of a value; see [Omit].
	Transform = telemetry.Transform

	// Sink takes records.
	Sink = telemetry.Sink
	// SinkFunc is a function as a [Sink].
	SinkFunc = telemetry.SinkFunc
	// PartialError is returned by a [Sink] that took some of the records.
	PartialError = telemetry.PartialError
	// File is a [Sink] that appends records to the file of that name, a line of JSON each.
	File = telemetry.File
	// HTTP is a [Sink] that posts records to a URL.
	HTTP = telemetry.HTTP
)

// The values of [Emit], [Detail] and [Format]; the first of each is the default.
const (
	OnComplete = telemetry.OnComplete // one record, when the execution has ended
	OnFailure  = telemetry.OnFailure  // the same, if it has failed
	OnChange   = telemetry.OnChange   // also whenever operations have changed

	TopLevel = telemetry.TopLevel // operations that the handler itself began
	FullTree = telemetry.FullTree // also those in contexts

	Array  = telemetry.Array  // each operation
	ByName = telemetry.ByName // operations summed up by name
	Both   = telemetry.Both
)

// DefaultLimit is the [Config.Limit] of who sets none, in bytes.
const DefaultLimit = telemetry.DefaultLimit

// Omit is the [Transform] that leaves every value out.
func Omit(value json.RawMessage) any { return telemetry.Omit(value) }

// AsIs is the [Transform] that shows every value as it is.
func AsIs(value json.RawMessage) any { return telemetry.AsIs(value) }

// Lines writes records as JSON, one line each, with one Write for as many as are
// delivered together. With os.Stdout, Lambda's log has them.
func Lines(w io.Writer) Sink { return telemetry.Lines(w) }

// Slog logs each record as one line, with the record as the attribute "record",
// in JSON: with the level Error if the execution failed, and Info otherwise.
func Slog(logger *slog.Logger) Sink { return telemetry.Slog(logger) }
