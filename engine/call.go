package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Call calls a plain function and returns its answer. A durable function is an error, and so is one that only other
// nodes of the fleet can run: an [*ElsewhereError].
func (e *Engine) Call(ctx context.Context, req *InvokeRequest) (*Result, error) {
	if err := e.functions.documents.fresh(ctx); err != nil {
		return nil, err
	}
	f, err := e.functions.lookup(req.Function, req.Qualifier, rand.Float64())
	if err != nil {
		return nil, err
	}
	if err := f.admit(); err != nil {
		return nil, err
	}
	if err := e.runner.callable(f.function, req); err != nil {
		return nil, err
	}
	if err := e.fleet.elsewhereOnly(ctx, f.function); err != nil {
		return nil, err
	}
	if err := e.runner.place(ctx, f.function); errors.Is(err, errReplaced) {
		return e.Call(ctx, req)
	} else if err != nil {
		return nil, err
	}
	defer e.fleet.free(f.function)
	if !e.flights.begin() {
		return nil, closed()
	}
	defer e.flights.end()
	return e.runner.callPlain(e.runner.serving(), f.function, req), nil
}

// makeCall calls a plain function for a chained invoke and records the outcome, unless another goroutine does, or
// nobody waits for it any more. Its error says that the execution could not be read; then nothing happened.
func (r *runner) makeCall(f *function, item store.Item) error {
	if !r.flights.begin() {
		return nil // the next engine calls
	}
	defer r.flights.end()
	l := r.ledger.cache.pin(item.ID)
	defer r.ledger.cache.unpin(l)
	serving := r.serving()
	ctx, end := context.WithCancelCause(serving)
	defer end(nil)
	target, err := r.beginCall(l, item.Operation, f, end)
	if target == nil || err != nil {
		return err
	}
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.calls, item.Operation)
	}()
	req := &InvokeRequest{TenantID: target.TenantID, TraceHeader: target.TraceHeader}
	if target.Input != nil {
		req.Payload = []byte(*target.Input)
	}
	result := r.callReaching(ctx, f, req)
	if r.closing() || serving.Err() != nil {
		return nil // the next engine, or another node, calls again
	}
	if result.Payload != nil && !utf8.ValidString(*result.Payload) { // it is recorded as text
		result = &Result{Status: protocol.ExecutionFailed, Error: &protocol.ErrorObject{
			ErrorType:    "Runtime.InvalidResponse",
			ErrorMessage: "The response of function " + f.Name + " is not valid UTF-8.",
		}}
	}
	for {
		_, err := update(context.WithoutCancel(r.ctx), r.ledger, item.ID, unrefused(func(d *machine.Draft) {
			d.CompleteInvoke(item.Operation, "", result.Status, result.Payload, functionError(result))
		}))
		if err == nil || !r.persist(item.ID, "the outcome of a chained invoke could not be recorded", err) {
			return nil
		}
	}
}

// beginCall returns the target of a call of f that is to be made now, or nil.
func (r *runner) beginCall(l *live, opID string, f *function, end endFunc) (target *machine.InvokeTarget, err error) {
	var wrong error
	_, err = updateThen(r.ctx, r.ledger, l.id, look, func(l *live, _ none, _ error) {
		if target = l.x.Call(opID); target == nil || l.calls[opID] != nil || r.closing() {
			target = nil
			return
		}
		name, _, err := r.functions.home.parseRef(target.Function, "")
		if err != nil || name != f.Name || target.Version != f.Version {
			wrong = &damagedError{l.id, fmt.Errorf("operation %s calls %s:%s, and is stored as a call of %s:%s",
				opID, target.Function, target.Version, f.Name, f.Version)}
			target = nil
			return
		}
		if l.calls == nil {
			l.calls = map[string]endFunc{}
		}
		l.calls[opID] = end
	})
	return target, cmp.Or(err, wrong)
}

// reachTries bounds how often a call is tried that does not reach its function; the pauses add up to 25 s.
const reachTries = 9

// callReaching repeats callPlain until ctx ends, with growing pauses, while the function cannot be reached: it may be
// being replaced.
func (r *runner) callReaching(ctx context.Context, f *function, req *InvokeRequest) *Result {
	if err := r.callable(f, req); err != nil {
		return &Result{Status: protocol.ExecutionFailed, Error: refusal(err)}
	}
	for try, wait := 1, 100*time.Millisecond; ; try, wait = try+1, 2*wait {
		result := r.callPlain(ctx, f, req)
		if !result.Unstarted || try == reachTries {
			return result
		}
		if pause(ctx, wait, nil); ctx.Err() != nil {
			return result
		}
		if newer := r.functions.runnable(f.Name, f.Version); newer != nil {
			f = newer
		}
	}
}

// callable refuses a call of a durable function, and one whose tenant does not fit.
func (r *runner) callable(f *function, req *InvokeRequest) error {
	if f.Durable != nil {
		return fmt.Errorf("engine: %s is durable; it is started, not called", f.Name)
	}
	return f.CheckTenant(req.TenantID, r.functions.strict)
}

// callPlain calls a plain function; the caller has a place of it.
func (r *runner) callPlain(ctx context.Context, f *function, req *InvokeRequest) *Result {
	r.counters.calls.Add(1)
	requestID := cmp.Or(req.RequestID, uuid.NewString())
	payload := req.Payload
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	arn := r.functions.home.functionARN(f.Name, f.Version)
	inv := &Invocation{
		RequestID: requestID, FunctionARN: arn.FunctionARN(), Timeout: f.Timeout,
		Payload: payload, TraceID: r.tracing.invocationTrace(traceOf(req.TraceHeader, requestID, r.now()), ""),
		TenantID: req.TenantID, ClientContext: req.ClientContext,
	}
	endTail := func() string { return "" }
	if req.LogTail {
		endTail = r.logs.tail(f, requestID)
	}
	began := r.now()
	out := r.call(ctx, f, inv)
	r.figures.called(f, r.now().Sub(began), out.Init, out.Error != nil && !out.Unstarted)
	result := &Result{Status: protocol.ExecutionSucceeded, LogTail: endTail()}
	if out.Error != nil {
		result.Status, result.Error = protocol.ExecutionFailed, out.Error
		result.ErrorPayload, result.Unstarted = out.ErrorPayload, out.Unstarted
		return result
	}
	answer := string(out.Payload)
	result.Payload = &answer
	return result
}

// functionError reads the error document that a plain function reported.
func functionError(r *Result) *protocol.ErrorObject {
	var doc struct {
		ErrorType    string          `json:"errorType"`
		ErrorMessage string          `json:"errorMessage"`
		StackTrace   json.RawMessage `json:"stackTrace"`
	}
	if len(r.ErrorPayload) == 0 || json.Unmarshal(r.ErrorPayload, &doc) != nil {
		return r.Error
	}
	return &protocol.ErrorObject{
		ErrorType: doc.ErrorType, ErrorMessage: doc.ErrorMessage, StackTrace: protocol.DecodeTrace(doc.StackTrace),
	}
}

var errReplaced = errors.New("engine: another function has taken this one's place")

// place takes a place of f, unless ctx ends, the engine closes, or f is replaced, before one is free.
func (r *runner) place(ctx context.Context, f *function) error {
	select {
	case f.places <- struct{}{}:
		return nil
	default:
	}
	r.counters.waiting.Add(1)
	defer r.counters.waiting.Add(-1)
	gone, over, beat := r.functions.fleet.shares.wait(f)
	defer over()
	if beat { // the places may be at other nodes
		nudge(r.functions.fleet.beatNow)
		r.functions.fleet.hints.tell(hintBeat)
	}
	select {
	case f.places <- struct{}{}:
		return nil
	case <-gone:
		return errReplaced
	case <-ctx.Done():
		return ctx.Err()
	case <-r.ctx.Done():
		return closed()
	}
}
