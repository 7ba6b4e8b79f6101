package durable

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/perdure/perdure/internal/wire"
)

// Plugin watches the invocations of a handler; see [WithPlugins]. It is called
// as each invocation begins, after what was recorded has been read and before
// the handler runs, and returns what it wants to hear of this invocation; nil
// is nothing. What belongs to one invocation lives in the hooks' closures, what
// outlives it in whatever made the plugin; several invocations may run at once.
//
// The context that it returns, derived from ctx, is the one that the handler's
// derives from; nil is ctx.
type Plugin func(ctx context.Context, inv *Invocation) (context.Context, *Hooks)

// WithPlugins adds plugins, which hear of everything in the order in which
// they are given. A panic of one is logged, and changes nothing else.
func WithPlugins(plugins ...Plugin) HandlerOption {
	return handlerOption(func(cfg *handlerConfig) { cfg.plugins = append(cfg.plugins, plugins...) })
}

// Invocation is what a [Plugin] is told of an invocation that begins.
type Invocation struct {
	ExecutionARN string
	RequestID    string // of the Lambda invocation; empty elsewhere
	// First says that nothing was recorded before. If the invocation fails
	// before anything is, the next is the first again.
	First bool
	// Start is when the execution started, by the service's clock.
	Start time.Time
	// Operations are what was recorded, in the order in which they started:
	// first the EXECUTION, whose payload is the input. They must not be changed.
	Operations []*Operation
	// Logger writes lines that carry the execution and the request.
	Logger *slog.Logger
}

// Hooks is what a [Plugin] hears of one invocation; each may be nil. None is
// called for work that is merely replayed.
//
// A hook is called on the goroutine that what it tells of happens on, which
// waits for it; so hooks of branches that run at the same time are called at
// the same time, and a slow hook makes the workflow slow. Operations are shared
// with other plugins and must not be changed. A hook must not use durable
// operations.
type Hooks struct {
	// InvocationStart is called first, once every plugin has returned its
	// hooks, under the context that the handler's derives from. A plugin that
	// panics here still hears of everything that follows; one that panics
	// before it has returned its hooks has none.
	InvocationStart func(ctx context.Context)

	// OperationStart is called as the workflow begins an operation, before that
	// is recorded, and before any attempt of it. When the invocation ends
	// before it could be recorded, the next one begins the operation anew.
	OperationStart func(op *Operation)

	// OperationResume is called, before the handler runs, for each operation
	// that earlier invocations left open and that is still open.
	OperationResume func(op *Operation)

	// OperationEnd is called once the service has recorded that an operation is
	// closed: if this invocation closed it, or if it closed while the
	// invocation ran, before the workflow goes on (but see [WithPipelining]);
	// if it closed since the last invocation, before the handler runs. The
	// service decides what is news: after an invocation that failed it tells
	// again what it told that one, and so does this hook. It is never called
	// by two goroutines at once.
	OperationEnd func(op *Operation)

	// AttemptStart is called before each attempt of a step, and before each
	// call of a condition's function; n counts from 1. The attempt runs under
	// the context that it returns, derived from ctx; nil is ctx.
	AttemptStart func(ctx context.Context, op *Operation, n int) context.Context

	// AttemptEnd is called, under the attempt's context, when the attempt has
	// returned, or has panicked, and before that is recorded.
	AttemptEnd func(ctx context.Context, op *Operation, n int, err error)

	// ContextStart is called before each run of a child context's function: in
	// the invocation that begins it, and in those that go on with it. The function's
	// context derives from the one returned; nil is ctx. The operation of a
	// virtual context has no status, for it is recorded nowhere.
	ContextStart func(ctx context.Context, op *Operation) context.Context

	// ContextEnd is called when the function of a child context has returned,
	// or has panicked, unless all that it did was replay.
	ContextEnd func(ctx context.Context, op *Operation, err error)

	// TraceHeader returns the X-Amzn-Trace-Id header that a chained invoke
	// which begins passes to its function, unless [WithTraceHeader] says which;
	// empty is none. The first plugin that returns one decides.
	TraceHeader func(op *Operation) string

	// InvocationEnd is called last, when nothing of the invocation runs any
	// more, and before the service is told how it ended. On Lambda the process
	// may be frozen right after it: what is buffered must be sent now. ctx is
	// the invocation's own, and has ended if its time is over.
	InvocationEnd func(ctx context.Context, outcome InvocationOutcome)
}

// InvocationOutcome is how an invocation ended.
type InvocationOutcome struct {
	// Status is SUCCEEDED or FAILED if the execution ended with the
	// invocation, PENDING if it is suspended, and RETRY if the invocation
	// failed, so that the service makes another.
	Status string
	Result string       // of an execution that succeeded, encoded; empty if too large for a reply
	Error  *ErrorObject // of an execution that failed
	Fault  error        // of an invocation that failed
}

// plugins tells the plugins of one invocation what happens in it.
type plugins struct {
	log   *runLog
	hooks []*Hooks

	mu    sync.Mutex            // guards what follows
	open  map[string]*Operation // that the plugins know of
	ended map[string]bool       // operations whose end they know of
}

// startPlugins tells the plugins that the invocation begins, and what became
// of the operations since the last.
func (r *run) startPlugins(ops []*Operation, updated []string) {
	inv := &Invocation{
		ExecutionARN: r.arn,
		First:        len(ops) == 1,
		Start:        r.history.execution.Start.Time(),
		Operations:   ops,
		Logger:       slog.New(r.log.attrs()),
	}
	if lc, ok := lambdacontext.FromContext(r.callCtx); ok {
		inv.RequestID = lc.AwsRequestID
	}
	p := &plugins{log: r.log, open: make(map[string]*Operation), ended: make(map[string]bool)}
	for _, plugin := range r.cfg.plugins {
		p.safely("Plugin", func() {
			ctx, hooks := plugin(r.ctx, inv)
			if ctx != nil {
				r.ctx = ctx
			}
			if hooks != nil {
				p.hooks = append(p.hooks, hooks)
			}
		})
	}
	if len(p.hooks) > 0 {
		r.plugins = p
		p.tell("InvocationStart", func(h *Hooks) {
			if h.InvocationStart != nil {
				h.InvocationStart(r.ctx)
			}
		})
		p.recorded(ops, updated)
	}
}

// recorded tells of operations that are still open, and of those that closed
// since the last invocation. What was abandoned, in contexts that are closed,
// is neither.
func (p *plugins) recorded(ops []*Operation, updated []string) {
	news := make(map[string]bool, len(updated))
	for _, id := range updated {
		news[id] = true
	}
	closed := make(map[string]bool) // contexts, and what is abandoned in them
	for _, op := range ops {
		switch {
		case op.Type == wire.TypeExecution:
		case op.Status.Closed():
			closed[op.ID] = true
			if news[op.ID] {
				p.closed(op)
			}
		case closed[op.ParentID]:
			closed[op.ID] = true
		default:
			known := *op
			p.open[op.ID] = &known
			p.tell("OperationResume", func(h *Hooks) {
				if h.OperationResume != nil {
					h.OperationResume(op)
				}
			})
		}
	}
}

// starting tells that the operation of an update begins, if that is news.
func (r *run) starting(u *Update) {
	if r.plugins == nil || u.Action != wire.ActionStart {
		return
	}
	r.plugins.starting(&Operation{
		ID: u.ID, Type: u.Type, Status: wire.StatusStarted, ParentID: u.ParentID, Name: u.Name, SubType: u.SubType,
		Start: wire.TimestampOf(time.Now()),
	})
}

func (p *plugins) starting(op *Operation) {
	p.mu.Lock()
	known := p.open[op.ID] != nil || p.ended[op.ID]
	if !known {
		own := *op
		p.open[op.ID] = &own
	}
	p.mu.Unlock()
	if known {
		return
	}
	p.tell("OperationStart", func(h *Hooks) {
		if h.OperationStart != nil {
			h.OperationStart(op)
		}
	})
}

// checkpointed tells of the operations that closed with a checkpoint.
func (r *run) checkpointed(req *CheckpointRequest, reply *CheckpointReply) {
	if r.plugins == nil {
		return
	}
	for i := range req.Updates {
		u := &req.Updates[i]
		status, closes := closings[u.Action]
		if !closes || u.Type == wire.TypeExecution {
			continue
		}
		r.plugins.closed(&Operation{
			ID: u.ID, Type: u.Type, Status: status, ParentID: u.ParentID, Name: u.Name, SubType: u.SubType,
			End: wire.TimestampOf(time.Now()), Payload: u.Payload, Error: u.Error,
			ReplayChildren: u.ContextOptions != nil && u.ContextOptions.ReplayChildren,
		})
	}
	for _, op := range reply.Operations {
		if op.Status.Closed() && op.Type != wire.TypeExecution {
			r.plugins.closed(op)
		}
	}
}

var closings = map[wire.Action]wire.OperationStatus{
	wire.ActionSucceed: wire.StatusSucceeded, wire.ActionFail: wire.StatusFailed, wire.ActionCancel: wire.StatusCancelled,
}

// closed tells that an operation has closed, if that is news.
func (p *plugins) closed(op *Operation) {
	p.mu.Lock()
	if p.ended[op.ID] {
		p.mu.Unlock()
		return
	}
	started := *op
	if known := p.open[op.ID]; known != nil {
		started = *known
	}
	p.mu.Unlock()
	if op.Start == 0 { // it is made of an update
		started.Status = wire.StatusStarted
		p.starting(&started)
		end := *op
		op = &end
		op.Start, op.Attempt, op.CallbackID = started.Start, started.Attempt, started.CallbackID
	}
	p.mu.Lock()
	p.ended[op.ID] = true
	delete(p.open, op.ID)
	p.mu.Unlock()
	p.tell("OperationEnd", func(h *Hooks) {
		if h.OperationEnd != nil {
			h.OperationEnd(op)
		}
	})
}

// attempted makes attempt n of an operation, as ctx says, between its hooks.
func (o *operation) attempted(ctx *bodyContext, body func() (string, error)) (string, error) {
	p := o.scope.run.plugins
	if p == nil {
		return recovered(body)
	}
	op := p.attempt(o, ctx)
	ctx.Context = p.enter("AttemptStart", ctx.Context, func(h *Hooks, inner context.Context) context.Context {
		if h.AttemptStart == nil {
			return nil
		}
		return h.AttemptStart(inner, op, ctx.attempt)
	})
	payload, err := recovered(body)
	p.tell("AttemptEnd", func(h *Hooks) {
		if h.AttemptEnd != nil {
			h.AttemptEnd(ctx, op, ctx.attempt, err)
		}
	})
	return payload, err
}

// attempt is the operation as the hooks of an attempt see it.
func (p *plugins) attempt(o *operation, ctx *bodyContext) *Operation {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.open[ctx.id]
	if known == nil {
		known = o.described(ctx.id)
		p.open[ctx.id] = known
	}
	known.Status, known.Attempt = wire.StatusStarted, ctx.attempt
	op := *known
	return &op
}

// entered runs the function of a child context, whose scope is s, between the
// hooks for it.
func (o *operation) entered(s *scope, body func() (string, error)) (string, error) {
	p := s.run.plugins
	if p == nil || s.sealed {
		return recovered(body)
	}
	op := o.described(s.id)
	recorded := s.within == s.id
	if recorded {
		op.Status = wire.StatusStarted
		p.starting(op)
	}
	s.Context = p.enter("ContextStart", s.Context, func(h *Hooks, ctx context.Context) context.Context {
		if h.ContextStart == nil {
			return nil
		}
		return h.ContextStart(ctx, op)
	})
	payload, err := recovered(body)
	if recorded || !s.replaying.Load() {
		p.tell("ContextEnd", func(h *Hooks) {
			if h.ContextEnd != nil {
				h.ContextEnd(s.Context, op, err)
			}
		})
	}
	return payload, err
}

// described is the operation as it is known before it is recorded.
func (o *operation) described(id string) *Operation {
	op := &Operation{ID: id, Type: o.typ, ParentID: o.scope.within, Name: o.name, SubType: o.subType}
	if o.known.op != nil {
		op.Start = o.known.op.Start
	}
	if op.Start == 0 {
		op.Start = wire.TimestampOf(time.Now())
	}
	return op
}

// traceHeader is what a chained invoke passes on.
func (o *operation) traceHeader(id, own string) string {
	p := o.scope.run.plugins
	if p == nil || own != "" {
		return own
	}
	op := o.described(id)
	p.tell("TraceHeader", func(h *Hooks) {
		if h.TraceHeader != nil && own == "" {
			own = h.TraceHeader(op)
		}
	})
	return own
}

// endPlugins tells the plugins how the invocation ended.
func (r *run) endPlugins(o outcome) {
	if r.plugins == nil {
		return
	}
	told := InvocationOutcome{Status: string(o.status), Result: o.result, Error: o.err, Fault: o.fault}
	if o.fault != nil {
		told.Status = "RETRY"
	}
	r.plugins.tell("InvocationEnd", func(h *Hooks) {
		if h.InvocationEnd != nil {
			h.InvocationEnd(r.callCtx, told)
		}
	})
}

// tell calls a hook of every plugin.
func (p *plugins) tell(hook string, call func(*Hooks)) {
	for _, h := range p.hooks {
		p.safely(hook, func() { call(h) })
	}
}

// enter has every plugin make a context of the one before.
func (p *plugins) enter(hook string, ctx context.Context, call func(*Hooks, context.Context) context.Context) context.Context {
	p.tell(hook, func(h *Hooks) {
		if inner := call(h, ctx); inner != nil {
			ctx = inner
		}
	})
	return ctx
}

// safely keeps a plugin's panic from the execution.
func (p *plugins) safely(hook string, call func()) {
	_, err := recovered(func() (string, error) {
		call()
		return "", nil
	})
	if err != nil {
		slog.New(p.log.attrs()).Error("a plugin panicked; the execution goes on without what it did", "hook", hook, "error", err)
	}
}
