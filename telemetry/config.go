package telemetry

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// Emit says when there are records.
type Emit string

// The emit modes, as AWS's exporters call them.
const (
	// OnComplete is one record, when the execution has ended; the default.
	OnComplete Emit = "on-complete"
	// OnFailure is the same, unless the execution succeeded.
	OnFailure Emit = "on-failure"
	// OnChange is also a record, with status RUNNING, when operations change. Changes soon after each other may
	// share one.
	OnChange Emit = "on-change"
)

// Detail says which operations are in a record.
type Detail string

// The details.
const (
	TopLevel Detail = "top-level" // what the handler itself began; the default
	FullTree Detail = "full-tree" // also what is in contexts
)

// Format says how operations are in a record.
type Format string

// The formats.
const (
	Array  Format = "array"   // each one, in [Record.Operations]; the default
	ByName Format = "by-name" // summed up, in [Record.OperationsByName]
	Both   Format = "both"
)

// UnmarshalText reads one of the emit modes.
func (e *Emit) UnmarshalText(text []byte) error { return set(e, text, OnComplete, OnFailure, OnChange) }

// UnmarshalText reads one of the details.
func (d *Detail) UnmarshalText(text []byte) error { return set(d, text, TopLevel, FullTree) }

// UnmarshalText reads one of the formats.
func (f *Format) UnmarshalText(text []byte) error { return set(f, text, Array, ByName, Both) }

// MarshalText writes the emit mode.
func (e Emit) MarshalText() ([]byte, error) { return []byte(e), nil }

// MarshalText writes the detail.
func (d Detail) MarshalText() ([]byte, error) { return []byte(d), nil }

// MarshalText writes the format.
func (f Format) MarshalText() ([]byte, error) { return []byte(f), nil }

func set[T ~string](to *T, text []byte, values ...T) error {
	if !slices.Contains(values, T(text)) {
		return unknown(T(text), values)
	}
	*to = T(text)
	return nil
}

func unknown[T ~string](got T, values []T) error {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return fmt.Errorf("%q is none of %s", got, strings.Join(words, ", "))
}

// Transform returns what a record shows in place of a value. The value is JSON; a payload that is not JSON comes as
// a JSON string. encoding/json must be able to encode the result. After nil, a panic, or a result that cannot be
// encoded, the record leaves the value out: a mistake must not show what was to be hidden.
type Transform func(value json.RawMessage) any

// Omit is the [Transform] that leaves every value out.
func Omit(json.RawMessage) any { return nil }

// AsIs is the [Transform] that shows every value as it is.
func AsIs(value json.RawMessage) any { return value }

// DefaultLimit is the default of [Config.Limit].
const DefaultLimit = 256_000

// Config says which executions have records, and what is in them. The zero value does what AWS's exporters do: one
// record at the end of each execution, with its input and output, and the operations of the top level.
type Config struct {
	Emit   Emit
	Detail Detail
	Format Format

	// Sampling is the share of executions with records, above 0 and at most 1; 0 is 1. A hash of the ARN decides,
	// so all who use the same number agree on the executions.
	Sampling float64
	// Limit is the greatest size of a record as JSON, in bytes; 0 is [DefaultLimit]. A larger record loses the
	// results of operations, then operations, the oldest first, then its input, then its output, until it fits, and
	// says so. The rest, names and the error's text, is never cut: it is at most 128 KiB, and usually 1 KiB.
	Limit int

	// Input and Output transform those of the execution; nil is [AsIs].
	Input, Output Transform
	// Results transform results, by the names of their operations. Other results are left out.
	Results map[string]Transform
	// Exclude are names of operations to leave out.
	Exclude []string
	// OmitErrors leaves out the errors of operations, but not the execution's.
	OmitErrors bool
}

// Check returns what is wrong with the configuration.
func (c *Config) Check() error {
	switch {
	case !(c.Sampling >= 0 && c.Sampling <= 1): // also NaN
		return fmt.Errorf("the sampling is %v; it is a number above 0 and at most 1", c.Sampling)
	case c.Limit < 0:
		return fmt.Errorf("the limit is %d bytes; it must not be negative", c.Limit)
	case c.Emit != "" && !slices.Contains([]Emit{OnComplete, OnFailure, OnChange}, c.Emit):
		return fmt.Errorf("the emit mode %w", unknown(c.Emit, []Emit{OnComplete, OnFailure, OnChange}))
	case c.Detail != "" && !slices.Contains([]Detail{TopLevel, FullTree}, c.Detail):
		return fmt.Errorf("the detail %w", unknown(c.Detail, []Detail{TopLevel, FullTree}))
	case c.Format != "" && !slices.Contains([]Format{Array, ByName, Both}, c.Format):
		return fmt.Errorf("the format %w", unknown(c.Format, []Format{Array, ByName, Both}))
	}
	return nil
}

// Wants reports whether there is a record of an execution with this status.
func (c *Config) Wants(status protocol.ExecutionStatus) bool {
	switch c.Emit {
	case OnChange:
		return true
	case OnFailure:
		return status.Closed() && status != protocol.ExecutionSucceeded
	}
	return status.Closed()
}

// Samples reports whether there are records of the execution with this ARN.
func (c *Config) Samples(arn string) bool {
	if c.Sampling == 0 || c.Sampling == 1 {
		return true
	}
	const max = 1<<32 - 1
	return float64(fnv1a(arn))/max < c.Sampling
}

// fnv1a is the 32-bit hash of that name. hash/fnv would need a copy of s.
func fnv1a(s string) uint32 {
	h := uint32(0x811c9dc5)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 0x01000193
	}
	return h
}

func (c *Config) limit() int {
	if c.Limit == 0 {
		return DefaultLimit
	}
	return c.Limit
}
