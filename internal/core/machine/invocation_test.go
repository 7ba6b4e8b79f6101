package machine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// The first invocation is told of the EXECUTION; later ones of what changed
// since the last one that ended well, except what a reply to that one brought.
func TestUpdated(t *testing.T) {
	r := newRun(t)
	r.invoke()
	equal(t, "first", r.x.Updated(), []string{"0001"})
	r.must(r.checkpoint(callback("a", 0, 0), callback("b", 0, 0), callback("c", 0, 0), wait("w", 100)))
	r.succeedCallback(1, nil)
	r.must(r.checkpoint()) // brings a
	r.succeedCallback(2, nil)
	r.end(pending)
	r.invoke()
	equal(t, "second", r.x.Updated(), []string{"b"})

	// A failed invocation has not heard of anything for good, not even of what
	// it recorded itself.
	r.succeedCallback(3, nil)
	r.must(r.checkpoint(callback("d", 0, 0)))
	r.crash("Runtime.ExitError")
	r.sleep(1)
	r.invoke()
	equal(t, "after a failure", r.x.Updated(), []string{"b", "c", "d"})
	r.do(func(d *machine.Draft) error { d.LoseInvocation(d.InFlight()); return nil })
	r.invoke()
	equal(t, "after a loss", r.x.Updated(), []string{"b", "c", "d"})
	r.end(pending)
	r.sleep(100)
	r.invoke()
	equal(t, "in the end", r.x.Updated(), []string{"w"})
}

// An operation that changes again after a failed invocation is named once.
func TestUpdatedOnce(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(retry("s", 1)))
	r.end(pending)
	r.sleep(1)
	r.invoke()
	equal(t, "ready", r.x.Updated(), []string{"s"})
	r.must(r.checkpoint(retry("s", 1)))
	r.sleep(1)
	r.fire()
	r.crash("Runtime.ExitError")
	r.sleep(1)
	r.invoke()
	equal(t, "ready again", r.x.Updated(), []string{"s"})
}

// What happens during an invocation causes another one, unless a reply told it.
func TestReinvocation(t *testing.T) {
	t.Run("undelivered", func(t *testing.T) {
		r := invoked(t)
		r.must(r.checkpoint(callback("c", 0, 0)))
		r.succeedCallback(1, nil)
		r.end(pending)
		equal(t, "next invocation", r.x.InvokeAt(), r.now)
		equal(t, "wanted", r.x.Wanted(), r.now)
	})
	t.Run("undelivered but due only at the end", func(t *testing.T) {
		r := invoked(t)
		r.must(r.checkpoint(wait("w", 1)))
		r.sleep(1)
		r.end(pending)
		equal(t, "next invocation", r.x.InvokeAt(), r.now)
		equal(t, "history", r.types(3), []protocol.EventType{protocol.EventWaitSucceeded, protocol.EventInvocationCompleted})
	})
	t.Run("delivered", func(t *testing.T) {
		r := invoked(t)
		r.must(r.checkpoint(callback("c", 0, 0), wait("w", 60)))
		r.succeedCallback(1, nil)
		r.must(r.checkpoint())
		r.end(pending)
		equal(t, "next invocation", r.x.InvokeAt(), 0)
		equal(t, "due", r.x.Due(), r.now.AddSeconds(60))
	})
	t.Run("one for each completion", func(t *testing.T) {
		r := invoked(t)
		r.must(r.checkpoint(callback("c", 0, 0), wait("w", 60)))
		r.end(pending)
		r.succeedCallback(1, nil)
		r.invoke()
		r.end(pending) // nothing to do yet: legal because of the wait
		equal(t, "next invocation", r.x.InvokeAt(), 0)
		r.sleep(60)
		r.invoke()
	})
	t.Run("heartbeat", func(t *testing.T) {
		r := invoked(t)
		r.must(r.checkpoint(callback("c", 0, 60)))
		r.end(pending)
		r.sleep(30)
		r.do(func(d *machine.Draft) error { return d.HeartbeatCallback(1, callbackID(1)) })
		equal(t, "next invocation", r.x.InvokeAt(), 0)
		equal(t, "due", r.x.Due(), r.now.AddSeconds(60))
	})
}

// Answers against the rules, and the texts that say so.
func TestOutputs(t *testing.T) {
	rules := &machine.Rules{MaxResult: 20, MaxError: 40}
	tests := []struct{ answer, refusal string }{
		{``, "Invalid Status in invocation output."},
		{`null`, "Invalid Status in invocation output."},
		{`[]`, "Invalid Status in invocation output."},
		{`"PENDING"`, "Invalid Status in invocation output."},
		{`{}`, "Invalid Status in invocation output."},
		{`{"Status":"RETRY"}`, "Invalid Status in invocation output."},
		{`{"Status":"pending"}`, "Invalid Status in invocation output."},
		{"{\"Status\":\"SUCCEEDED\",\"Result\":\"\xff\"}", "The invocation output is not valid UTF-8."},
		{`{"Status":1}`, "Invalid Status in invocation output."},
		{`{"Status":"PENDING"} {}`, "Invalid Status in invocation output."},
		{`{"Status":"FAILED","Result":"1"}`, "Cannot provide a Result for FAILED status."},
		{`{"Status":"FAILED","Result":""}`, "Cannot provide a Result for FAILED status."},
		{`{"Status":"SUCCEEDED","Error":{}}`, "Cannot provide an Error for SUCCEEDED status."},
		{`{"Status":"PENDING"}`, "Cannot return PENDING status with no pending operations."},
		{`{"Status":"SUCCEEDED","Result":"123456789012345678901"}`,
			"Execution output payload size must be less than or equal to 20 bytes."},
		{`{"Status":"FAILED","Error":{"ErrorMessage":"1234567890123456789012"}}`,
			"Error object size must be less than or equal to 40 bytes."},

		{`{"Status":"SUCCEEDED"}`, ""},
		{`{"Status":"SUCCEEDED","Result":null,"Error":null}`, ""},
		{`{"Status":"SUCCEEDED","Result":"12345678901234567890"}`, ""},
		{`{"Status":"FAILED"}`, ""},
		{`{"Status":"FAILED","Error":{"ErrorType":"Oops","New":1},"New":2}`, ""},
	}
	for _, test := range tests {
		t.Run(test.answer, func(t *testing.T) {
			r := newRunWith(t, identity(), rules)
			r.invoke()
			r.end(test.answer)
			if test.refusal == "" {
				equal(t, "closed", r.x.Status().Closed(), true)
				return
			}
			equal(t, "status", r.x.Status(), protocol.ExecutionRunning)
			equal(t, "event", *r.lastEvent(), protocol.Event{
				Type: protocol.EventInvocationCompleted, ID: 2, Time: r.now, RequestID: "request-1", Start: r.now, End: r.now,
				Error: &protocol.ErrorObject{ErrorType: "InvalidParameterValueException", ErrorMessage: test.refusal},
			})
			if r.x.InvokeAt() <= r.now {
				t.Error("got no pause before the next invocation")
			}
		})
	}
}

// Outcomes close the execution directly behind the end of the invocation.
func TestOutcomes(t *testing.T) {
	tests := []struct {
		answer string
		status protocol.ExecutionStatus
		result *string
		err    *protocol.ErrorObject
		told   *protocol.ErrorObject // of InvocationCompleted
	}{
		{answer: `{"Status":"SUCCEEDED"}`, status: protocol.ExecutionSucceeded},
		{answer: `{"Status":"SUCCEEDED","Result":""}`, status: protocol.ExecutionSucceeded, result: str("")},
		{answer: `{"Status":"SUCCEEDED","Result":"7"}`, status: protocol.ExecutionSucceeded, result: str("7")},
		{answer: `{"Status":"FAILED"}`, status: protocol.ExecutionFailed, err: &protocol.ErrorObject{}},
		{
			answer: `{"Status":"FAILED","Error":{"ErrorType":"Oops"}}`, status: protocol.ExecutionFailed,
			err: &protocol.ErrorObject{ErrorType: "Oops"}, told: &protocol.ErrorObject{ErrorType: "Oops"},
		},
	}
	for _, test := range tests {
		r := invoked(t)
		r.sleep(1)
		r.end(test.answer)
		equal(t, "status", r.x.Status(), test.status)
		result, err := r.x.Result()
		equal(t, "result", result, test.result)
		equal(t, "error", err, test.err)
		equal(t, "closed", r.x.Closed(), r.now)
		equal(t, "due", r.x.Due(), 0)
		equal(t, "expires at the end of the retention", r.x.Expires(), r.now.AddSeconds(7*24*3600))
		equal(t, "last event", *r.lastEvent(), protocol.Event{
			Type: r.lastEvent().Type, ID: 3, Time: r.now, OpID: "0001", Name: "order-1", Payload: test.result, Error: test.err,
		})
		equal(t, "invocation", r.records[len(r.records)-2].Event, protocol.Event{
			Type: protocol.EventInvocationCompleted, ID: 2, Time: r.now, RequestID: "request-1", Start: epoch, End: r.now, Error: test.told,
		})
	}
}

// The operations that make a PENDING answer legal, and those that do not.
func TestPendingOperations(t *testing.T) {
	for typ, byStatus := range states {
		for status, reach := range byStatus {
			t.Run(fmt.Sprint(typ, " ", status), func(t *testing.T) {
				r := invoked(t)
				reach(r)
				r.must(r.checkpoint()) // delivers what there is
				r.end(pending)
				legal := status != "" && !status.Closed() && typ != protocol.TypeContext
				equal(t, "legal", r.lastEvent().Error == nil, legal)
			})
		}
	}
	t.Run("undelivered", func(t *testing.T) {
		r := invoked(t)
		r.must(r.checkpoint(callback("c", 0, 0)))
		r.succeedCallback(1, nil)
		r.end(pending)
		equal(t, "error", r.lastEvent().Error, nil)
	})
}

// The fourth answer in a row against the rules fails the execution.
func TestFourBadOutputs(t *testing.T) {
	r := newRun(t)
	next := func() {
		t.Helper()
		r.now = max(r.now, r.x.InvokeAt())
		r.invoke()
	}
	for range 3 {
		next()
		r.end(`{}`)
	}
	next()
	r.crash("Runtime.ExitError") // another kind of failure breaks the row
	for range 2 {
		next()
		r.end(`{}`)
	}
	next()
	r.do(func(d *machine.Draft) error { d.LoseInvocation(d.InFlight()); return nil }) // a loss does not
	next()
	r.end(pending)
	equal(t, "status after three", r.x.Status(), protocol.ExecutionRunning)
	next()
	r.end(pending)
	equal(t, "status after four", r.x.Status(), protocol.ExecutionFailed)
	_, err := r.x.Result()
	equal(t, "error", err, &protocol.ErrorObject{
		ErrorType: "InvalidParameterValueException", ErrorMessage: "Cannot return PENDING status with no pending operations.",
	})
	equal(t, "last events", r.types(r.x.Events()-1), []protocol.EventType{protocol.EventInvocationCompleted, protocol.EventExecutionFailed})
}

// A good answer in between starts the count again.
func TestFourBadOutputsApart(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(callback("c", 0, 0)))
	for range 3 {
		r.end(`{}`)
		r.now = r.x.InvokeAt()
		r.invoke()
	}
	r.end(pending)
	r.succeedCallback(1, nil)
	for range 3 {
		r.invoke()
		r.end(`{}`)
		r.now = max(r.now, r.x.InvokeAt())
	}
	equal(t, "status", r.x.Status(), protocol.ExecutionRunning)
}

// Failed invocations are repeated after pauses that grow to a minute.
func TestBackoff(t *testing.T) {
	r := newRun(t)
	for i := range 9 {
		r.now = max(r.now, r.x.InvokeAt())
		r.invoke()
		r.crash("Runtime.ExitError")
		most := min(time.Second<<i, time.Minute)
		if pause := r.x.InvokeAt().Sub(r.now); pause > most || pause < most*3/4 {
			t.Errorf("got a pause of %v after failure %d, want %v to %v", pause, i+1, most*3/4, most)
		}
		equal(t, "failures", r.x.Failures(), i+1)
		equal(t, "wanted", r.x.Wanted(), r.x.InvokeAt())
		if r.x.WantsInvocation(r.x.InvokeAt() - 1) {
			t.Error("an invocation is wanted before its time")
		}
	}
	r.now = r.x.InvokeAt()
	r.invoke()
	r.must(r.checkpoint(wait("w", 60)))
	r.end(pending)
	equal(t, "failures after a good answer", r.x.Failures(), 0)
}

// News that arrive in the pause after a failure wait for the retry.
func TestNewsDuringBackoff(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(callback("c", 0, 0)))
	r.crash("Runtime.ExitError")
	at := r.x.InvokeAt()
	r.succeedCallback(1, nil)
	equal(t, "next invocation", r.x.InvokeAt(), at)
}

// A crash does not touch operations: a step that was interrupted is STARTED
// and has used up no attempt.
func TestCrashInAStep(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(step(protocol.ActionStart, "s")))
	r.crash(protocol.ErrorTypeExit)
	equal(t, "step", *r.op("s"), protocol.Operation{ID: "s", Type: protocol.TypeStep, Status: protocol.StatusStarted, Start: epoch})
}

// An execution is given up at the limit of failed invocations in a row: it
// fails, or it is paused with the reason.
func TestCrashLimit(t *testing.T) {
	for name, test := range map[string]struct {
		limit  machine.CrashLimit
		status protocol.ExecutionStatus
		err    *protocol.ErrorObject
		types  []protocol.EventType
	}{
		"fail": {machine.CrashLimit{Crashes: 3}, protocol.ExecutionFailed,
			&protocol.ErrorObject{ErrorType: "Last", ErrorMessage: "(3 invocations in a row failed)"},
			[]protocol.EventType{"InvocationCompleted", "InvocationCompleted", "InvocationCompleted", "ExecutionFailed"}},
		"pause": {machine.CrashLimit{Crashes: 3, Pause: true}, protocol.ExecutionPaused, nil,
			[]protocol.EventType{"InvocationCompleted", "InvocationCompleted", "InvocationCompleted", "ExecutionPaused"}},
		"no limit": {machine.CrashLimit{}, protocol.ExecutionRunning, nil,
			[]protocol.EventType{"InvocationCompleted", "InvocationCompleted", "InvocationCompleted"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t)
			r.limit = test.limit
			for _, errorType := range []string{"First", "Second", "Last"} {
				equal(t, "status", r.x.Status(), protocol.ExecutionRunning)
				r.now = r.x.InvokeAt()
				r.invoke()
				r.crash(errorType)
			}
			for _, x := range []*machine.Execution{r.x, r.reload()} {
				equal(t, "status", x.Status(), test.status)
				_, err := x.Result()
				equal(t, "error", err, test.err)
			}
			equal(t, "history", r.types(2), test.types)
			r.vet()
		})
	}
}

// A limit of one says so, without a number.
func TestPauseAtTheFirstCrash(t *testing.T) {
	r := newRun(t)
	r.limit = machine.CrashLimit{Crashes: 1, Pause: true}
	r.invoke()
	r.crash("Runtime.ExitError")
	equal(t, "reason", *r.x.Paused().Reason, "the invocation failed with Runtime.ExitError")
}

// The pause at the limit says why, keeps the timeout off, and ends like any
// other; the resumption counts anew and invokes at once.
func TestResumeAtTheCrashLimit(t *testing.T) {
	r := newRun(t)
	r.limit = machine.CrashLimit{Crashes: 2, Pause: true}
	fail := func() {
		r.now = max(r.now, r.x.InvokeAt())
		r.invoke()
		r.crash("Runtime.ExitError")
	}
	for range 3 {
		fail()
		equal(t, "status", r.x.Status(), protocol.ExecutionRunning)
		fail()
		equal(t, "status", r.x.Status(), protocol.ExecutionPaused)
		pause := r.x.Paused()
		equal(t, "reason", *pause.Reason, "2 invocations in a row failed, the last with Runtime.ExitError")
		equal(t, "by", pause.By, "the limit of crashes")
		equal(t, "wanted", r.x.Wanted(), 0)
		for _, reason := range r.x.Explain(r.now) {
			if reason.Kind == machine.ReasonFailing {
				t.Errorf("what the pause says is said again: %+v", reason)
			}
		}
		r.sleep(48 * 3600)
		r.fire()
		equal(t, "status after two days", r.x.Status(), protocol.ExecutionPaused)
		if err := r.resume(machine.PauseRequest{}); err != nil {
			t.Fatal(err)
		}
		equal(t, "failures", r.x.Failures(), 0)
		equal(t, "wanted", r.x.Wanted(), r.now)
		equal(t, "wanted after a restart", r.reload().Wanted(), r.now)
	}
}

// An invocation that recorded something before it failed is the first of a
// row: what makes progress is not given up. An empty checkpoint is no progress.
func TestProgressBetweenCrashes(t *testing.T) {
	r := newRun(t)
	r.limit = machine.CrashLimit{Crashes: 3}
	for i := range 20 {
		r.now = r.x.InvokeAt()
		r.invoke()
		r.must(r.checkpoint(succeed(fmt.Sprint("step ", i), "1")))
		r.crash("Runtime.ExitError")
		equal(t, "failures", r.x.Failures(), 1)
		if delay := r.x.InvokeAt() - r.now; delay > 1000 {
			t.Errorf("got a delay of %d ms after progress, want at most a second", delay)
		}
	}
	for i := range 2 {
		r.now = r.x.InvokeAt()
		r.invoke()
		r.must(r.checkpoint())
		r.crash("Runtime.ExitError")
		equal(t, "failures", r.x.Failures(), i+2)
	}
	equal(t, "status", r.x.Status(), protocol.ExecutionFailed)
	equal(t, "status after a restart", r.reload().Status(), protocol.ExecutionFailed)
}

// What is not the function's fault does not count, and does not end a row.
func TestCrashLimitAndOthersFaults(t *testing.T) {
	r := newRun(t)
	r.limit = machine.CrashLimit{Crashes: 2}
	begin := func() {
		r.now = max(r.now, r.x.InvokeAt())
		r.invoke()
	}
	for range 10 {
		begin()
		r.do(func(d *machine.Draft) error { d.LoseInvocation(d.InFlight()); return nil })
		begin()
		r.do(func(d *machine.Draft) error {
			d.MissInvocation(r.requestID(), machine.Ending{Failure: &protocol.ErrorObject{}})
			return nil
		})
	}
	equal(t, "failures", r.x.Failures(), 0)
	begin()
	r.crash("First")
	begin()
	r.do(func(d *machine.Draft) error { d.LoseInvocation(d.InFlight()); return nil })
	begin()
	r.crash("Second")
	equal(t, "status", r.x.Status(), protocol.ExecutionFailed)
}

// A lost invocation counts as no failure and is repeated at once.
func TestLostInvocation(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(wait("w", 60)))
	r.do(func(d *machine.Draft) error { d.LoseInvocation(d.InFlight()); return nil })
	equal(t, "failures", r.x.Failures(), 0)
	equal(t, "next invocation", r.x.InvokeAt(), r.now)
	equal(t, "error", r.lastEvent().Error, &protocol.ErrorObject{
		ErrorType: "Sandbox.Failure", ErrorMessage: "RequestId: request-1 Error: the engine stopped during the invocation",
	})
	before := len(r.journal)
	r.do(func(d *machine.Draft) error { d.LoseInvocation(d.InFlight()); return nil })
	equal(t, "entries after a second loss", len(r.journal), before)
}

// The end of an invocation that is not in flight is ignored.
func TestEndOfAnotherInvocation(t *testing.T) {
	r := invoked(t)
	for _, id := range []string{"", "request-2"} {
		r.do(func(d *machine.Draft) error {
			d.EndInvocation(id, machine.Ending{Answer: []byte(`{}`)}, machine.CrashLimit{})
			return nil
		})
	}
	equal(t, "events", r.x.Events(), int64(1))
	r.must(r.checkpoint(wait("w", 60)))
	r.end(pending)
	r.end(pending)
	equal(t, "history", r.types(2), []protocol.EventType{protocol.EventWaitStarted, protocol.EventInvocationCompleted})
}

// A result that was checkpointed wins over everything that comes later, and
// its event follows the end of the invocation.
func TestCheckpointedResult(t *testing.T) {
	ends := map[string]func(*run){
		"empty":   func(r *run) { r.end(`{"Status":"SUCCEEDED","Result":""}`) },
		"other":   func(r *run) { r.end(`{"Status":"FAILED","Error":{"ErrorType":"Oops"}}`) },
		"pending": func(r *run) { r.end(pending) },
		"bad":     func(r *run) { r.end(`nonsense`) },
		"crash":   func(r *run) { r.crash("Runtime.ExitError") },
		"lost":    func(r *run) { r.do(func(d *machine.Draft) error { d.LoseInvocation(d.InFlight()); return nil }) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			r := invoked(t)
			r.must(r.checkpoint(callback("c", 1, 0), invoke("i", "child")))
			reply := r.must(r.checkpoint(finish("big")))
			equal(t, "final", reply.Final, true)
			equal(t, "status", r.x.Status(), protocol.ExecutionRunning)
			equal(t, "due", r.x.Due(), 0)

			// It is past everything that happens in between.
			r.sleep(2 * identity().ExecutionTimeout)
			r.fire()
			refusedAs(t, r.succeedCallback(1, nil), protocol.CodeCallbackTimeout, "The callback is either timed out or already completed")
			r.outcome("i", protocol.ExecutionSucceeded)
			r.do(func(d *machine.Draft) error { d.Stop(nil); return nil })
			equal(t, "events", r.x.Events(), int64(3))

			end(r)
			equal(t, "status", r.x.Status(), protocol.ExecutionSucceeded)
			result, err := r.x.Result()
			equal(t, "result", result, str("big"))
			equal(t, "error", err, nil)
			equal(t, "history", r.types(4), []protocol.EventType{protocol.EventInvocationCompleted, protocol.EventExecutionSucceeded})
			equal(t, "next invocation", r.x.InvokeAt(), 0)
		})
	}
	t.Run("failure", func(t *testing.T) {
		r := invoked(t)
		u := update(protocol.TypeExecution, protocol.ActionFail, "x")
		u.Error = &protocol.ErrorObject{ErrorType: "Oops"}
		r.must(r.checkpoint(u))
		r.end(`{"Status":"FAILED"}`)
		equal(t, "status", r.x.Status(), protocol.ExecutionFailed)
		_, err := r.x.Result()
		equal(t, "error", err, u.Error)
		equal(t, "history", r.types(2), []protocol.EventType{protocol.EventInvocationCompleted, protocol.EventExecutionFailed})
	})
}

// A stop closes at once; of the invocation in flight only its end is recorded.
func TestStop(t *testing.T) {
	for name, reason := range map[string]*protocol.ErrorObject{"no reason": nil, "reason": {ErrorType: "Operator"}} {
		t.Run(name, func(t *testing.T) {
			r := invoked(t)
			r.must(r.checkpoint(callback("c", 0, 0), wait("w", 1)))
			stop := func(d *machine.Draft) error { d.Stop(&machine.StopRequest{Reason: reason}); return nil }
			r.do(stop)
			equal(t, "status", r.x.Status(), protocol.ExecutionStopped)
			want := reason
			if want == nil {
				want = &protocol.ErrorObject{}
			}
			_, err := r.x.Result()
			equal(t, "error", err, want)

			entries := len(r.journal)
			r.do(stop)
			r.sleep(2 * identity().ExecutionTimeout)
			r.fire()
			refusedAs(t, r.succeedCallback(1, nil), protocol.CodeCallbackTimeout, "The callback is either timed out or already completed")
			equal(t, "entries", len(r.journal), entries)
			r.end(`{"Status":"SUCCEEDED","Result":"late"}`)
			equal(t, "status", r.x.Status(), protocol.ExecutionStopped)
			equal(t, "history", r.types(4), []protocol.EventType{protocol.EventExecutionStopped, protocol.EventInvocationCompleted})
			equal(t, "next invocation", r.x.InvokeAt(), 0)
			equal(t, "operations keep their status", ids(ops(r.x)), []string{"0001:STARTED", "c:STARTED", "w:STARTED"})
		})
	}
}

// The time of an execution includes its waits; the text of its error names it.
func TestExecutionTimeout(t *testing.T) {
	id := identity()
	id.ExecutionTimeout = 10
	r := newRunWith(t, id, nil)
	r.invoke()
	r.must(r.checkpoint(wait("before", 9), wait("at", 10), wait("after", 11)))
	r.end(pending)
	equal(t, "due", r.x.Due(), epoch.AddSeconds(9))
	r.sleep(20)
	r.fire()
	equal(t, "status", r.x.Status(), protocol.ExecutionTimedOut)
	_, err := r.x.Result()
	equal(t, "error", err, &protocol.ErrorObject{ErrorType: "ExecutionTimedOut", ErrorMessage: "Execution timed out after 10 seconds."})
	equal(t, "operations", ids(ops(r.x)), []string{"0001:STARTED", "before:SUCCEEDED", "at:STARTED", "after:STARTED"})
	equal(t, "event", *r.lastEvent(), protocol.Event{Type: protocol.EventExecutionTimedOut, ID: 7, Time: r.now, OpID: "0001",
		Name: "order-1"})
	equal(t, "next invocation", r.x.InvokeAt(), 0)
}

// An invocation that outlives its execution ends without another word.
func TestEndAfterTimeout(t *testing.T) {
	r := invoked(t)
	r.sleep(identity().ExecutionTimeout)
	r.end(`{"Status":"SUCCEEDED","Result":"late"}`)
	equal(t, "status", r.x.Status(), protocol.ExecutionTimedOut)
	equal(t, "history", r.types(2), []protocol.EventType{protocol.EventExecutionTimedOut, protocol.EventInvocationCompleted})
	if r.x.Doing()&(machine.Running|machine.Calling) != 0 {
		t.Error("got a closed execution that is under way")
	}
}

// A clock that is set back leaves pauses behind that seem to take days.
func TestPauseAfterTheClockWasSetBack(t *testing.T) {
	r := invoked(t)
	r.crash("Runtime.ExitError")
	equal(t, "wanted", r.x.WantsInvocation(r.now), false)
	r.now = r.now.AddDays(-8)
	equal(t, "wanted days before", r.x.WantsInvocation(r.now), true)
	r.invoke()
	r.end(`{"Status":"SUCCEEDED"}`)
	equal(t, "status", r.x.Status(), protocol.ExecutionSucceeded)
}

// The records of one invocation's end, in one entry, in order.
func TestEndIsOneEntry(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(wait("w", 1)))
	r.sleep(1)
	before := len(r.journal)
	r.end(`{"Status":"SUCCEEDED","Result":"7"}`)
	equal(t, "entries", len(r.journal), before+1)
	if diff := cmp.Diff([]protocol.EventType{protocol.EventWaitSucceeded, protocol.EventInvocationCompleted,
		protocol.EventExecutionSucceeded}, r.types(3)); diff != "" {
		t.Error(diff)
	}
}

// The size of an answer's members is counted in bytes.
func TestResultAtTheLimit(t *testing.T) {
	r := invoked(t)
	r.end(`{"Status":"SUCCEEDED","Result":"` + strings.Repeat("x", protocol.MaxSyncPayload) + `"}`)
	equal(t, "status", r.x.Status(), protocol.ExecutionSucceeded)
}

// A function that was told that a step is ready, and leaves without running it,
// has forgotten it: only another invocation takes the execution on.
func TestReadyStepThatIsLeftAlone(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(retry("s", 1)))
	r.sleep(2)
	equal(t, "told", ids(r.must(r.checkpoint()).Operations), []string{"s:READY"})
	r.end(pending)
	equal(t, "invoke at", r.x.InvokeAt(), r.now.AddSeconds(60))
	equal(t, "doing", r.x.Doing(), machine.Queued|machine.Retrying)
}
