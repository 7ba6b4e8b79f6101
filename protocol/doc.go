// Package protocol holds the shapes of the AWS Lambda durable-execution protocol:
// the operations, updates, events and errors that a durable function and the
// service exchange, with their JSON. It is data only. It decides nothing and
// imports nothing of ours, so the SDK and the engine share one vocabulary
// without sharing code.
//
// # Two faces of one record
//
// An [Operation] travels in two dialects. Inside the invocation envelope that
// a function receives, timestamps are integer milliseconds; in the bodies of
// the Lambda API they are epoch seconds with a fraction. The structs here are
// flat and dialect-free. [AppendOperation] writes either dialect, and
// [Reader.Operations] reads it.
//
// # What events mean
//
// [Meanings] says of each type of event which operation it is about, what that
// is from then on, and what the event's details hold. Whoever reads histories,
// or writes them, asks there.
//
// # Absent and empty
//
// On the wire an absent payload and an empty one differ, so payloads are
// *string. Names, parents and subtypes have a minimum length of one there, so
// the empty string means absent.
package protocol
