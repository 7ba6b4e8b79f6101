package plugin

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"github.com/perdure/perdure/protocol"
)

// Plugin is a set of hooks that hear what happens in the invocations of a handler; see durable.WithPlugins. One
// plugin serves all invocations, several at the same time too. A hook that is nil hears nothing.
//
// A plugin keeps its state of an invocation in the context that InvocationStart returns: the context of every other
// hook derives from it. A hook may only add values to a context; an end of the context that it returns has no
// effect.
//
// # Who calls
//
// The goroutine of the workflow on which something happens calls the hooks for it, one plugin after the other in
// the order of durable.WithPlugins, and waits for them. So hooks of branches that run at the same time are called
// at the same time, and a slow hook makes the workflow slow. OperationChange and OperationEnd are called by the one
// goroutine that records, never twice at once. No other hook is called before InvocationStart of all plugins has
// returned, or after InvocationEnd. A hook must not use durable operations.
//
// # What goes wrong
//
// A panic in a hook is logged with the names of plugin and hook. It costs only the effect of that one call: all
// other hooks are called as ever, and the execution goes on. After a panic in InvocationStart the other hooks get a
// context without its values. A hook that leaves its goroutine with [runtime.Goexit] ends the invocation, and the
// service makes another.
//
// # What it costs
//
// Without plugins none of this costs anything, and with them replay of an operation costs no more. With one plugin
// or more, an invocation keeps all operations that it has heard of in memory, with their payloads, until it ends.
type Plugin struct {
	// Name names the plugin in the log.
	Name string

	// InvocationStart is called when the records have been read, before the handler runs. The handler's context
	// derives from the one that it returns, derived from ctx; nil is ctx.
	InvocationStart func(ctx context.Context, inv *Invocation) context.Context

	// OperationResume is called, before the handler runs, for each open operation of earlier invocations.
	OperationResume func(ctx context.Context, op *Operation)

	// OperationStart is called as the workflow begins an operation, before that is recorded, and before any attempt
	// of it; not when it goes on with one, or replays it. If the invocation ends before the record, the next one
	// begins the operation anew.
	OperationStart func(ctx context.Context, op *Operation)

	// OperationChange is called after each answer of the service that changed operations, before the workflow hears
	// of it. [Invocation] has the changes between two invocations.
	OperationChange func(ctx context.Context, change *Change)

	// OperationEnd is called once the service has recorded that an operation is closed: if that happened in this
	// invocation, after OperationChange and before the workflow goes on (but see durable.WithPipelining); if it
	// happened since the last one, before the handler runs. The service decides what is news: after a failed
	// invocation it repeats that one's news, and so does this hook.
	OperationEnd func(ctx context.Context, op *Operation)

	// AttemptStart is called before each attempt of a step, and before each call of a condition's function. The
	// attempt runs under the context that it returns, derived from ctx; nil is ctx.
	AttemptStart func(ctx context.Context, attempt *Attempt) context.Context

	// AttemptEnd is called, under the attempt's context, when the attempt has returned or panicked, before that is
	// recorded.
	AttemptEnd func(ctx context.Context, attempt *Attempt)

	// ContextStart is called before each run of a child context's function: when it begins, when it goes on, and
	// when it runs again for a result too large to be recorded. The function's context derives from the one
	// returned; nil is ctx.
	ContextStart func(ctx context.Context, run *ContextRun) context.Context

	// ContextEnd is called when the function of a child context has returned or panicked; not when the invocation
	// ended in it.
	ContextEnd func(ctx context.Context, run *ContextRun)

	// TraceHeader returns the X-Amzn-Trace-Id header that a new chained invoke passes to its function, unless
	// durable.WithTraceHeader sets one; empty is none. The first plugin that returns one decides.
	TraceHeader func(ctx context.Context, op *Operation) string

	// InvocationEnd is called when nothing of the invocation runs any more, before the service is told how it
	// ended. On Lambda the process may be frozen right after it, so send buffered data now. ctx ends when the
	// invocation's time is over.
	InvocationEnd func(ctx context.Context, outcome *Outcome)
}

// Invocation describes an invocation. It is the same one in all hooks of the invocation, and must not be changed.
type Invocation struct {
	ExecutionARN string
	RequestID    string // of the Lambda invocation; empty elsewhere
	// First says that nothing was recorded before. If the invocation fails before anything is, the next is the
	// first again.
	First bool
	// ExecutionStart is when the execution started, by the service's clock.
	ExecutionStart time.Time
	// Updated are the operations that changed since the last invocation, by somebody else or in its last moments,
	// in the order in which they started. After a failed invocation it repeats that one's changes.
	Updated []*protocol.Operation
	// Operations are all operations, as of the moment of the call.
	Operations Operations
	// Logger writes lines that carry the execution and the request.
	Logger *slog.Logger
}

// Operation describes an operation. It is shared, with the workflow too, and must not be changed.
type Operation struct {
	// Operation is its record. A new operation, or attempt, has no record yet: its Start is by this machine's
	// clock.
	*protocol.Operation
	// Replayed says that an earlier invocation began it.
	Replayed   bool
	Invocation *Invocation
}

// Change is the effect of one answer of the service.
type Change struct {
	// Updated are the operations that changed, as they are now, each once. Invocation.Operations holds them all.
	Updated    []*Operation
	Invocation *Invocation
}

// Attempt describes an attempt.
type Attempt struct {
	// Operation is the step or the condition, STARTED.
	Operation *Operation
	Number    int       // of the attempt, from 1
	Start     time.Time // by this machine's clock
	End       time.Time // the same; zero until it ended
	Err       error     // nil until it failed
}

// ContextRun describes one run of a child context's function.
type ContextRun struct {
	// Operation is the context. A virtual one has no record, and its Status is empty.
	Operation *Operation
	Virtual   bool
	// ReplaysChildren says that the run begins with operations that were recorded in an earlier one.
	ReplaysChildren bool
	// OnlyReplayed says, after the end, that the run did nothing but replay.
	OnlyReplayed bool
	Start        time.Time // of this run, by this machine's clock
	End          time.Time // the same; zero until it ended
	Err          error     // nil until the function failed
}

// Outcome is how an invocation ended. The Operations of its Invocation are then all known ones of the execution.
type Outcome struct {
	*Invocation
	// Status is SUCCEEDED or FAILED if the execution ended with the invocation, PENDING if it is suspended, and
	// RETRY if the invocation failed, so that the service makes another.
	Status string
	Result string                // of an execution that succeeded, encoded
	Error  *protocol.ErrorObject // of an execution that failed
	Fault  error                 // of an invocation that failed
}

// Operations are the operations that an invocation knows: those recorded when it began, and those that the service
// has recorded since. It does not know the inside of contexts that closed in earlier invocations, unless their
// result was too large to be recorded. Operations may be used by several goroutines, and after the invocation too.
type Operations interface {
	// Len is their number, with the EXECUTION.
	Len() int
	// Get returns a snapshot of the operation with the given id, or nil. It must not be changed.
	Get(id string) *protocol.Operation
	// All yields the operations in the order in which they started, as they are when the iteration begins: first
	// the EXECUTION, whose payload is the input. They must not be changed.
	All() iter.Seq[*protocol.Operation]
}
