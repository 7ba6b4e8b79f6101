// Package machine is one durable execution as a state machine. It validates and applies inputs (a checkpoint, a
// timer, a callback, the end of an invocation, a stop) and returns their effects: history events, replies, the next
// moment at which something is due. It reads no clock and touches no store; its driver, the engine, supplies both.
//
// # Drafts and records
//
// An [Execution] is the published state. An input is applied to a [Draft], a copy-on-write view of it, and becomes
// a list of [Record]s. The driver makes the records durable as one journal entry, then publishes the draft:
//
//	d := x.Draft(now)
//	reply, err := d.Checkpoint(req)   // validate, decide, record
//	entry := machine.Encode(d.Records())
//	… commit entry …
//	d.Publish()                       // now it is true
//	… answer with reply …
//
// A draft that is dropped has changed nothing. The cost of a draft depends on the input, not on the number of
// operations or events.
//
// # One way to change
//
// State changes in one place: a [Draft] folds each record into its state when the record is made, and [Load] folds
// the same records when they are read back. So a restart rebuilds exactly what was answered before. The history
// consists of the records that have an EventId.
//
// # Where things are
//
//	checkpoint.go, transition.go  what updates an operation may get, and what becomes of them
//	timers.go                     what ends by itself: waits, retries, timeouts
//	invocation.go                 the begin and the end of an invocation
//	inputs.go, stop.go, pause.go, skip.go  what others do to an execution
//	act.go                        which acts of others are repeats
//	fork.go, redrive.go           a new execution from the history of another
//	forks.go                      what an execution knows of its copies
//	record.go, apply.go           records, and the fold that changes state
//	codec.go, load.go             records as bytes, and back
//	vet.go, audit.go              what may be imported; what a stored execution must be like
//
// # Rules
//
// The transitions, their order and the texts of their refusals are those of the Lambda durable-execution service.
// Refusals are [*protocol.Error] values.
package machine
