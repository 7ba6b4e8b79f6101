package durableotel

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/perdure/perdure/durable/plugin"
	"github.com/perdure/perdure/protocol"
)

// View says how spans are arranged; see the package's documentation.
type View int

const (
	// ExecutionView has one span for each operation, below Workflow.
	ExecutionView View = iota
	// InvocationView has a span for each operation in each invocation that it is open in, below Invocation.
	InvocationView
)

// Config changes what [New] makes; its zero value is good.
type Config struct {
	View View
	// Parent finds the span that an execution lies below; nil is [TraceHeaderParent]. It must find the same in
	// every invocation of an execution. With an empty span context the execution is a trace of its own, and the
	// provider's sampler decides about it.
	Parent func(ctx context.Context) trace.SpanContext
	// Detached keeps executions of chained invokes out of this trace.
	Detached bool
	// FlushTimeout bounds what exporting may add to an invocation; 0 is 5 seconds. It never takes more than half of
	// the time that the invocation has left. The rest may be exported with the next invocation.
	FlushTimeout time.Duration
}

const defaultFlushTimeout = 5 * time.Second

// scopeName is the instrumentation scope of all spans.
const scopeName = "github.com/perdure/perdure/durable/durableotel"

// New makes a plugin that traces executions with a provider made with [WithIDs]. The provider belongs to the
// caller. New panics if it is nil. With a provider made without WithIDs, no invocation is traced, and each says so
// in its log.
func New(provider *sdktrace.TracerProvider, cfg Config) *plugin.Plugin {
	if provider == nil {
		panic("perdure: durableotel.New: the provider is nil")
	}
	if cfg.Parent == nil {
		cfg.Parent = TraceHeaderParent
	}
	if cfg.FlushTimeout == 0 {
		cfg.FlushTimeout = defaultFlushTimeout
	}
	tracer, key := provider.Tracer(scopeName), new(tracingKey)
	p := &plugin.Plugin{
		Name: "durableotel",
		InvocationStart: func(ctx context.Context, inv *plugin.Invocation) context.Context {
			t := &tracing{Config: cfg, provider: provider, tracer: tracer, ctx: ctx, inv: inv, began: time.Now(), nodes: make(map[string]*node)}
			if !t.begin() {
				inv.Logger.Error("the invocation is not traced: make the tracer provider with the option durableotel.WithIDs()")
				return ctx
			}
			return trace.ContextWithSpan(context.WithValue(ctx, key, t), t.invocation)
		},
		OperationStart:  told(key, func(t *tracing, op *plugin.Operation) { t.open(op.Operation, t.now(), false) }),
		OperationResume: told(key, func(t *tracing, op *plugin.Operation) { t.open(op.Operation, op.Start.Time(), true) }),
		OperationEnd:    told(key, (*tracing).end),
		AttemptStart:    entered(key, (*tracing).startAttempt),
		AttemptEnd:      told(key, (*tracing).endAttempt),
		ContextStart:    entered(key, (*tracing).startContext),
		ContextEnd:      told(key, (*tracing).endContext),
		InvocationEnd: func(ctx context.Context, end *plugin.Outcome) {
			if t := tracingOf(ctx, key); t != nil {
				t.endInvocation(ctx, end)
			}
		},
	}
	if !cfg.Detached {
		p.TraceHeader = func(ctx context.Context, op *plugin.Operation) string {
			if t := tracingOf(ctx, key); t != nil {
				return formatHeader(t.derived("operation", op.ID))
			}
			return ""
		}
	}
	return p
}

// tracingKey is one plugin's context key for its tracing of an invocation.
type tracingKey struct{ _ byte }

// tracingOf is nil in an invocation that is not traced.
func tracingOf(ctx context.Context, key *tracingKey) *tracing {
	t, _ := ctx.Value(key).(*tracing)
	return t
}

func told[I any](key *tracingKey, method func(*tracing, I)) func(context.Context, I) {
	return func(ctx context.Context, info I) {
		if t := tracingOf(ctx, key); t != nil {
			method(t, info)
		}
	}
}

func entered[I any](key *tracingKey, method func(*tracing, context.Context, I) context.Context) func(context.Context, I) context.Context {
	return func(ctx context.Context, info I) context.Context {
		if t := tracingOf(ctx, key); t != nil {
			return method(t, ctx, info)
		}
		return ctx
	}
}

// tracing traces one invocation.
type tracing struct {
	Config
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	ctx      context.Context
	inv      *plugin.Invocation
	began    time.Time

	ancestor   trace.SpanContext // of everything in the execution
	workflow   trace.SpanContext
	invocation trace.Span

	mu    sync.Mutex
	nodes map[string]*node // by the operation's id
}

// node is an operation that was open in this invocation.
type node struct {
	op    *protocol.Operation
	start time.Time
	below trace.SpanContext // parent of its attempts and operations
	span  trace.Span        // in this invocation: only in the InvocationView
	over  bool              // the operation has ended

	attempt trace.Span // under way
}

// now is the time of this invocation's clock. A correction of the machine's clock must not make a span end before
// an earlier one.
func (t *tracing) now() time.Time { return t.began.Add(time.Since(t.began)) }

// begin starts the Invocation's span. It reports whether the provider uses our ids.
func (t *tracing) begin() bool {
	root := t.findAncestor()
	t.workflow = t.derived("workflow", "")
	parent := t.ancestor
	if around := trace.SpanContextFromContext(t.ctx); around.IsValid() && around.TraceID() == parent.TraceID() {
		parent = around
	}
	id := randomSpanID()
	t.invocation = t.start(parent, id, "Invocation", trace.WithAttributes(
		arnKey.String(t.inv.ExecutionARN), firstKey.Bool(t.inv.First), requestKey.String(t.inv.RequestID)))
	if t.invocation.SpanContext().SpanID() != id {
		return false
	}
	if root != nil && t.inv.First {
		root.End(trace.WithTimestamp(t.inv.ExecutionStart))
	}
	return true
}

// findAncestor finds the parent that the invocation was given. Without one it returns a span in its place: each
// invocation makes the same, for the sampler's decision, but only the first exports it.
func (t *tracing) findAncestor() trace.Span {
	given := t.Parent(t.ctx)
	if t.ancestor = given; given.IsValid() {
		return nil
	}
	id := given.TraceID()
	if !id.IsValid() {
		id = traceID(t.inv.ExecutionARN, t.inv.ExecutionStart)
	}
	ctx := choose(t.ctx, id, spanID(t.inv.ExecutionARN, "root", ""))
	_, root := t.tracer.Start(ctx, "DurableExecutionRoot", trace.WithNewRoot(), trace.WithTimestamp(t.inv.ExecutionStart))
	t.ancestor = root.SpanContext()
	if given.HasTraceID() && !given.IsSampled() {
		t.ancestor = t.ancestor.WithTraceFlags(0)
		return nil
	}
	return root
}

// derived is the context of the span for what in this execution.
func (t *tracing) derived(kind, what string) trace.SpanContext {
	return t.ancestor.WithSpanID(spanID(t.inv.ExecutionARN, kind, what)).WithRemote(false)
}

// start starts a span with an id of our choice, now unless opts say otherwise.
func (t *tracing) start(parent trace.SpanContext, id trace.SpanID, name string, opts ...trace.SpanStartOption) trace.Span {
	ctx := trace.ContextWithSpanContext(t.ctx, parent)
	opts = append([]trace.SpanStartOption{trace.WithTimestamp(t.now())}, opts...)
	_, span := t.tracer.Start(choose(ctx, parent.TraceID(), id), name, opts...)
	return span
}

func (t *tracing) finish(span trace.Span) { span.End(trace.WithTimestamp(t.now())) }

// open notes an operation that is open in this invocation, and perhaps was in earlier ones.
func (t *tracing) open(op *protocol.Operation, start time.Time, continued bool) *node {
	n := &node{op: op, start: start, below: t.derived("operation", op.ID)}
	if t.View == InvocationView {
		links := []trace.Link{{SpanContext: t.workflow}}
		id := n.below.SpanID()
		if continued {
			links = []trace.Link{{SpanContext: n.below}, links[0]}
			id = randomSpanID()
		}
		n.span = t.start(t.parent(op), id, n.title(), trace.WithLinks(links...), trace.WithAttributes(t.attributes(n)...))
		n.below = n.span.SpanContext()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.nodes[op.ID] = n
	return n
}

func (t *tracing) node(id string) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.nodes[id]
}

// parent is the parent of an operation's span.
func (t *tracing) parent(op *protocol.Operation) trace.SpanContext {
	if n := t.node(op.ParentID); n != nil {
		return n.below
	}
	switch {
	case t.View == InvocationView:
		return t.invocation.SpanContext()
	case op.ParentID == "":
		return t.workflow
	}
	return t.derived("operation", op.ParentID)
}

// links are those of spans that belong to this invocation.
func (t *tracing) links() trace.SpanStartOption {
	if t.View == InvocationView {
		return trace.WithLinks(trace.Link{SpanContext: t.workflow})
	}
	return trace.WithLinks(trace.Link{SpanContext: t.invocation.SpanContext()})
}

// end exports an operation.
func (t *tracing) end(info *plugin.Operation) {
	op := info.Operation
	n := t.node(op.ID)
	if n == nil {
		n = t.open(op, op.Start.Time(), true)
	}
	span, when := n.span, t.now()
	if span == nil {
		when = n.ended(op, when)
		span = t.start(t.parent(op), n.below.SpanID(), n.title(), t.links(),
			trace.WithTimestamp(n.start), trace.WithAttributes(t.attributes(n)...))
	}
	span.SetAttributes(statusKey.String(string(op.Status)))
	if op.Type == "STEP" && op.Attempt > 0 {
		span.SetAttributes(attemptKey.Int(op.Attempt))
	}
	judge(span, string(op.Status), op.Error)
	span.End(trace.WithTimestamp(when))
	t.mu.Lock()
	defer t.mu.Unlock()
	n.over = true
}

// ended is when the operation closed, which we learn only now: by the service's clock if the service closed it.
func (n *node) ended(op *protocol.Operation, now time.Time) time.Time {
	when := now
	switch op.Type {
	case "WAIT", "CALLBACK", "CHAINED_INVOKE":
		when = op.End.Time()
	}
	if when.Before(n.start) {
		return n.start
	}
	return when
}

func (t *tracing) startAttempt(ctx context.Context, a *plugin.Attempt) context.Context {
	n := t.node(a.Operation.ID)
	if n == nil {
		return ctx
	}
	id := spanID(t.inv.ExecutionARN, "attempt", attemptName(a.Operation.ID, a.Number))
	n.attempt = t.start(n.below, id, attemptName(n.title(), a.Number), t.links(),
		trace.WithAttributes(append(t.attributes(n), attemptKey.Int(a.Number))...))
	return trace.ContextWithSpan(ctx, n.attempt)
}

func (t *tracing) endAttempt(a *plugin.Attempt) {
	n := t.node(a.Operation.ID)
	if n == nil || n.attempt == nil {
		return
	}
	outcome := "SUCCEEDED"
	if err := a.Err; err != nil {
		outcome = "FAILED"
		n.attempt.RecordError(err)
		n.attempt.SetStatus(codes.Error, err.Error())
	} else {
		n.attempt.SetStatus(codes.Ok, "")
	}
	n.attempt.SetAttributes(outcomeKey.String(outcome))
	t.finish(n.attempt)
	n.attempt = nil
}

func (t *tracing) startContext(ctx context.Context, run *plugin.ContextRun) context.Context {
	op := run.Operation
	n := t.node(op.ID)
	switch {
	case run.Virtual:
		n = &node{op: op.Operation, start: t.now(), below: t.derived("virtual", op.ID)}
		t.mu.Lock()
		t.nodes[op.ID] = n
		t.mu.Unlock()
	case n == nil: // it ended in an earlier invocation, and runs only for its result
		return trace.ContextWithSpanContext(ctx, t.derived("operation", op.ID))
	case n.span != nil:
		return trace.ContextWithSpan(ctx, n.span)
	}
	return trace.ContextWithSpanContext(ctx, n.below)
}

// endContext exports virtual contexts, which no other hook tells of.
func (t *tracing) endContext(run *plugin.ContextRun) {
	n := t.node(run.Operation.ID)
	if !run.Virtual || run.OnlyReplayed || n == nil {
		return
	}
	span := t.start(t.parent(n.op), n.below.SpanID(), n.title(), t.links(),
		trace.WithTimestamp(n.start), trace.WithAttributes(t.attributes(n)...))
	status, code, text := "SUCCEEDED", codes.Ok, ""
	if err := run.Err; err != nil {
		status, code, text = "FAILED", codes.Error, err.Error()
		span.RecordError(err)
	}
	span.SetAttributes(statusKey.String(status))
	span.SetStatus(code, text)
	t.finish(span)
}

func (t *tracing) endInvocation(ctx context.Context, outcome *plugin.Outcome) {
	t.interrupt()
	t.invocation.SetAttributes(invocationStatusKey.String(outcome.Status))
	judge(t.invocation, outcome.Status, outcome.Error)
	if outcome.Fault != nil {
		t.invocation.RecordError(outcome.Fault)
		t.invocation.SetStatus(codes.Error, outcome.Fault.Error())
	}
	t.finish(t.invocation)
	if outcome.Status == "SUCCEEDED" || outcome.Status == "FAILED" {
		workflow := t.start(t.ancestor, t.workflow.SpanID(), "Workflow", trace.WithTimestamp(t.inv.ExecutionStart),
			trace.WithAttributes(arnKey.String(t.inv.ExecutionARN), executionStatusKey.String(outcome.Status)))
		judge(workflow, outcome.Status, outcome.Error)
		t.finish(workflow)
	}
	t.flush(ctx)
}

// interrupt ends the spans of operations that go on after the invocation: the inner ones first.
func (t *tracing) interrupt() {
	var open []*node
	for _, n := range t.nodes {
		if n.span != nil && !n.over {
			open = append(open, n)
		}
	}
	slices.SortFunc(open, func(a, b *node) int { return cmp.Compare(b.op.ID, a.op.ID) })
	when := trace.WithTimestamp(t.now())
	for _, n := range open {
		n.span.SetAttributes(statusKey.String("STARTED"))
		n.span.End(when)
	}
}

// flush sends buffered spans, since the process may be frozen next.
func (t *tracing) flush(ctx context.Context) {
	limit := t.FlushTimeout
	if deadline, ok := ctx.Deadline(); ok {
		limit = max(min(limit, time.Until(deadline)/2), 100*time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if err := t.provider.ForceFlush(ctx); err != nil {
		t.inv.Logger.Warn("some spans were not exported", "error", err)
	}
}
