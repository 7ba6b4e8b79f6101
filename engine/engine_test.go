package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/internal/core/verify"
	"github.com/perdure/perdure/protocol"
)

// fixture is an engine in a synctest bubble, on a store that outlives it.
type fixture struct {
	*engine.Engine
	t     *testing.T
	store *memstore.Store
	opts  engine.Options
	funcs []engine.Function

	front   store.Store // stands before the store; nil for nothing
	clock   bool        // the engine watches the clock, which the test sets
	damaged bool        // the test damages the store, so verifying finds something
}

// inBubble runs a test with an engine under virtual time.
func inBubble(t *testing.T, test func(t *testing.T, f *fixture)) {
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, store: memstore.New()}
		f.open()
		defer f.close()
		test(t, f)
	})
}

func (f *fixture) open() {
	f.t.Helper()
	f.opts.VirtualTime = !f.clock
	var st store.Store = f.store
	if f.front != nil {
		st = f.front
	}
	e, err := engine.Open(context.Background(), st, &f.opts)
	if err != nil {
		f.t.Fatal(err)
	}
	f.Engine = e
	for _, fn := range f.funcs {
		if err := e.Functions().Register(fn); err != nil {
			f.t.Fatal(err)
		}
	}
}

// close ends the engine, which must leave behind what verifies.
func (f *fixture) close() {
	f.t.Helper()
	if err := f.Close(context.Background()); err != nil {
		f.t.Error(err)
	}
	if f.damaged {
		return
	}
	f.vet()
	_, err := verify.Store(context.Background(), f.store, verify.Options{}, func(p verify.Problem) {
		f.t.Errorf("%s: %s", p.Execution, p.Text)
	})
	if err != nil {
		f.t.Error(err)
	}
}

// vet checks that another engine would believe everything that is stored.
func (f *fixture) vet() {
	f.t.Helper()
	rows, err := f.store.List(context.Background(), store.Query{Limit: 100_000})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, row := range rows {
		var records []machine.Record
		for e, err := range f.store.Journal(context.Background(), row.ID, store.Range{}) {
			if err != nil {
				f.t.Fatal(err)
			}
			more, err := machine.Decode(e.Data)
			if err != nil {
				f.t.Fatal(err)
			}
			records = append(records, more...)
		}
		if err := machine.Vet(records, protocol.TimestampOf(time.Now()), nil); err != nil {
			f.t.Errorf("%s: another engine would refuse what was recorded: %v", row.ARN, err)
		}
	}
}

// restart is what a deployment does: the engine ends and another opens the store.
func (f *fixture) restart() {
	f.t.Helper()
	f.close()
	f.open()
}

// durable registers a durable function whose invocations run handle.
func (f *fixture) durable(name string, handle func(*call) engine.Outcome) {
	f.register(engine.Function{
		Name: name, Timeout: time.Minute, Invoker: invoker{f, handle},
		Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour, RetentionDays: 7},
	})
}

func (f *fixture) register(fn engine.Function) {
	f.t.Helper()
	f.funcs = append(f.funcs, fn)
	if err := f.Functions().Register(fn); err != nil {
		f.t.Fatal(err)
	}
}

// start starts an execution and returns its ARN.
func (f *fixture) start(function, name, payload string) string {
	f.t.Helper()
	s, err := f.Start(f.t.Context(), &engine.InvokeRequest{Function: function, Name: name, Payload: []byte(payload)})
	if err != nil {
		f.t.Fatal(err)
	}
	return s.ARN
}

// result waits for an execution to close.
func (f *fixture) result(arn string) *engine.Result {
	f.t.Helper()
	r, err := f.Wait(f.t.Context(), arn)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// history returns the types of all events, checked to be without gaps.
func (f *fixture) history(arn string) string {
	f.t.Helper()
	events, next, err := f.History(f.t.Context(), &engine.HistoryRequest{ARN: arn, MaxItems: 1000})
	if err != nil || next != "" {
		f.t.Fatalf("History: next %q, error %v", next, err)
	}
	var types []string
	for i, ev := range events {
		if ev.ID != int64(i+1) {
			f.t.Errorf("event %d has EventId %d", i+1, ev.ID)
		}
		types = append(types, string(ev.Type))
	}
	return strings.Join(types, " ")
}

// invoker runs a handler that speaks the protocol by hand.
type invoker struct {
	f      *fixture
	handle func(*call) engine.Outcome
}

func (i invoker) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	c := &call{ctx: ctx, f: i.f, Invocation: inv, engine: i.f.Engine}
	if inv.ExecutionARN != "" {
		if err := json.Unmarshal(inv.Payload, &c.in); err != nil {
			i.f.t.Errorf("the envelope is not JSON: %v\n%s", err, inv.Payload)
		}
		c.token = c.in.CheckpointToken
	}
	return i.handle(c)
}

// call is one invocation as its handler sees it.
type call struct {
	*engine.Invocation
	ctx    context.Context
	f      *fixture
	engine *engine.Engine // the one that invoked, whatever runs now
	in     protocol.InvocationInput
	token  string
	err    error // of the last checkpoint
}

// op returns the operation with this id, or an empty one.
func (c *call) op(id string) *protocol.Operation {
	for _, o := range c.in.InitialExecutionState.Operations {
		if o.ID == id {
			return o
		}
	}
	return &protocol.Operation{}
}

// checkpoint sends updates and takes in the reply.
func (c *call) checkpoint(updates ...protocol.Update) bool {
	reply, err := c.engine.Checkpoint(c.ctx, &engine.CheckpointRequest{ARN: c.ExecutionARN, Token: c.token, Updates: updates})
	if c.err = err; err != nil {
		return false
	}
	c.token = reply.Token
	for _, o := range reply.Operations {
		*c.grow(o.ID) = *o
	}
	return true
}

func (c *call) grow(id string) *protocol.Operation {
	if o := c.op(id); o.ID != "" {
		return o
	}
	o := &protocol.Operation{ID: id}
	c.in.InitialExecutionState.Operations = append(c.in.InitialExecutionState.Operations, o)
	return o
}

// step runs a step once: one checkpoint with its start and result.
func (c *call) step(id, result string) bool {
	if c.op(id).Status == protocol.StatusSucceeded {
		return true
	}
	return c.checkpoint(
		protocol.Update{ID: id, Type: protocol.TypeStep, SubType: "Step", Action: protocol.ActionStart},
		protocol.Update{ID: id, Type: protocol.TypeStep, SubType: "Step", Action: protocol.ActionSucceed, Payload: &result},
	)
}

// wait starts a wait and reports whether it has elapsed.
func (c *call) wait(id string, seconds int64) bool {
	if c.op(id).ID == "" {
		c.checkpoint(protocol.Update{ID: id, Type: protocol.TypeWait, SubType: "Wait", Action: protocol.ActionStart,
			WaitOptions: &protocol.WaitOptions{WaitSeconds: seconds}})
	}
	return c.op(id).Status == protocol.StatusSucceeded
}

func pending() engine.Outcome { return engine.Outcome{Payload: []byte(`{"Status":"PENDING"}`)} }

func succeed(result string) engine.Outcome {
	text, _ := json.Marshal(result)
	return engine.Outcome{Payload: fmt.Appendf(nil, `{"Status":"SUCCEEDED","Result":%s}`, text)}
}

func crash(message string) engine.Outcome {
	return engine.Outcome{Error: &protocol.ErrorObject{ErrorType: protocol.ErrorTypeExit, ErrorMessage: message}}
}

// order is the first program: validate, pay, wait, fulfil.
func order(c *call) engine.Outcome {
	if !c.step("1", `"valid"`) || !c.step("2", `"paid"`) {
		return crash("checkpoint refused: " + c.err.Error())
	}
	if !c.wait("3", 5) {
		return pending()
	}
	if !c.step("4", `"sent"`) {
		return crash("checkpoint refused: " + c.err.Error())
	}
	return succeed(`"done"`)
}

const orderHistory = "ExecutionStarted StepStarted StepSucceeded StepStarted StepSucceeded WaitStarted InvocationCompleted " +
	"WaitSucceeded StepStarted StepSucceeded InvocationCompleted ExecutionSucceeded"

func TestOrderRunsToItsEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		begin := time.Now()
		arn := f.start("order", "", `{"id":1}`)
		r := f.result(arn)
		if r.Status != protocol.ExecutionSucceeded || *r.Payload != `"done"` {
			t.Errorf("got %s %v, want SUCCEEDED \"done\"", r.Status, r.Payload)
		}
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("the order took %v of virtual time, want the wait's 5s", took)
		}
		if got := f.history(arn); got != orderHistory {
			t.Errorf("history:\n got %s\nwant %s", got, orderHistory)
		}
	})
}

func TestRestartDuringWaitDoesNotRestartTheWait(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		begin := time.Now()
		arn := f.start("order", "", `{}`)
		time.Sleep(3 * time.Second)
		f.restart()
		f.result(arn)
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("the order took %v, want 5s", took)
		}
		if got := f.history(arn); got != orderHistory {
			t.Errorf("history:\n got %s\nwant %s", got, orderHistory)
		}
	})
}

func TestWaitThatElapsedWhileDownIsOverAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		arn := f.start("order", "", `{}`)
		time.Sleep(time.Second)
		f.close()
		time.Sleep(time.Hour / 2)
		f.open()
		begin := time.Now()
		f.result(arn)
		if took := time.Since(begin); took != 0 {
			t.Errorf("the order took %v after the restart, want none", took)
		}
	})
}

// A crash of the engine is a copy of its store that it knows nothing of.
func TestInvocationLostInACrashIsRepeatedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		var mu sync.Mutex
		calls := 0
		f.durable("slow", func(c *call) engine.Outcome {
			mu.Lock()
			calls++
			first := calls == 1
			mu.Unlock()
			c.step("1", `1`)
			if first {
				<-c.ctx.Done()
				return crash("killed")
			}
			return succeed("2")
		})
		arn := f.start("slow", "", `{}`)
		synctest.Wait()
		begin := time.Now()
		f.restart()
		f.result(arn)
		if took := time.Since(begin); took != 0 {
			t.Errorf("the second invocation came after %v, want at once", took)
		}
		want := "ExecutionStarted StepStarted StepSucceeded InvocationCompleted InvocationCompleted ExecutionSucceeded"
		if got := f.history(arn); got != want {
			t.Errorf("history:\n got %s\nwant %s", got, want)
		}
	})
}

func TestFailedInvocationsBackOff(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		var at []time.Duration
		begin := time.Now()
		f.durable("flaky", func(c *call) engine.Outcome {
			at = append(at, time.Since(begin))
			if len(at) < 4 {
				return crash("exit status 1")
			}
			return succeed("1")
		})
		f.result(f.start("flaky", "", ""))
		for i, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			got := at[i+1] - at[i]
			if got < pause*3/4 || got > pause {
				t.Errorf("pause %d is %v, want %v less at most a quarter", i+1, got, pause)
			}
		}
	})
}

func TestInvocationTimesOut(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.opts.Crashes = engine.CrashLimit{Max: 1}
		f.restart()
		f.durable("hang", func(c *call) engine.Outcome {
			<-c.ctx.Done()
			return engine.Outcome{}
		})
		r := f.result(f.start("hang", "", ""))
		if r.Status != protocol.ExecutionFailed || r.Error.ErrorType != "Sandbox.Timedout" ||
			!strings.HasSuffix(r.Error.ErrorMessage, "Task timed out after 60.00 seconds") {
			t.Errorf("got %s %+v, want FAILED with Sandbox.Timedout", r.Status, r.Error)
		}
	})
}

func TestExecutionTimesOut(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("sleeper", func(c *call) engine.Outcome {
			c.wait("1", 100_000)
			return pending()
		})
		begin := time.Now()
		r := f.result(f.start("sleeper", "", ""))
		if r.Status != protocol.ExecutionTimedOut || r.Error.ErrorMessage != "Execution timed out after 3600 seconds." {
			t.Errorf("got %s %+v, want TIMED_OUT", r.Status, r.Error)
		}
		if took := time.Since(begin); took != time.Hour {
			t.Errorf("timed out after %v, want 1h", took)
		}
	})
}

func TestNameMakesStartIdempotent(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		arn := f.start("order", "one", `{"a":1}`)
		for _, when := range []string{"running", "closed"} {
			s, err := f.Start(t.Context(), &engine.InvokeRequest{Function: "order", Name: "one", Payload: []byte(`{"a":1}`)})
			if err != nil || s.ARN != arn || !s.Existing {
				t.Errorf("%s, same payload: got %+v, %v; want the existing execution", when, s, err)
			}
			_, err = f.Start(t.Context(), &engine.InvokeRequest{Function: "order", Name: "one", Payload: []byte(`{"a":2}`)})
			if want := "DurableExecutionAlreadyStartedException: Execution already started: " + arn; err == nil || err.Error() != want {
				t.Errorf("%s, other payload: got error %v, want %s", when, err, want)
			}
			f.result(arn)
		}
	})
}

// Names that nobody chose ascend, so the store's index of names grows at its end.
func TestNewNamesAscend(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		last := ""
		for range 10 {
			arn, err := protocol.ParseARN(f.start("order", "", `{"a":1}`))
			if err != nil || arn.Name <= last {
				t.Fatalf("got the name %q behind %q, %v", arn.Name, last, err)
			}
			last = arn.Name
		}
	})
}

func TestConcurrentStartsOfOneNameStartOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		arns := make([]string, 20)
		var wg sync.WaitGroup
		for i := range arns {
			wg.Go(func() { arns[i] = f.start("order", "same", `{}`) })
		}
		wg.Wait()
		for _, arn := range arns {
			if arn != arns[0] {
				t.Fatalf("two executions have one name: %s and %s", arn, arns[0])
			}
		}
		f.result(arns[0])
	})
}

func TestManyExecutionsShareFewPlaces(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		var mu sync.Mutex
		running, most := 0, 0
		f.register(engine.Function{
			Name: "narrow", Concurrency: 3, Timeout: time.Minute,
			Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
			Invoker: invoker{f, func(c *call) engine.Outcome {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				time.Sleep(100 * time.Millisecond)
				mu.Lock()
				running--
				mu.Unlock()
				return order(c)
			}},
		})
		var arns []string
		for range 200 {
			arns = append(arns, f.start("narrow", "", ""))
		}
		for _, arn := range arns {
			f.result(arn)
			if got := f.history(arn); got != orderHistory {
				t.Fatalf("history:\n got %s\nwant %s", got, orderHistory)
			}
		}
		if most != 3 {
			t.Errorf("%d invocations ran at one time, want 3", most)
		}
	})
}

func TestStopWhileInvoking(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		release := make(chan struct{})
		refused := make(chan error, 1)
		f.durable("busy", func(c *call) engine.Outcome {
			<-release
			c.step("1", "1")
			refused <- c.err
			return crash("stopped")
		})
		arn := f.start("busy", "", "")
		synctest.Wait()
		at, err := f.Stop(t.Context(), &engine.StopRequest{ARN: arn, Reason: &protocol.ErrorObject{ErrorMessage: "enough"}})
		if err != nil {
			t.Fatal(err)
		}
		if r := f.result(arn); r.Status != protocol.ExecutionStopped || r.Error.ErrorMessage != "enough" {
			t.Errorf("got %s %+v, want STOPPED: enough", r.Status, r.Error)
		}
		close(release)
		if err := <-refused; err == nil || !strings.Contains(err.Error(), protocol.StaleTokenMessage) {
			t.Errorf("a checkpoint after the stop: got %v, want %q", err, protocol.StaleTokenMessage)
		}
		synctest.Wait()
		if got, want := f.history(arn), "ExecutionStarted ExecutionStopped InvocationCompleted"; got != want {
			t.Errorf("history: got %s, want %s", got, want)
		}
		time.Sleep(time.Second)
		if again, err := f.Stop(t.Context(), &engine.StopRequest{ARN: arn}); err != nil || again != at {
			t.Errorf("the second stop: got %v, %v; want the time of the first, %v", again, err, at)
		}
	})
}

func TestCallbackWakesTheExecution(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		ids := make(chan string, 1)
		f.durable("approval", func(c *call) engine.Outcome {
			if c.op("1").ID == "" {
				c.checkpoint(protocol.Update{ID: "1", Type: protocol.TypeCallback, Action: protocol.ActionStart})
				ids <- c.op("1").CallbackID
			}
			if c.op("1").Status != protocol.StatusSucceeded {
				return pending()
			}
			return succeed(*c.op("1").Payload)
		})
		arn := f.start("approval", "", "")
		id := <-ids
		time.Sleep(time.Minute)
		f.restart()
		err := f.SucceedCallback(t.Context(), id, []byte{'y', 0xff})
		want := "InvalidParameterValueException: " +
			"The result of the callback is not valid UTF-8. Send other bytes as base64, for example."
		if err == nil || err.Error() != want {
			t.Errorf("bytes that are not UTF-8: got %v, want %s", err, want)
		}
		if err := f.SucceedCallback(t.Context(), id, []byte("yes")); err != nil {
			t.Fatal(err)
		}
		if r := f.result(arn); *r.Payload != "yes" {
			t.Errorf("got %q, want the callback's result", *r.Payload)
		}
		err = f.FailCallback(t.Context(), id, nil)
		if want := "CallbackTimeoutException: The callback is either timed out or already completed"; err == nil || err.Error() != want {
			t.Errorf("the second completion: got %v, want %s", err, want)
		}
		if err := f.HeartbeatCallback(t.Context(), "Zm9yZ2Vk"); err == nil || !strings.Contains(err.Error(), "Invalid callback id") {
			t.Errorf("a forged id: got %v, want Invalid callback id", err)
		}
	})
}

// invokeUpdate starts a chained invoke.
func invokeUpdate(id, function, input string) protocol.Update {
	return protocol.Update{
		ID: id, Type: protocol.TypeChainedInvoke, Action: protocol.ActionStart, Payload: &input,
		ChainedInvokeOptions: &protocol.ChainedInvokeOptions{FunctionName: function},
	}
}

func TestCallsHaveTheRequestIDOfTheirClient(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		var seen []string
		f.register(engine.Function{Name: "plain", Invoker: invoker{f, func(c *call) engine.Outcome {
			seen = append(seen, c.RequestID)
			return engine.Outcome{Payload: []byte("1")}
		}}})
		for _, id := range []string{"request-7", ""} {
			if _, err := f.Call(t.Context(), &engine.InvokeRequest{Function: "plain", RequestID: id}); err != nil {
				t.Fatal(err)
			}
		}
		if len(seen) != 2 || seen[0] != "request-7" || seen[1] == "" {
			t.Errorf("got request ids %q, want request-7 and one of the engine's", seen)
		}
	})
}

func TestChainedInvokes(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("child", order)
		f.register(engine.Function{Name: "plain", Invoker: invoker{f, func(c *call) engine.Outcome {
			time.Sleep(time.Second)
			return engine.Outcome{Payload: fmt.Appendf(nil, `{"echo":%s}`, c.Payload)}
		}}})
		f.durable("parent", func(c *call) engine.Outcome {
			if c.op("1").ID == "" {
				c.checkpoint(invokeUpdate("1", "child", `{"n":1}`), invokeUpdate("2", "plain", `2`), invokeUpdate("3", "nobody", `3`))
				if got := c.op("3"); got.Status != protocol.StatusFailed || got.Error.ErrorType != "ResourceNotFoundException" {
					t.Errorf("an unknown target: got %s %+v in the reply, want FAILED", got.Status, got.Error)
				}
			}
			if c.op("1").Status == protocol.StatusStarted || c.op("2").Status == protocol.StatusStarted {
				return pending()
			}
			return succeed(*c.op("1").Payload + *c.op("2").Payload)
		})
		arn := f.start("parent", "", "")
		if r := f.result(arn); *r.Payload != `"done"{"echo":2}` {
			t.Errorf("got %s, want both results", *r.Payload)
		}
	})
}

// Functions of other accounts and regions are not there to be invoked.
func TestChainedInvokesStayAtHome(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("parent", func(c *call) engine.Outcome {
			for target, want := range map[string]string{
				"arn:aws:lambda:us-east-1:111111111111:function:parent:1": "in another account.",
				"111111111111:function:parent":                            "in another account.",
				"arn:aws:lambda:eu-west-1:000000000000:function:parent:1": "in another region.",
			} {
				c.checkpoint(invokeUpdate("1", target, "1"))
				wantRefusal(t, c.err, "InvalidParameterValueException: Cannot start a CHAINED_INVOKE on a function "+want)
			}
			return succeed("1")
		})
		f.result(f.start("parent", "", ""))
	})
}

func TestChainedInvokesSurviveARestart(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("child", order)
		f.register(engine.Function{Name: "plain", Timeout: time.Minute, Invoker: invoker{f, func(c *call) engine.Outcome {
			select {
			case <-time.After(10 * time.Second):
				return engine.Outcome{Payload: []byte(`2`)}
			case <-c.ctx.Done():
				return crash("killed")
			}
		}}})
		f.durable("parent", func(c *call) engine.Outcome {
			if c.op("1").ID == "" {
				c.checkpoint(invokeUpdate("1", "child", `{}`), invokeUpdate("2", "plain", `2`))
			}
			if c.op("1").Status == protocol.StatusStarted || c.op("2").Status == protocol.StatusStarted {
				return pending()
			}
			return succeed(*c.op("1").Payload + *c.op("2").Payload)
		})
		arn := f.start("parent", "", "")
		time.Sleep(3 * time.Second)
		f.restart()
		if r := f.result(arn); r.Status != protocol.ExecutionSucceeded || *r.Payload != `"done"2` {
			t.Errorf("got %s %v, want both results", r.Status, r.Error)
		}
	})
}

func TestRetentionEndsAClosedExecution(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		arn := f.start("order", "mine", `{}`)
		f.result(arn)
		time.Sleep(7*24*time.Hour - time.Minute)
		if _, err := f.Describe(t.Context(), arn); err != nil {
			t.Fatalf("before the retention is over: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := f.Describe(t.Context(), arn); err == nil || !strings.Contains(err.Error(), "does not exist") {
			t.Errorf("after the retention: got %v, want ResourceNotFoundException", err)
		}
		if again := f.start("order", "mine", `{"other":1}`); again == arn {
			t.Error("the name was not free again")
		}
	})
}

// A commit that failed without the engine knowing whether it took effect must
// neither lose nor repeat what it recorded.
func TestAmbiguousCommits(t *testing.T) {
	for n := range uint64(20) {
		effect := n%2 == 1
		t.Run(fmt.Sprintf("took effect %v/%d", effect, n), func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				f.durable("order", order)
				synctest.Wait()
				chance := rand.New(rand.NewPCG(1, n))
				f.store.Intercept(func(writes []store.Write, commit func() error) error {
					if writes[0].Entry.Seq > 1 && chance.IntN(3) == 0 {
						if effect {
							commit()
						}
						return fmt.Errorf("disk on fire")
					}
					return commit()
				})
				arn := f.start("order", "", "")
				r := f.result(arn)
				f.store.Intercept(nil)
				if r.Status != protocol.ExecutionSucceeded {
					t.Errorf("got %s %+v, want SUCCEEDED", r.Status, r.Error)
				}
				got := f.history(arn)
				for _, once := range []string{"WaitStarted", "WaitSucceeded", "ExecutionSucceeded"} {
					if strings.Count(got, once) != 1 {
						t.Errorf("%s stands %d times in %s", once, strings.Count(got, once), got)
					}
				}
				if strings.Count(got, "StepSucceeded") != 3 {
					t.Errorf("a step was lost or repeated: %s", got)
				}
			})
		})
	}
}

func TestWatchFollowsAnExecution(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		arn := f.start("order", "", "")
		var types []string
		for ev, err := range f.Watch(t.Context(), arn) {
			if err != nil {
				t.Fatal(err)
			}
			types = append(types, string(ev.Type))
		}
		if got := strings.Join(types, " "); got != orderHistory {
			t.Errorf("watched:\n got %s\nwant %s", got, orderHistory)
		}
	})
}

func TestTokensAreFences(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		stale := make(chan string, 1) // the last token of the first invocation
		f.durable("order", func(c *call) engine.Outcome {
			first := c.token
			out := order(c)
			req := &engine.CheckpointRequest{ARN: c.ExecutionARN, Token: first}
			if _, err := c.engine.Checkpoint(c.ctx, req); err == nil ||
				err.Error() != "InvalidParameterValueException: Invalid checkpoint token" {
				t.Errorf("a used token: got %v, want it refused", err)
			}
			select {
			case stale <- c.token:
			default:
			}
			return out
		})
		arn := f.start("order", "", "")
		token := <-stale
		other := f.start("order", "", "")
		synctest.Wait()
		for name, c := range map[string]struct{ arn, token, want string }{
			"after the invocation": {arn, token, "Invalid checkpoint token"},
			"another execution":    {other, token, "Checkpoint token is not valid for the durable execution ARN"},
			"garbage":              {arn, "Z2FyYmFnZQ==", "Invalid checkpoint token"},
		} {
			_, err := f.Checkpoint(t.Context(), &engine.CheckpointRequest{ARN: c.arn, Token: c.token})
			if err == nil || !strings.HasSuffix(err.Error(), ": "+c.want) {
				t.Errorf("%s: got %v, want %s", name, err, c.want)
			}
		}
	})
}

func TestDamagedExecutionIsLeftAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		bad, good := f.start("order", "", ""), f.start("order", "", "")
		synctest.Wait()
		id := bad[strings.LastIndex(bad, "/")+1:]
		n := int64(0)
		for range f.store.Journal(t.Context(), id, store.Range{}) {
			n++
		}
		f.close()
		f.damaged = true
		if err := f.store.Commit(t.Context(), store.Write{ID: id,
			Entry: store.Entry{Seq: n + 1, Data: []byte("\xff garbage")}}); err != nil {
			t.Fatal(err)
		}
		f.open()
		if r := f.result(good); r.Status != protocol.ExecutionSucceeded {
			t.Errorf("its neighbour: got %s, want SUCCEEDED", r.Status)
		}
		if _, err := f.Describe(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "cannot be understood") {
			t.Errorf("got %v, want an error that says what is wrong", err)
		}
	})
}

// A step that is only STARTED makes PENDING legal, but nothing will ever happen
// to it by itself.
func TestPendingForNothingIsInvokedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		var at []time.Time
		f.durable("forgetful", func(c *call) engine.Outcome {
			if at = append(at, time.Now()); len(at) == 1 {
				c.checkpoint(protocol.Update{ID: "1", Type: protocol.TypeStep, Action: protocol.ActionStart})
				return pending()
			}
			return succeed("1")
		})
		f.result(f.start("forgetful", "", ""))
		if got := at[1].Sub(at[0]); got != time.Minute {
			t.Errorf("invoked again after %v, want 1m", got)
		}
	})
}

func TestOpenRefusesNamesThatMakeNoARN(t *testing.T) {
	_, err := engine.Open(t.Context(), memstore.New(), &engine.Options{Account: "12"})
	if err == nil || !strings.Contains(err.Error(), "an account is 12 digits") {
		t.Errorf("got %v, want an error that says what an account is", err)
	}
}
