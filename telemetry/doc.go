// Package telemetry makes records of executions like those of AWS's telemetry exporters: type
// DurableExecutionTelemetry, schema 1.0. A record says how an execution ended and what its operations did.
//
// Both halves of Perdure use it: package durable/durableinsight, in a function, and the engine, for functions in
// any language and for executions that ended while none ran. So two records of one execution say the same.
//
// A [Config] says which executions have records, and what is in them; a [Sink] takes them.
package telemetry
