package durabletest

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
)

// functionName is what the function under test is registered as.
const functionName = "function-under-test"

// Execution is an execution under test, as the function given to [Drive] handles it. All methods belong to the
// goroutine of that function, and fail the test rather than return an error.
//
// Methods that wait, which are Await, Callback, Advance and Crash, start the execution if it has not started. They
// return when everything that can happen now has happened, and time would have to pass for more.
type Execution struct {
	// Timeout bounds each invocation of the function, as the Timeout of a
	// Lambda function does: 15 minutes, unless it is changed before the start.
	Timeout time.Duration
	// ExecutionTimeout bounds the execution with all its waits, as in a
	// DurableConfig: 366 days, unless it is changed before the start.
	ExecutionTimeout time.Duration

	caller  *testing.T // of Run or Drive
	t       *testing.T // of the bubble
	payload []byte
	invoke  func(ctx context.Context, payload []byte) ([]byte, error)
	logs    *logBook
	engine  *engine.Engine
	arn     string // empty before the start
	awaited map[string]bool
	flight  flight
}

func newExecution(caller *testing.T, event []byte) *Execution {
	return &Execution{
		Timeout:          15 * time.Minute,
		ExecutionTimeout: protocol.MaxWaitSeconds * time.Second,
		caller:           caller,
		payload:          event,
		logs:             newLogBook(caller.Output()),
		awaited:          map[string]bool{},
	}
}

// options are a handler's options with ours around them: others may log elsewhere, but there is only one service.
func (x *Execution) options(others []durable.HandlerOption) []durable.HandlerOption {
	opts := append([]durable.HandlerOption{durable.WithLogger(slog.New(x.logs.handler()))}, others...)
	return append(opts, durable.WithClient(client{x}))
}

// open makes an engine.
func (x *Execution) open(t *testing.T) {
	x.t = t
	e, err := engine.Open(t.Context(), memstore.New(), &engine.Options{VirtualTime: true, Logger: engineLogger(x.caller.Output())})
	if err != nil {
		t.Fatalf("durabletest: %v", err)
	}
	x.engine = e
}

// engineLogger shows what would alarm an operator.
func engineLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// close ends everything that still runs. A body that does not heed the end of
// its context gets a year of virtual time to end by itself.
func (x *Execution) close() {
	ctx, cancel := context.WithTimeout(context.Background(), protocol.MaxWaitSeconds*time.Second)
	defer cancel()
	if err := x.engine.Close(ctx); err != nil {
		x.t.Error("durabletest: the function does not end: a step is blocked and ignores that its context ended; the stacks below show where")
	}
}

// begin starts the execution unless that was done.
func (x *Execution) begin() {
	x.t.Helper()
	if x.arn != "" {
		return
	}
	err := x.engine.Functions().Register(engine.Function{
		Name: functionName, Timeout: x.Timeout, Invoker: invoker{x},
		Durable: &engine.DurableConfig{ExecutionTimeout: x.ExecutionTimeout},
	})
	if err != nil {
		x.t.Fatalf("durabletest: %v", err)
	}
	s, err := x.engine.Start(x.t.Context(), &engine.InvokeRequest{Function: functionName, Payload: x.payload})
	if err != nil {
		x.t.Fatalf("durabletest: starting the execution: %v", err)
	}
	x.arn = s.ARN
}

// ARN is the execution's name. It starts the execution, which does not run before a method waits.
func (x *Execution) ARN() string {
	x.t.Helper()
	x.begin()
	return x.arn
}

// Await waits until an operation called name has started, and returns what is recorded of it; by then a short step
// may have ended. Each call returns another operation, in the order in which they started. An execution that closes
// without one fails the test.
//
// What a step records of its start may be held back for some milliseconds, in the hope that the end can go with it.
func (x *Execution) Await(name string) *protocol.Operation {
	x.t.Helper()
	x.begin()
	for ev, err := range x.engine.Watch(x.t.Context(), x.arn) {
		if err != nil {
			x.t.Fatalf("durabletest: waiting for %q: %v", name, err)
		}
		if ev.Status() == protocol.StatusStarted && ev.Name == name && !x.awaited[ev.OpID] {
			x.awaited[ev.OpID] = true
			synctest.Wait()
			return find(x.History().Operations(), ev.OpID)
		}
	}
	x.flight.check(x.t)
	x.t.Fatalf("durabletest: the execution closed without starting an operation called %q (again):\n%s", name, x.History().Details())
	return nil
}

func find(ops []*protocol.Operation, id string) *protocol.Operation {
	for _, op := range ops {
		if op.ID == id {
			return op
		}
	}
	return nil
}

// Advance lets d of virtual time pass. Zero only lets happen what can happen now.
func (x *Execution) Advance(d time.Duration) {
	x.t.Helper()
	x.begin()
	synctest.Wait()
	time.Sleep(d)
	synctest.Wait()
}

// History is what has been recorded so far; nothing before the start.
func (x *Execution) History() History {
	x.t.Helper()
	if x.arn == "" {
		return nil
	}
	var all History
	for req := (&engine.HistoryRequest{ARN: x.arn, MaxItems: protocol.MaxPage}); ; {
		events, next, err := x.engine.History(context.Background(), req)
		if err != nil {
			x.t.Fatalf("durabletest: reading the history: %v", err)
		}
		all = append(all, events...)
		if next == "" {
			return all
		}
		req.Marker = next
	}
}

// Stop stops the execution, as a person would who gives the reason. One that has closed stays as it is.
func (x *Execution) Stop(errorType, message string) {
	x.t.Helper()
	reason := &protocol.ErrorObject{ErrorType: errorType, ErrorMessage: message}
	if _, err := x.engine.Stop(context.Background(), x.ARN(), reason); err != nil {
		x.t.Fatalf("durabletest: stopping the execution: %v", err)
	}
}

// Callback waits, as [Execution.Await] does, until there is a callback called name, made by durable.CreateCallback
// or durable.WaitForCallback, and returns its id.
func (x *Execution) Callback(name string) (id string) {
	x.t.Helper()
	op := x.Await(name)
	for _, inner := range x.History().Operations() {
		if inner.CallbackID != "" && (inner.ID == op.ID || inner.ParentID == op.ID) {
			return inner.CallbackID
		}
	}
	x.t.Fatalf("durabletest: %q is a %s, not a callback:\n%s", name, op.Type, x.History())
	return ""
}

// SucceedCallback completes a callback with a result: the text that is sent,
// which is JSON unless the workflow wants a string or bytes. Empty is none.
func (x *Execution) SucceedCallback(id, result string) {
	x.t.Helper()
	if err := x.engine.SucceedCallback(context.Background(), id, []byte(result)); err != nil {
		x.t.Fatalf("durabletest: completing a callback: %v", err)
	}
}

// FailCallback completes a callback with an error.
func (x *Execution) FailCallback(id, errorType, message string) {
	x.t.Helper()
	reason := &protocol.ErrorObject{ErrorType: errorType, ErrorMessage: message}
	if err := x.engine.FailCallback(context.Background(), id, reason); err != nil {
		x.t.Fatalf("durabletest: failing a callback: %v", err)
	}
}

// HeartbeatCallback says that whoever works on a callback is alive.
func (x *Execution) HeartbeatCallback(id string) {
	x.t.Helper()
	if err := x.engine.HeartbeatCallback(context.Background(), id); err != nil {
		x.t.Fatalf("durabletest: heartbeat of a callback: %v", err)
	}
}

// finish runs the execution to its end.
func (x *Execution) finish() *outcome {
	x.t.Helper()
	x.begin()
	if _, err := x.engine.Wait(x.t.Context(), x.arn); err != nil {
		x.t.Fatalf("durabletest: %v", err)
	}
	synctest.Wait()
	x.flight.check(x.t)
	d, err := x.engine.Describe(x.t.Context(), x.arn)
	if err != nil {
		x.t.Fatalf("durabletest: %v", err)
	}
	return &outcome{Description: d, history: x.History(), invocations: x.flight.number, logs: x.logs.lines()}
}
