package durableinsight

import (
	"encoding/json"
	"io"
	"log/slog"

	"github.com/perdure/perdure/telemetry"
)

// Records and sinks, which Perdure's engine shares.
type (
	// Record is a report on an execution at one time.
	Record = telemetry.Record
	// Operation is an operation in a [Record].
	Operation = telemetry.Operation
	// Summary sums up all operations of one name, in a [Record].
	Summary = telemetry.Summary
	// Error is the failure of an execution or an operation.
	Error = telemetry.Error
	// Time is a moment in milliseconds since the Unix epoch. Its text has a fixed length.
	Time = telemetry.Time

	// Config says which executions have records, and what is in them. Its zero value is good.
	Config = telemetry.Config
	// Emit says when there are records.
	Emit = telemetry.Emit
	// Detail says which operations are in a record.
	Detail = telemetry.Detail
	// Format says how operations are in a record.
	Format = telemetry.Format
	// Transform returns what a record shows in place of a value; see [Omit].
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

// DefaultLimit is the default of [Config.Limit], in bytes.
const DefaultLimit = telemetry.DefaultLimit

// Omit is the [Transform] that leaves every value out.
func Omit(value json.RawMessage) any { return telemetry.Omit(value) }

// AsIs is the [Transform] that shows every value as it is.
func AsIs(value json.RawMessage) any { return telemetry.AsIs(value) }

// Lines writes records as JSON lines, with one Write for each delivery. With os.Stdout they are in Lambda's log.
func Lines(w io.Writer) Sink { return telemetry.Lines(w) }

// Slog logs each record as one line, with the record in JSON as the attribute "record". The level is Error if the
// execution failed, and Info otherwise.
func Slog(logger *slog.Logger) Sink { return telemetry.Slog(logger) }
