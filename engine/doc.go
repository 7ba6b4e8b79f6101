// Package engine is the durable execution service as a Go library: it starts executions, invokes functions, takes their
// checkpoints, fires timers and answers questions. The Lambda API, the command line and the test kit are faces of it.
// The example below is a program; packages sqlitestore and memstore have the stores.
//
// # The life of an input
//
// Every input (a checkpoint, a timer, a callback, the end of an invocation) takes one path, in update: the ledger takes
// the execution from memory or reads its journal; package machine applies the input to a draft; the store commits the
// draft's records as one journal entry; the draft is published, and subscribers hear of it; only then is anybody
// answered. Inputs of one execution take turns, those of different executions share commits.
//
// After a commit that fails, or loses against another writer, the copy in memory is dropped: the next input reads the
// journal again.
//
// # Why an execution never gets stuck
//
// An open execution always has a reason to be open: an invocation in flight, a due moment, an open callback, a child,
// or a pause. The due moment stands in the execution's row, and so does an invocation in flight. The commit that sets
// them writes the row, so a restart finds both.
//
// # Versions and aliases
//
// [Functions] can be invoked. Register makes $LATEST known, or a version by its number. PublishVersion keeps $LATEST as
// it is under the next number: its code, if the invoker is a [Freezer], and its settings, in a document of the store. A
// start names a version or an alias. An alias is followed at once, so an execution belongs to one version for its whole
// life, and its ARN says which. A restarted engine runs published versions through [Images].
//
// An execution whose version nobody can run waits until somebody can.
//
// # Looking after executions
//
// List finds executions, Explain says why one does not move, and Pause, Resume, Stop, Skip and Delete steer it. Fork
// starts a copy that begins with a part of its history, or tries again what failed. Export and Import move it between
// engines. Verify checks all that is stored.
//
// # Errors
//
// Refusals, for which the Lambda API has error codes, are [*protocol.Error] values. Any other error is a fault of the
// store.
package engine
