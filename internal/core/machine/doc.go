// Package machine is one durable execution as a state machine. It validates and applies inputs (a checkpoint, a
// timer, a callback, the end of an invocation, a stop) and says what follows from them: history events, replies,
// the next moment something is due. It reads no clock and touches no store; whoever drives it supplies both. The
// engine, the test kit and the server all drive this one.
//
// # Drafts and records
//
// An [Execution] is the published state. An input is applied to a [Draft], a copy-on-write view of it, and becomes
// a list of [Record]s. The driver makes the records durable as one journal entry and then publishes the draft:
//
//	d := x.Draft(now)
//	reply, err := d.Checkpoint(req)   // validate, decide, record
//	entry := machine.Encode(d.Records())
//	… commit entry …
//	d.Publish()                       // now it is true
//	… answer with reply …
//
// A draft that is dropped has changed nothing. A draft's cost depends on the input, not on the number of operations
// or events behind it.
//
// # One way to change
//
// State changes in one place: [Draft] folds a record into its state the moment the record is made, and [Load] folds
// the same records when they are read back. What a restart rebuilds is therefore what was answered before it.
// History is the subset of the records that carry an EventId.
//
// # Rules
//
// The transitions, their order and the texts of their refusals are those of the Lambda durable-execution service.
// Refusals are [*protocol.Error] values.
package machine
