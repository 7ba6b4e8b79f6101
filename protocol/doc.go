// Package protocol holds the shapes of the AWS Lambda durable-execution protocol: the operations, updates, events
// and errors that a durable function and the service exchange, with their JSON. It is data only. It decides nothing
// and imports nothing of ours, so the SDK and the engine share one vocabulary without sharing code.
//
// # Two dialects of one record
//
// An [Operation] has two dialects. In the invocation envelope for a function, timestamps are integer milliseconds;
// in the bodies of the Lambda API they are epoch seconds with a fraction. The structs are flat and know no dialect.
// [AppendOperation] writes either one, and [Reader.Operations] reads it.
//
// # What events mean
//
// For each type of event, [Meanings] names its operation's type, the status that it gives, and the members of its
// details. All code that reads or writes histories uses it.
//
// # Absent and empty
//
// On the wire an absent payload and an empty one differ, so payloads are *string. Names, parents and subtypes have
// at least one character there, so the empty string means absent.
package protocol
