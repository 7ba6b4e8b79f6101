package durabletest

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
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
	service service        // where it runs: engine, or cloud
	engine  *engine.Engine // nil in the cloud
	cloud   *cloud         // nil in memory
	arn     string         // empty before the start
	begun   chan struct{}  // closed once arn is known; no invocation goes on before
	awaited map[string]bool
	flight  flight
	stubs   stubs
	stage   *stage
	actor   uint64 // the goroutine of the function that acts

	// The rest is for Explore.
	ghost  atomic.Pointer[engine.CheckpointRequest]                  // what the last process could still ask for
	next   func(ctx context.Context, payload []byte) ([]byte, error) // the next version of the handler
	pages  *statePages                                               // of the state
	isNew  func(fingerprint uint64) bool                             // no other run came to this state
	merged atomic.Bool                                               // another did, and goes on in place of this one
}

// The longest invocation and the longest execution that there can be.
const (
	invocationTimeout = 15 * time.Minute
	forever           = protocol.MaxWaitSeconds * time.Second
)

func newExecution(caller *testing.T, event []byte) *Execution {
	x := &Execution{
		Timeout:          invocationTimeout,
		ExecutionTimeout: forever,
		caller:           caller,
		payload:          event,
		logs:             newLogBook(caller.Output()),
		awaited:          map[string]bool{},
	}
	x.stage = newStage(&x.flight)
	return x
}

// options are a handler's options with ours around them: others may log elsewhere, but there is only one service.
func (x *Execution) options(others []durable.HandlerOption) []durable.HandlerOption {
	return withDefaults(x.logs, client{x}, others)
}

func withDefaults(logs *logBook, service durable.Client, others []durable.HandlerOption) []durable.HandlerOption {
	opts := append([]durable.HandlerOption{durable.WithLogger(slog.New(logs.handler()))}, others...)
	return append(opts, durable.WithClient(service))
}

// open makes an engine.
func (x *Execution) open(t *testing.T) {
	x.t = t
	e, err := engine.Open(t.Context(), memstore.New(),
		&engine.Options{VirtualTime: true, Entropy: rand.NewChaCha8([32]byte{}), Logger: x.engineLogger()})
	if err != nil {
		t.Fatalf("durabletest: %v", err)
	}
	x.engine, x.service, x.begun = e, e, make(chan struct{})
	x.stage.began = time.Now()
}

// engineLogger shows what would alarm an operator. Faults alarm the engine, and nobody else.
func (x *Execution) engineLogger() *slog.Logger {
	if x.stage.exploring {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(x.caller.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// fatalf ends the test, or the run that Explore makes of it.
func (x *Execution) fatalf(format string, args ...any) {
	x.t.Helper()
	x.errorf(format, args...)
	if x.stage.exploring {
		runtime.Goexit()
	}
	x.t.FailNow()
}

// errorf is fatalf for a test that goes on.
func (x *Execution) errorf(format string, args ...any) {
	x.t.Helper()
	switch {
	case x.merged.Load():
	case x.stage.exploring:
		x.stage.blame(format, args...)
	default:
		x.t.Errorf("durabletest: "+format, args...)
	}
}

// act notes that the test goes on to its next call, and refuses calls by others.
func (x *Execution) act(method string) {
	x.t.Helper()
	if x.merged.Load() {
		runtime.Goexit()
	}
	if me := goroutine(); me != x.actor {
		x.stage.kill(kill)
		x.flight.misuse("Execution." + method + " was called by another goroutine than that of the function that " +
			"acts; handlers and steps may call only Execution.Effect")
		runtime.Goexit()
	}
	x.stage.act()
}

// close ends everything that still runs. A body that does not heed the end of
// its context gets a year of virtual time to end by itself.
func (x *Execution) close() {
	ctx, cancel := context.WithTimeout(context.Background(), forever)
	defer cancel()
	x.stage.errands.Wait()
	if err := x.engine.Close(ctx); err != nil {
		x.errorf("the function does not end: a step is blocked and ignores that its context ended; the " +
			"stacks below show where")
	}
}

// begin starts the execution unless that was done.
func (x *Execution) begin() {
	x.t.Helper()
	if x.arn != "" {
		return
	}
	x.register()
	s, err := x.service.Start(x.t.Context(), &engine.InvokeRequest{Function: functionName, Payload: x.payload})
	if err != nil {
		x.fatalf("starting the execution: %v", err)
	}
	x.arn = s.ARN
	close(x.begun)
}

// register makes the function known.
func (x *Execution) register() {
	x.t.Helper()
	if x.Timeout != invocationTimeout || x.ExecutionTimeout != forever {
		x.inMemory("a timeout of the test's own")
	}
	if x.cloud != nil {
		return
	}
	err := x.engine.Functions().Register(engine.Function{
		Name: functionName, Timeout: x.Timeout, Invoker: invoker{x},
		Durable: &engine.DurableConfig{ExecutionTimeout: x.ExecutionTimeout},
	})
	if err != nil {
		x.fatalf("%v", err)
	}
}

// settle waits until nothing more happens unless time passes, if time is virtual.
func (x *Execution) settle() {
	if x.cloud == nil {
		synctest.Wait()
	}
}

// ARN is the execution's name. It starts the execution, which does not run before a method waits.
func (x *Execution) ARN() string {
	x.t.Helper()
	x.act("ARN")
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
	x.act("Await")
	x.begin()
	for ev, err := range x.service.Watch(x.t.Context(), x.arn) {
		if err != nil {
			x.fatalf("waiting for %q: %v", name, err)
		}
		if ev.Status() == protocol.StatusStarted && ev.Name == name && !x.awaited[ev.OpID] {
			x.awaited[ev.OpID] = true
			x.settle()
			return find(x.history().Operations(), ev.OpID)
		}
	}
	x.check()
	x.fatalf("the execution closed without starting an operation called %q (again):\n%s", name,
		x.history().Details())
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
	x.inMemory("Advance")
	x.act("Advance")
	x.begin()
	x.settle()
	time.Sleep(d)
	x.settle()
}

// History is what has been recorded so far; nothing before the start.
func (x *Execution) History() History {
	x.t.Helper()
	x.act("History")
	return x.history()
}

func (x *Execution) history() History {
	x.t.Helper()
	if x.arn == "" {
		return nil
	}
	var all History
	for req := (&engine.HistoryRequest{ARN: x.arn, MaxItems: protocol.MaxPage}); ; {
		events, next, err := x.service.History(context.Background(), req)
		if err != nil {
			x.fatalf("reading the history: %v", err)
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
	x.act("Stop")
	reason := &protocol.ErrorObject{ErrorType: errorType, ErrorMessage: message}
	if _, err := x.service.Stop(context.Background(), &engine.StopRequest{ARN: x.ARN(), Reason: reason}); err != nil {
		x.fatalf("stopping the execution: %v", err)
	}
}

// Callback waits, as [Execution.Await] does, until there is a callback called name, made by durable.CreateCallback
// or durable.WaitForCallback, and returns its id.
func (x *Execution) Callback(name string) (id string) {
	x.t.Helper()
	x.act("Callback")
	op := x.Await(name)
	for _, inner := range x.history().Operations() {
		if inner.CallbackID != "" && (inner.ID == op.ID || inner.ParentID == op.ID) {
			return inner.CallbackID
		}
	}
	x.fatalf("%q is a %s, not a callback:\n%s", name, op.Type, x.history())
	return ""
}

// SucceedCallback completes a callback with a result: the text that is sent,
// which is JSON unless the workflow wants a string or bytes. Empty is none.
func (x *Execution) SucceedCallback(id, result string) {
	x.t.Helper()
	x.act("SucceedCallback")
	x.answer("completing", id, func(ctx context.Context) error {
		return x.service.SucceedCallback(ctx, id, []byte(result))
	})
}

// FailCallback completes a callback with an error.
func (x *Execution) FailCallback(id, errorType, message string) {
	x.t.Helper()
	x.act("FailCallback")
	reason := &protocol.ErrorObject{ErrorType: errorType, ErrorMessage: message}
	x.answer("failing", id, func(ctx context.Context) error { return x.service.FailCallback(ctx, id, reason) })
}

// answer answers a callback, unless a fault makes that come later. Then nobody hears of a refusal, as an execution that
// ended without it is no mistake.
func (x *Execution) answer(verb, id string, send func(context.Context) error) {
	x.t.Helper()
	where := place("callback " + x.callbackName(id))
	if w := x.stage.visit(answerComes, 0, where); w != "" {
		x.stage.errands.Go(func() {
			x.stage.delay(where, w)
			send(context.Background()) //nolint:errcheck // see above
		})
		return
	}
	if err := send(context.Background()); err != nil {
		x.fatalf("%s a callback: %v", verb, err)
	}
}

func (x *Execution) callbackName(id string) string {
	for _, op := range x.history().Operations() {
		if op.CallbackID == id {
			return operationName(op.ID, op.Name)
		}
	}
	return "of another execution"
}

// HeartbeatCallback says that whoever works on a callback is alive.
func (x *Execution) HeartbeatCallback(id string) {
	x.t.Helper()
	x.act("HeartbeatCallback")
	if err := x.service.HeartbeatCallback(context.Background(), id); err != nil {
		x.fatalf("heartbeat of a callback: %v", err)
	}
	x.stage.setOutside(place("heartbeat "+id), time.Now())
}

// check fails the test if the execution made no progress, or never came to a planned crash.
func (x *Execution) check() {
	x.t.Helper()
	verdict, missed := x.flight.end()
	if verdict != "" {
		x.fatalf("%s", verdict)
	}
	for _, p := range missed {
		x.errorf("there was no crash %s recording %q: no operation of that name was recorded", p.at, p.name)
	}
}

// finish runs the execution to its end.
func (x *Execution) finish() *outcome {
	x.t.Helper()
	x.begin()
	if _, err := x.service.Wait(x.t.Context(), x.arn); err != nil {
		x.fatalf("%v", err)
	}
	x.settle()
	x.check()
	x.stubs.check(x)
	d, err := x.service.Describe(x.t.Context(), x.arn)
	if err != nil {
		x.fatalf("%v", err)
	}
	h := x.history()
	o := &outcome{Description: d, history: h, invocations: x.flight.number, logs: x.logs.lines()}
	if x.cloud != nil {
		o.invocations = h.invocations()
	}
	return o
}

// Pause pauses the execution, as a person would: waits and callbacks go on, but the function is not invoked, and an
// invocation under way ends at its next checkpoint. Without an [Execution.Resume] the execution times out, 366 days
// after its start.
func (x *Execution) Pause() {
	x.t.Helper()
	x.act("Pause")
	if err := x.service.Pause(context.Background(), &engine.PauseRequest{ARN: x.ARN()}); err != nil {
		x.fatalf("pausing the execution: %v", err)
	}
}

// Resume ends a pause.
func (x *Execution) Resume() {
	x.t.Helper()
	x.act("Resume")
	if err := x.service.Resume(context.Background(), &engine.ResumeRequest{ARN: x.ARN()}); err != nil {
		x.fatalf("resuming the execution: %v", err)
	}
}
