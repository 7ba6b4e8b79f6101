// Package engine is the durable execution service as a Go library: it starts
// executions, invokes functions, takes their checkpoints, fires timers and
// answers questions. The Lambda API, the command line and the test kit are
// faces of it. The example below is a program; packages sqlitestore and memstore
// have the stores.
//
// # The life of an input
//
// Whatever happens to an execution (a checkpoint, a timer, a callback, the end
// of an invocation) takes one path, in update: the execution is read, from
// memory or from its journal; package machine applies the input to a draft; the
// draft's records are committed to the store as one journal entry; the draft is
// published, and those who subscribed hear of it; only then is anybody answered.
// Inputs of one execution take turns, those of different executions share commits.
//
// A commit that loses against another writer, or fails in a way that leaves its
// outcome unknown, costs the copy in memory: the next input reads the journal
// again.
//
// # Why an execution never gets stuck
//
// An open execution always has a reason to be open: an invocation in flight, a
// moment at which something is due, an open callback, or a child. The due
// moment stands in the execution's row and is written in the same commit as the
// change that set it, so a restart finds it; invocations in flight are marked
// there too, so a restart finds those that it lost.
//
// # Versions and aliases
//
// [Functions] are what can be invoked. Register makes $LATEST known, or a version
// by its number. PublishVersion keeps what $LATEST is now under the next number,
// for ever: the code of an invoker
// that is a [Freezer], the settings in a document of the store. A start names a
// version or an alias; an alias is followed there and then, so that an execution
// belongs to one version for its whole life, and its ARN says which. What a
// restarted engine finds published it runs through [Images].
//
// An execution whose version nobody can run waits until somebody can.
//
// # Looking after executions
//
// List finds executions by what they are and what they are doing, Explain says
// why one is not moving, Pause, Resume, Stop, Skip and Delete interfere, Fork
// starts a copy that ends at a place in the code or tries again what failed,
// Export and Import move one between engines, Verify checks all that is stored.
//
// # Errors
//
// Refusals, which a client of the Lambda API would see with an error code, are
// [*protocol.Error] values. Every other error is a fault of the store.
package engine
