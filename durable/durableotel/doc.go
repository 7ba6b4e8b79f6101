// Package durableotel traces durable executions with OpenTelemetry.
//
//	exporter, err := otlptracehttp.New(ctx)
//	…
//	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), durableotel.WithIDs())
//	otel.SetTracerProvider(provider)
//	durable.Start(handler, durable.WithPlugins(durableotel.New(provider, durableotel.Config{})))
//
// # Spans
//
// An execution is one trace, over all its invocations and for as long as it takes:
//
//	Workflow                  from the execution's start to its end
//	├─ an operation           by its name: a step, wait, callback, invoke or context
//	│  └─ an attempt          "charge attempt 2", of a step or a condition
//	└─ a context
//	   └─ an operation
//	Invocation                one for each invocation, beside Workflow
//
// That is [ExecutionView]. Each span is exported once, at the end of its subject, and links to the Invocation in
// which that ended. Replay leaves no spans. An execution that is stopped or times out ends while no function runs,
// so it has no Workflow span.
//
// [InvocationView] is for backends, and people, that look at one invocation at a time: operations lie below the
// Invocation, and one that goes on over several has a span in each, linked to its first.
//
// Spans that steps make, with the context that they get, lie below their attempt. Those that durable code makes
// between operations lie below its context or the Invocation, and are made again whenever that code runs again.
//
// # Identity
//
// No invocation knows the exports of another, so ids are derived: of the trace from the execution's ARN and start,
// of spans from the ARN and the operation's id. If an invocation fails, and the next repeats its spans, backends
// see the same span twice rather than two. That takes a provider made with [WithIDs].
//
// If Lambda passes a trace header on, the execution joins that trace, below the header's parent, and is sampled as
// the header says: [TraceHeaderParent]. Without one, Workflow and Invocations lie below a span of no length,
// DurableExecutionRoot, and the provider's sampler decides by the trace's id, so the same in all invocations. A
// chained invoke passes on a header that makes the other execution part of the trace, below the invoke's span,
// unless [Config] says otherwise.
//
// # Attributes
//
//	durable.execution.arn      on every span but DurableExecutionRoot
//	durable.execution.status   Workflow: SUCCEEDED or FAILED
//	durable.invocation.first   Invocation: whether nothing was recorded before
//	durable.invocation.status  Invocation: SUCCEEDED, FAILED, PENDING, or RETRY if it failed and another follows
//	faas.invocation_id         Invocation: the request id
//	durable.operation.id       operations and attempts, as in the execution's history
//	durable.operation.type     STEP, WAIT, CALLBACK, CHAINED_INVOKE or CONTEXT
//	durable.operation.subtype  as in the history, such as MapIteration
//	durable.operation.name     if it has one
//	durable.operation.status   operations: how it ended; STARTED if it goes on after the invocation
//	durable.attempt.number     attempts, and steps that ended
//	durable.attempt.outcome    attempts: SUCCEEDED or FAILED
//
// Failures set the span's status and add an exception event. Inputs and results are never exported.
//
// # Flushing
//
// Lambda freezes the process once the reply is sent, so the provider is flushed before that, at the end of each
// invocation. A collector on the same machine, such as Lambda's extension for OpenTelemetry, keeps that short.
package durableotel
