// Package rehearsal tries recorded executions with today's code: does the code meet what is recorded, up to where the
// execution stands, or to its result? Nothing is recorded, and no body of a step runs.
//
//	recording.go   a recorded execution, and the forms in which it comes
//	events.go      an execution of its events
//	rehearse.go    how a recording meets the code, and what comes of it
//	divergence.go  where code and records part, as package durable tells it
//	lost.go        what of a recorded value today's type does not keep
//	view.go        records and code side by side, for people
//
// Package durable does the replaying: an invocation with [protocol.RehearsalToken] in place of a checkpoint token is
// a rehearsal. perdure dev and perdure replay send it to processes, durabletest.Replay to a handler in the test's own.
package rehearsal
