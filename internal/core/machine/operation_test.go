package machine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// complete records the outcome of a chained invoke.
func (r *run) complete(opID string, status protocol.ExecutionStatus, payload *string, failure *protocol.ErrorObject) {
	r.do(func(d *machine.Draft) error {
		d.CompleteInvoke(opID, r.x.Children()[opID], status, payload, failure)
		return nil
	})
}

// Nobody brings the outcome of a chained invoke but the execution that it
// started, or the call of a plain function.
func TestInvokeOutcomeOfSomebodyElse(t *testing.T) {
	for _, target := range []string{"child", "plain"} {
		r := invoked(t)
		r.must(r.checkpoint(invoke("op", target)))
		own := r.x.Children()["op"]
		for _, by := range []string{"", "arn:of:somebody", strings.ToUpper(own), own + "1"} {
			if by == own {
				continue
			}
			r.do(func(d *machine.Draft) error {
				d.CompleteInvoke("op", by, protocol.ExecutionSucceeded, str("forged"), nil)
				return nil
			})
			if got := r.op("op").Status; got != protocol.StatusStarted {
				t.Errorf("%s, outcome of %q: got status %s", target, by, got)
			}
		}
		r.complete("op", protocol.ExecutionSucceeded, str("true"), nil)
		if got := r.op("op"); got.Status != protocol.StatusSucceeded || *got.Payload != "true" {
			t.Errorf("%s: got %+v", target, got)
		}
	}
}

func TestInvokeOutcomes(t *testing.T) {
	failure := &protocol.ErrorObject{ErrorType: "Oops"}
	big := str(strings.Repeat("x", protocol.MaxPayload+1))
	tests := map[string]struct {
		status  protocol.ExecutionStatus
		payload *string
		failure *protocol.ErrorObject
		event   protocol.EventType
		want    protocol.Operation
	}{
		"succeeded": {protocol.ExecutionSucceeded, str("7"), nil, protocol.EventChainedInvokeSucceeded,
			protocol.Operation{Status: protocol.StatusSucceeded, Payload: str("7")}},
		"without a result": {protocol.ExecutionSucceeded, nil, nil, protocol.EventChainedInvokeSucceeded,
			protocol.Operation{Status: protocol.StatusSucceeded}},
		"with an empty one": {protocol.ExecutionSucceeded, str(""), nil, protocol.EventChainedInvokeSucceeded,
			protocol.Operation{Status: protocol.StatusSucceeded, Payload: str("")}},
		"failed": {protocol.ExecutionFailed, nil, failure, protocol.EventChainedInvokeFailed,
			protocol.Operation{Status: protocol.StatusFailed, Error: failure}},
		"timed out": {protocol.ExecutionTimedOut, nil, failure, protocol.EventChainedInvokeTimedOut,
			protocol.Operation{Status: protocol.StatusTimedOut, Error: failure}},
		"stopped": {protocol.ExecutionStopped, nil, failure, protocol.EventChainedInvokeStopped,
			protocol.Operation{Status: protocol.StatusStopped, Error: failure}},
		"stopped, no reason": {protocol.ExecutionStopped, nil, &protocol.ErrorObject{}, protocol.EventChainedInvokeStopped,
			protocol.Operation{Status: protocol.StatusStopped, Error: &protocol.ErrorObject{}}},
		"a result too big": {protocol.ExecutionSucceeded, big, nil, protocol.EventChainedInvokeFailed,
			protocol.Operation{Status: protocol.StatusFailed, Error: &protocol.ErrorObject{
				ErrorType:    "InvalidParameterValueException",
				ErrorMessage: "CHAINED_INVOKE output payload size must be less than or equal to 1048576 bytes.",
			}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := invoked(t)
			r.must(r.checkpoint(invoke("i", "child")))
			r.end(pending)
			r.sleep(1)
			r.complete("i", test.status, test.payload, test.failure)
			want := test.want
			want.ID, want.Type, want.Start, want.End = "i", protocol.TypeChainedInvoke, epoch, r.now
			equal(t, "operation", *r.op("i"), want)
			equal(t, "event", r.lastEvent().Type, test.event)
			equal(t, "next invocation", r.x.InvokeAt(), r.now)

			entries := len(r.journal)
			r.complete("i", protocol.ExecutionFailed, nil, failure)
			r.complete("nobody", protocol.ExecutionFailed, nil, failure)
			r.complete("0001", protocol.ExecutionFailed, nil, failure)
			equal(t, "entries after a second outcome, and others' ones", len(r.journal), entries)
		})
	}
}

func TestInvokeStart(t *testing.T) {
	r := invoked(t)
	u := invoke("i", "child")
	u.Payload = str("1")
	u.ChainedInvokeOptions.TenantID = "blue"
	r.must(r.checkpoint(u))
	equal(t, "event", *r.lastEvent(), protocol.Event{
		Type: protocol.EventChainedInvokeStarted, ID: 2, Time: epoch, OpID: "i", Payload: str("1"),
		FunctionName: "child", TenantID: "blue", ExecutedVersion: "2",
		DurableExecutionARN: "arn:aws:lambda:us-east-1:000000000000:function:child:2/durable-execution/child/1",
	})

	// A target that is not there fails the operation, not the checkpoint.
	u = invoke("m", "missing")
	u.Payload = str("1")
	u.ChainedInvokeOptions.TenantID = "blue"
	reply := r.must(r.checkpoint(u))
	failure := &protocol.ErrorObject{ErrorType: "ResourceNotFoundException", ErrorMessage: "Function not found: missing"}
	equal(t, "reply", reply.Operations, []*protocol.Operation{{
		ID: "m", Type: protocol.TypeChainedInvoke, Status: protocol.StatusFailed, Start: epoch, End: epoch, Error: failure,
	}})
	equal(t, "start", r.records[len(r.records)-3].Event,
		protocol.Event{Type: protocol.EventChainedInvokeStarted, ID: 3, Time: epoch, OpID: "m", FunctionName: "missing"})
	equal(t, "end", *r.lastEvent(), protocol.Event{Type: protocol.EventChainedInvokeFailed, ID: 4, Time: epoch, OpID: "m", Error: failure})
}

// A target that nobody could ever invoke refuses the checkpoint.
func TestInvokeElsewhere(t *testing.T) {
	r := invoked(t)
	_, err := r.checkpoint(wait("w", 1), invoke("e", "elsewhere"))
	refused(t, err, "It is elsewhere.")
	equal(t, "operations", ids(ops(r.x)), []string{"0001:STARTED"})
}

// Calls of plain functions are known, with all that it takes to make them
// again, until they have an outcome.
func TestCalls(t *testing.T) {
	r := invoked(t)
	u := invoke("p", "plain")
	u.Payload = str("1")
	u.ChainedInvokeOptions.TenantID, u.ChainedInvokeOptions.XAmznTraceID = "blue", "Root=1"
	r.must(r.checkpoint(u, invoke("i", "child"), invoke("m", "missing")))
	r.end(pending)
	want := &machine.InvokeTarget{Function: "plain", Version: "3", Input: str("1"), TenantID: "blue", TraceHeader: "Root=1"}
	for _, x := range []*machine.Execution{r.x, r.reload()} {
		equal(t, "calls", x.Calls(), map[string]*machine.InvokeTarget{"p": want})
		equal(t, "p", x.Call("p"), want)
		equal(t, "i", x.Call("i"), nil)
		equal(t, "m", x.Call("m"), nil)
		equal(t, "nobody", x.Call("nobody"), nil)
		equal(t, "fragile", x.Doing()&(machine.Running|machine.Calling) != 0, true)
	}
	r.complete("p", protocol.ExecutionSucceeded, nil, nil)
	equal(t, "calls", r.x.Calls(), map[string]*machine.InvokeTarget{})
	equal(t, "fragile", r.x.Doing()&(machine.Running|machine.Calling) != 0, false)
}

// A closed execution awaits no call: each restart would make it again.
func TestNoCallsAfterTheClose(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(invoke("p", "plain"), finish("1")))
	equal(t, "fragile while the invocation runs", r.x.Doing()&(machine.Running|machine.Calling) != 0, true)
	equal(t, "call", r.x.Call("p") != nil, true) // it is made, although nobody waits for it
	r.end(pending)
	equal(t, "fragile", r.x.Doing()&(machine.Running|machine.Calling) != 0, false)
	equal(t, "calls", len(r.x.Calls()), 0)
	entries := len(r.journal)
	r.complete("p", protocol.ExecutionSucceeded, nil, nil)
	equal(t, "entries after a late outcome", len(r.journal), entries)
}

// A child that closed is due until its parent knows.
func TestNotifyParent(t *testing.T) {
	id := identity()
	id.ParentARN, id.ParentOperation = identity().ARN.String(), "i"
	r := newRunWith(t, id, nil)
	notify := func(d *machine.Draft) error { d.NotifyParent(); return nil }
	r.do(notify)
	equal(t, "entries", len(r.journal), 1) // there is nothing to tell yet
	r.invoke()
	r.end(`{"Status":"SUCCEEDED"}`)
	equal(t, "owes", r.x.OwesParent(), true)
	equal(t, "due", r.x.Due(), r.x.Closed())
	equal(t, "expires", r.x.Expires(), 0)
	r.x = r.reload()
	r.do(notify)
	equal(t, "owes", r.x.OwesParent(), false)
	equal(t, "due", r.x.Due(), 0)
	equal(t, "expires", r.x.Expires(), r.x.Closed().AddSeconds(7*24*3600))
	equal(t, "events", r.x.Events(), int64(3))
	entries := len(r.journal)
	r.do(notify)
	equal(t, "entries", len(r.journal), entries)
}

// What a context's result stands for is no longer shown, but stays in history.
func TestHiddenChildren(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(
		openContext("a"), in("a", wait("a1", 60)), in("a", openContext("a2")), in("a2", succeed("a21", "1")),
		openContext("b"), in("b", succeed("b1", "1")), in("b", openContext("b2")), in("b2", succeed("b21", "1")),
		openContext("c"), in("c", succeed("c1", "1")),
	))
	r.must(r.checkpoint(closeContext("a2", "1", false)))
	equal(t, "a2 closed", ids(ops(r.x)), []string{
		"0001:STARTED", "a:STARTED", "a1:STARTED", "a2:SUCCEEDED",
		"b:STARTED", "b1:SUCCEEDED", "b2:STARTED", "b21:SUCCEEDED", "c:STARTED", "c1:SUCCEEDED",
	})
	r.must(r.checkpoint(closeContext("a", "1", false), closeContext("b2", "", true), closeContext("b", "", true),
		update(protocol.TypeContext, protocol.ActionFail, "c")))
	equal(t, "all closed", ids(ops(r.x)), []string{
		"0001:STARTED", "a:SUCCEEDED", "b:SUCCEEDED", "b1:SUCCEEDED", "b2:SUCCEEDED", "b21:SUCCEEDED", "c:FAILED",
	})
	equal(t, "ReplayChildren", r.op("b").ReplayChildren, true)
	// An operation below a closed context goes on all the same.
	r.sleep(60)
	equal(t, "news", ids(r.must(r.checkpoint()).Operations), []string{"a1:SUCCEEDED"})
}

func TestPages(t *testing.T) {
	r := invoked(t)
	batch := []protocol.Update{openContext("ctx")}
	for i := range 4 {
		batch = append(batch, in("ctx", wait(fmt.Sprint("hidden-", i), 60)))
	}
	batch = append(batch, closeContext("ctx", "1", false))
	for i := range 6 {
		batch = append(batch, succeed(fmt.Sprint("s-", i), strings.Repeat("x", 1000)))
	}
	batch = append(batch, openContext("last"), in("last", wait("hidden-last", 60)), closeContext("last", "1", false))
	r.must(r.checkpoint(batch...))
	all := ids(ops(r.x))
	equal(t, "visible", len(all), 9)

	for _, size := range []struct{ items, bytes int }{{1, 1 << 20}, {2, 1 << 20}, {3, 1 << 20}, {100, 1 << 20}, {100, 1}, {100, 2500},
		{0, 1 << 20}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			var got []string
			for from, more := 0, true; more; more = from != 0 {
				var page []*protocol.Operation
				page, from = r.x.Page(from, size.items, size.bytes)
				if len(page) == 0 || len(page) > max(1, size.items) {
					t.Fatalf("got a page of %d operations", len(page))
				}
				if n := len(protocol.AppendOperations(nil, page, protocol.Envelope)); len(page) > 1 && n > size.bytes {
					t.Errorf("got a page of %d bytes, want at most %d", n, size.bytes)
				}
				got = append(got, ids(page)...)
			}
			equal(t, "all pages", got, all)
		})
	}
	for _, from := range []int{-1, 1 << 40, 16} {
		page, next := r.x.Page(from, 10, 1<<20)
		if len(page) != 0 || next != 0 {
			t.Errorf("got %v, %d from position %d, want nothing", ids(page), next, from)
		}
	}
}

// The escapes of a payload count: the envelope has a limit in bytes of JSON.
func TestPageCountsEscapes(t *testing.T) {
	r := invoked(t)
	for i := range 3 {
		r.must(r.checkpoint(succeed(fmt.Sprint("s-", i), strings.Repeat(`"`, 1000)+strings.Repeat("\x01", 1000))))
	}
	page, next := r.x.Page(0, 100, 17_200)
	if n := len(protocol.AppendOperations(nil, page, protocol.Envelope)); n > 17_200 || len(page) != 3 || next != 3 {
		t.Errorf("got %d operations of %d bytes and %d as next", len(page), n, next)
	}
}

func TestStart(t *testing.T) {
	r := newRun(t)
	id := identity()
	equal(t, "identity", *r.x.Identity(), id)
	equal(t, "status", r.x.Status(), protocol.ExecutionRunning)
	equal(t, "started", r.x.Started(), epoch)
	equal(t, "closed", r.x.Closed(), 0)
	equal(t, "input", r.x.Input(), str(`{"order":1}`))
	equal(t, "entries", r.x.Entries(), 1)
	equal(t, "invoking", r.x.Invoking(), false)
	equal(t, "wanted", r.x.Wanted(), epoch)
	equal(t, "due", r.x.Due(), epoch.AddSeconds(24*3600))
	equal(t, "operations", ops(r.x), []*protocol.Operation{{
		ID: "0001", Name: "order-1", Type: protocol.TypeExecution, Status: protocol.StatusStarted, Start: epoch,
		Payload: str(`{"order":1}`),
	}})
	equal(t, "event", *r.lastEvent(), protocol.Event{
		Type: protocol.EventExecutionStarted, ID: 1, Time: epoch, OpID: "0001", Name: "order-1", Payload: str(`{"order":1}`),
		ExecutionTimeout: 24 * 3600,
	})

	other := machine.Start(id, str(""), epoch, nil).Publish()
	none := machine.Start(id, nil, epoch, nil).Publish()
	if r.x.InputHash() == other.InputHash() {
		t.Error("two inputs have one hash")
	}
	if diff := cmp.Diff([]*string{str(""), nil}, []*string{other.Input(), none.Input()}); diff != "" {
		t.Errorf("empty and absent inputs (-want +got):\n%s", diff)
	}
}
