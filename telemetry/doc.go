// Package telemetry makes the record of an execution that AWS's telemetry
// exporters make: type DurableExecutionTelemetry, schema 1.0. There is one for
// each execution, with how it ended and what its operations did.
//
// Both halves of Perdure make their records here: package durable/durableinsight, in a
// function, of what the SDK knows, and the engine, for functions in any language
// and for executions that ended while none ran. So two records of one execution
// say the same.
//
// A [Config] says what is in records, and of which executions there are any; a
// [Sink] takes them.
package telemetry
