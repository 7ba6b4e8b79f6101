package durable

import (
	"context"
	"iter"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/perdure/perdure/durable/plugin"
	"github.com/perdure/perdure/protocol"
)

// complete is a copy of the plugin with every hook set.
func complete(p *plugin.Plugin) *plugin.Plugin {
	own := *p
	fill(&own.InvocationStart, func(context.Context, *plugin.Invocation) context.Context { return nil })
	fill(&own.OperationResume, func(context.Context, *plugin.Operation) {})
	fill(&own.OperationStart, func(context.Context, *plugin.Operation) {})
	fill(&own.OperationChange, func(context.Context, *plugin.Change) {})
	fill(&own.OperationEnd, func(context.Context, *plugin.Operation) {})
	fill(&own.AttemptStart, func(context.Context, *plugin.Attempt) context.Context { return nil })
	fill(&own.AttemptEnd, func(context.Context, *plugin.Attempt) {})
	fill(&own.ContextStart, func(context.Context, *plugin.ContextRun) context.Context { return nil })
	fill(&own.ContextEnd, func(context.Context, *plugin.ContextRun) {})
	fill(&own.TraceHeader, func(context.Context, *plugin.Operation) string { return "" })
	fill(&own.InvocationEnd, func(context.Context, *plugin.Outcome) {})
	return &own
}

// fill sets a hook that is nil.
func fill[H any](hook *H, none H) {
	if reflect.ValueOf(hook).Elem().IsNil() {
		*hook = none
	}
}

// plugins tells the plugins of one invocation what happens in it.
type plugins struct {
	list       []*plugin.Plugin
	ctx        context.Context // the invocation's, with the values of the plugins
	inv        *plugin.Invocation
	operations *operations // those of inv
	recorded   int         // how many operations earlier invocations began

	mu   sync.Mutex                     // guards what follows
	open map[string]*protocol.Operation // open operations as the plugins know them: ahead of the records
}

// startPlugins tells the plugins that the invocation begins, and how operations changed since the last.
func (r *run) startPlugins(ops []*protocol.Operation, updated []string) {
	known := newOperations(ops)
	inv := &plugin.Invocation{
		ExecutionARN:   r.arn,
		First:          len(ops) == 1,
		ExecutionStart: r.history.execution.Start.Time(),
		Operations:     known,
		Logger:         slog.New(r.log.attrs()),
	}
	if lc, ok := lambdacontext.FromContext(r.callCtx); ok {
		inv.RequestID = lc.AwsRequestID
	}
	news := make(map[string]bool, len(updated))
	for _, id := range updated {
		news[id] = true
	}
	for _, op := range ops {
		if news[op.ID] && op.Type != protocol.TypeExecution {
			inv.Updated = append(inv.Updated, op)
		}
	}
	p := &plugins{list: r.cfg.plugins, inv: inv, operations: known, recorded: len(ops),
		open: make(map[string]*protocol.Operation)}
	r.ctx = p.enter("InvocationStart", r.ctx, func(x *plugin.Plugin, ctx context.Context) context.Context {
		return x.InvocationStart(ctx, inv)
	})
	r.plugins, p.ctx = p, r.ctx
	p.replay(ops, news)
}

// replay tells of operations that are open, and of those that closed since the last invocation. It leaves out
// abandoned ones, in closed contexts.
func (p *plugins) replay(ops []*protocol.Operation, news map[string]bool) {
	closed := make(map[string]bool) // contexts, and what is abandoned in them
	for _, op := range ops {
		switch {
		case op.Type == protocol.TypeExecution:
		case op.Status.Closed():
			closed[op.ID] = true
			if news[op.ID] {
				p.ended(op)
			}
		case closed[op.ParentID]:
			closed[op.ID] = true
		default:
			known := *op
			p.open[op.ID] = &known
			info := p.info(op)
			p.tell("OperationResume", func(x *plugin.Plugin) { x.OperationResume(p.ctx, info) })
		}
	}
}

// starting tells that an update begins its operation, if that is news.
func (r *run) starting(u *protocol.Update) {
	if r.plugins != nil && u.Action == protocol.ActionStart {
		r.plugins.starting(begun(u))
	}
}

// begun is the operation that an update begins.
func begun(u *protocol.Update) *protocol.Operation {
	return &protocol.Operation{
		ID: u.ID, Type: u.Type, Status: protocol.StatusStarted, ParentID: u.ParentID, Name: u.Name, SubType: u.SubType,
		Start: protocol.TimestampOf(time.Now()),
	}
}

func (p *plugins) starting(op *protocol.Operation) {
	p.mu.Lock()
	known := p.open[op.ID] != nil || p.inv.Operations.Get(op.ID) != nil
	if !known {
		own := *op
		p.open[op.ID] = &own
	}
	p.mu.Unlock()
	if !known {
		info := p.info(op)
		p.tell("OperationStart", func(x *plugin.Plugin) { x.OperationStart(p.ctx, info) })
	}
}

// checkpointed tells the changes of a checkpoint: from the service's reply, or from the updates where that is
// silent.
func (r *run) checkpointed(req *protocol.CheckpointRequest, reply *protocol.CheckpointReply) {
	p := r.plugins
	if p == nil {
		return
	}
	var changed []*protocol.Operation
	place := make(map[string]int) // operation id -> place in changed
	change := func(op *protocol.Operation) {
		i, ok := place[op.ID]
		if !ok {
			i = len(changed)
			place[op.ID], changed = i, append(changed, nil)
		}
		changed[i] = op
	}
	for i := range req.Updates {
		if u := &req.Updates[i]; u.Type != protocol.TypeExecution {
			before := p.inv.Operations.Get(u.ID)
			if j, ok := place[u.ID]; ok {
				before = changed[j]
			}
			if before == nil || !before.Status.Closed() { // cancelling may come too late
				change(p.updated(before, u))
			}
		}
	}
	for _, op := range reply.Operations {
		_, ours := place[op.ID]
		if op.Type != protocol.TypeExecution && (ours || p.isNews(op)) {
			change(op)
		}
	}
	p.changed(changed)
}

// isNews reports whether the service tells something new.
func (p *plugins) isNews(op *protocol.Operation) bool {
	known := p.inv.Operations.Get(op.ID)
	if known == nil {
		return true
	}
	return !known.Status.Closed() && (op.Status != known.Status || op.Attempt != known.Attempt ||
		op.CallbackID != known.CallbackID)
}

// updated applies an update to an operation; before is nil if that was not recorded.
func (p *plugins) updated(before *protocol.Operation, u *protocol.Update) *protocol.Operation {
	op, now := begun(u), protocol.TimestampOf(time.Now())
	p.mu.Lock()
	known := p.open[u.ID]
	p.mu.Unlock()
	switch {
	case before != nil:
		op.Start, op.Attempt, op.CallbackID, op.ScheduledEnd = before.Start, before.Attempt, before.CallbackID,
			before.ScheduledEnd
	case known != nil:
		op.Start = known.Start
	}
	if known != nil && u.Action != protocol.ActionStart {
		op.Attempt = known.Attempt
	}
	op.Payload, op.Error = u.Payload, u.Error
	switch u.Action {
	case protocol.ActionSucceed:
		op.Status, op.End = protocol.StatusSucceeded, now
	case protocol.ActionFail:
		op.Status, op.End = protocol.StatusFailed, now
	case protocol.ActionCancel:
		op.Status, op.End = protocol.StatusCancelled, now
	case protocol.ActionRetry:
		op.Status = protocol.StatusPending
		op.NextAttempt = protocol.TimestampOf(
			now.Time().Add(time.Duration(u.StepOptions.NextAttemptDelaySeconds) * time.Second))
	}
	op.ReplayChildren = u.ContextOptions != nil && u.ContextOptions.ReplayChildren
	return op
}

// changed tells of operations with new records.
func (p *plugins) changed(ops []*protocol.Operation) {
	if len(ops) == 0 {
		return
	}
	change := &plugin.Change{Invocation: p.inv}
	for _, op := range ops {
		p.starting(started(op))
		p.operations.put(op)
		change.Updated = append(change.Updated, p.info(op))
	}
	p.tell("OperationChange", func(x *plugin.Plugin) { x.OperationChange(p.ctx, change) })
	for _, op := range ops {
		if op.Status.Closed() {
			p.mu.Lock()
			delete(p.open, op.ID)
			p.mu.Unlock()
			p.ended(op)
		}
	}
}

func (p *plugins) ended(op *protocol.Operation) {
	info := p.info(op)
	p.tell("OperationEnd", func(x *plugin.Plugin) { x.OperationEnd(p.ctx, info) })
}

// started is an operation as it was when it began.
func started(op *protocol.Operation) *protocol.Operation {
	return &protocol.Operation{
		ID: op.ID, Type: op.Type, Status: protocol.StatusStarted, ParentID: op.ParentID, Name: op.Name,
		SubType: op.SubType, Start: op.Start,
	}
}

// attempted makes attempt n of an operation between its hooks; ctx tells which.
func (o *operation) attempted(ctx *bodyContext, body func() (string, error)) (string, error) {
	if b, ok := o.scope.run.client.(bench); ok {
		b.Attempt(ctx, ctx.id, ctx.name, ctx.attempt, ctx.once)
	}
	p := o.scope.run.plugins
	if p == nil {
		return recovered(body)
	}
	begins := plugin.Attempt{Operation: p.attempt(o, ctx), Number: ctx.attempt, Start: time.Now()}
	ctx.Context = p.enter("AttemptStart", ctx.Context, func(x *plugin.Plugin, inner context.Context) context.Context {
		return x.AttemptStart(inner, &begins)
	})
	payload, err := recovered(body)
	ends := begins
	ends.End, ends.Err = time.Now(), err
	p.tell("AttemptEnd", func(x *plugin.Plugin) { x.AttemptEnd(ctx, &ends) })
	return payload, err
}

// bench is a client that also has its hand in the bodies of steps: that of package durabletest.
type bench interface {
	// Attempt is called before attempt n of a step, which it may prevent by ending the goroutine. once says that the
	// attempt is never to be made again.
	Attempt(ctx context.Context, id, name string, n int, once bool)
	// Stub returns what is to run in place of a step's function, of the same type, or that function itself.
	Stub(name string, function any) any
}

// stubbed is what runs in place of a step's function.
func stubbed[F any](o *operation, fn F) F {
	if b, ok := o.scope.run.client.(bench); ok {
		fn, _ = b.Stub(o.name, fn).(F)
	}
	return fn
}

// attempt is the operation as the hooks of an attempt see it.
func (p *plugins) attempt(o *operation, ctx *bodyContext) *plugin.Operation {
	p.mu.Lock()
	known := p.open[ctx.id]
	if known == nil {
		known = o.described(ctx.id)
		p.open[ctx.id] = known
	}
	known.Status, known.Attempt = protocol.StatusStarted, ctx.attempt
	known.NextAttempt, known.Payload, known.Error = 0, nil, nil // of the attempt before
	op := *known
	p.mu.Unlock()
	return p.info(&op)
}

// entered runs the function of a child context, with the scope s, between its hooks.
func (o *operation) entered(s *scope, body func() (string, error)) (string, error) {
	p := s.run.plugins
	if p == nil {
		return recovered(body)
	}
	op, virtual := o.described(s.id), s.within != s.id
	switch {
	case virtual:
	case s.sealing == sealed:
		op = o.known.op
	default:
		op.Status = protocol.StatusStarted
		p.starting(op)
	}
	begins := plugin.ContextRun{Operation: p.info(op), Virtual: virtual, ReplaysChildren: s.ranOn(), Start: time.Now()}
	s.Context = p.enter("ContextStart", s.Context, func(x *plugin.Plugin, ctx context.Context) context.Context {
		return x.ContextStart(ctx, &begins)
	})
	payload, err := recovered(body)
	ends := begins
	ends.End, ends.Err, ends.OnlyReplayed = time.Now(), err, s.sealing != open || virtual && s.replaying.Load()
	p.tell("ContextEnd", func(x *plugin.Plugin) { x.ContextEnd(s.Context, &ends) })
	return payload, err
}

// described is the operation as known before its record.
func (o *operation) described(id string) *protocol.Operation {
	op := &protocol.Operation{ID: id, Type: o.typ, ParentID: o.scope.within, Name: o.name, SubType: o.subType}
	if o.known.op != nil {
		op.Start = o.known.op.Start
	}
	if op.Start == 0 {
		op.Start = protocol.TimestampOf(time.Now())
	}
	return op
}

// traceHeader is the header that a chained invoke passes on.
func (o *operation) traceHeader(id, own string) string {
	p := o.scope.run.plugins
	if p == nil || own != "" {
		return own
	}
	op := p.info(o.described(id))
	p.tell("TraceHeader", func(x *plugin.Plugin) {
		if own == "" {
			own = x.TraceHeader(hookContext{o.ctx}, op)
		}
	})
	return own
}

func (r *run) endPlugins(o outcome) {
	p := r.plugins
	if p == nil {
		return
	}
	told := &plugin.Outcome{Invocation: p.inv, Status: string(o.status), Result: o.result + o.large, Error: o.err,
		Fault: o.fault}
	if o.fault != nil {
		told.Status = "RETRY"
	}
	p.tell("InvocationEnd", func(x *plugin.Plugin) { x.InvocationEnd(lasting{r.callCtx, p.ctx}, told) })
}

func (p *plugins) info(op *protocol.Operation) *plugin.Operation {
	return &plugin.Operation{Operation: op, Replayed: p.operations.wasAmong(p.recorded, op.ID), Invocation: p.inv}
}

func (p *plugins) tell(hook string, call func(*plugin.Plugin)) {
	for _, x := range p.list {
		p.safely(x, hook, func() { call(x) })
	}
}

func (p *plugins) enter(hook string, ctx context.Context,
	call func(*plugin.Plugin, context.Context) context.Context) context.Context {
	p.tell(hook, func(x *plugin.Plugin) {
		if with := call(x, hookContext{ctx}); with != nil {
			ctx = lasting{ctx, with}
		}
	})
	return ctx
}

// safely keeps a plugin's panic from the execution.
func (p *plugins) safely(x *plugin.Plugin, hook string, call func()) {
	_, err := recovered(func() (string, error) {
		call()
		return "", nil
	})
	if err != nil {
		p.inv.Logger.Error("a plugin panicked; the execution goes on without what this call would have done",
			"plugin", x.Name, "hook", hook, "error", err)
	}
}

// hookContext hides the durable context from a hook.
type hookContext struct{ context.Context }

func (c hookContext) Value(key any) any {
	if _, ok := key.(scopeKey); ok {
		return nil
	}
	return c.Context.Value(key)
}

// operations is a [plugin.Operations] that grows.
type operations struct {
	mu    sync.RWMutex
	list  []*protocol.Operation // in the order in which they started
	index map[string]int        // operation id -> place in list
}

func newOperations(recorded []*protocol.Operation) *operations {
	o := &operations{list: slices.Clone(recorded), index: make(map[string]int, len(recorded))}
	for i, op := range o.list {
		o.index[op.ID] = i
	}
	return o
}

func (o *operations) Len() int {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return len(o.list)
}

func (o *operations) Get(id string) *protocol.Operation {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if i, ok := o.index[id]; ok {
		return o.list[i]
	}
	return nil
}

func (o *operations) All() iter.Seq[*protocol.Operation] {
	return func(yield func(*protocol.Operation) bool) {
		o.mu.RLock()
		list := slices.Clone(o.list)
		o.mu.RUnlock()
		for _, op := range list {
			if !yield(op) {
				return
			}
		}
	}
}

func (o *operations) wasAmong(n int, id string) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	i, ok := o.index[id]
	return ok && i < n
}

// put adds an operation, or its newer record.
func (o *operations) put(op *protocol.Operation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i, ok := o.index[op.ID]; ok {
		o.list[i] = op
		return
	}
	o.index[op.ID] = len(o.list)
	o.list = append(o.list, op)
}
