package machine_test

import (
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// What counts as an operation, and as stored data, is what AWS's documentation
// says is metered.
func TestUsage(t *testing.T) {
	r := newRun(t) // with 11 bytes of input
	used := func(what string, operations, bytes int64) {
		t.Helper()
		equal(t, what, r.x.Usage(), machine.Usage{Operations: operations, Bytes: bytes})
		equal(t, "after a restart", r.reload().Usage(), r.x.Usage())
	}
	used("start", 1, 11)
	r.invoke()
	used("an invocation", 1, 11)
	r.must(r.checkpoint(step(protocol.ActionStart, "1"), succeed("1", "1234")))
	used("a step", 2, 15)
	r.must(r.checkpoint(retry("2", 1))) // {"ErrorType":"Oops"}
	used("a step to be repeated, and its repetition", 4, 35)
	r.sleep(1)
	r.must(r.checkpoint(step(protocol.ActionStart, "2")))
	r.must(r.checkpoint(succeed("2", "12")))
	used("its second attempt", 4, 37)
	r.must(r.checkpoint(wait("3", 1), callback("4", 0, 0), openContext("5"), in("5", invoke("6", "plain"))))
	used("one of each", 8, 37)
	r.do(func(d *machine.Draft) error { return d.SucceedCallback(4, "callback-4", str("123")) })
	r.sleep(1)
	r.fire()
	used("a callback's result", 8, 40)
	r.complete("6", protocol.ExecutionSucceeded, str("123456"), nil)
	r.must(r.checkpoint(closeContext("5", "12345", false)))
	used("results of an invoke and a context", 8, 51)
	r.must(r.checkpoint())
	used("an empty checkpoint", 8, 51)
	r.crash("E") // {"ErrorType":"E"}
	used("a failed invocation, and its repetition", 9, 68)
	r.sleep(60)
	r.invoke()
	r.do(func(d *machine.Draft) error { d.LoseInvocation(d.InFlight()); return nil })
	used("an invocation that the engine lost", 9, 68)
	r.invoke()
	r.end(`{"Status":"SUCCEEDED","Result":"` + strings.Repeat("x", 1000) + `"}`)
	used("the result", 9, 68)
}

func TestQuotas(t *testing.T) {
	operations := &machine.Rules{MaxOperations: 3}
	stored := &machine.Rules{MaxStoredBytes: 100}
	const (
		tooMany = "The durable execution exceeded its limit of 3 operations."
		tooMuch = "The durable execution exceeded its limit of 100 bytes of stored data."
	)
	large := strings.Repeat("x", 90)
	for _, test := range []struct {
		name    string
		rules   *machine.Rules
		do      func(*run)
		failure string // empty: nothing happens
	}{
		{"as many operations as allowed", operations, func(r *run) { r.must(r.checkpoint(wait("1", 9), wait("2", 9))) }, ""},
		{"one too many", operations, func(r *run) {
			r.must(r.checkpoint(wait("1", 9), wait("2", 9)))
			reply := r.must(r.checkpoint(wait("3", 9), wait("4", 9), finish("1")))
			equal(t, "final", reply.Final, true)
			equal(t, "told", ids(reply.Operations), []string{"3:STARTED"}) // what followed was left out
		}, tooMany},
		{"an attempt too many", operations, func(r *run) {
			r.must(r.checkpoint(retry("1", 1)))
			r.sleep(1)
			r.must(r.checkpoint(step(protocol.ActionStart, "1"), retry("1", 1)))
		}, tooMany},
		{"a result in time", operations, func(r *run) { r.must(r.checkpoint(wait("1", 9), wait("2", 9), finish("1"))) }, ""},
		{"an invocation too many", operations, func(r *run) {
			r.must(r.checkpoint(wait("1", 9), wait("2", 9)))
			r.crash("E")
		}, tooMany},
		{"bytes", stored, func(r *run) { r.must(r.checkpoint(wait("2", 9), succeed("1", large[:89]))) }, ""},
		{"a byte too many", stored, func(r *run) { r.must(r.checkpoint(succeed("1", large))) }, tooMuch},
		{"bytes from outside", stored, func(r *run) {
			r.must(r.checkpoint(callback("1", 0, 0), wait("2", 9)))
			r.do(func(d *machine.Draft) error { return d.SucceedCallback(1, "callback-1", &large) })
			equal(t, "the callback is completed all the same", r.op("1").Status, protocol.StatusSucceeded)
			equal(t, "final", r.must(r.checkpoint()).Final, true)
		}, tooMuch},
		{"bytes from outside, unnoticed", stored, func(r *run) {
			r.must(r.checkpoint(callback("1", 0, 0), wait("2", 9)))
			r.do(func(d *machine.Draft) error { return d.SucceedCallback(1, "callback-1", &large) })
			r.end(pending)
		}, tooMuch},
		{"a result of any size", stored, func(r *run) { r.end(`{"Status":"SUCCEEDED","Result":"` + large + large + `"}`) }, ""},
		{"of an execution that pauses", operations, func(r *run) {
			if err := r.pause(machine.PauseRequest{}); err != nil {
				t.Fatal(err)
			}
			r.must(r.checkpoint(wait("1", 9), wait("2", 9), wait("3", 9)))
		}, tooMany},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRunWith(t, identity(), test.rules)
			r.invoke()
			test.do(r)
			if r.x.Invoking() {
				if test.failure != "" {
					_, err := r.sendAt(r.x.Fence(), "", wait("9", 9))
					refused(t, err, protocol.StaleTokenMessage)
				}
				r.end(pending)
			}
			_, failure := r.x.Result()
			if test.failure == "" {
				if failure != nil {
					t.Errorf("the execution failed: %+v", failure)
				}
				return
			}
			equal(t, "status", r.x.Status(), protocol.ExecutionFailed)
			equal(t, "error", failure, &protocol.ErrorObject{ErrorType: "ServiceQuotaExceededException", ErrorMessage: test.failure})
			equal(t, "last events", r.types(r.x.Events()-1),
				[]protocol.EventType{protocol.EventInvocationCompleted, protocol.EventExecutionFailed})
			equal(t, "after a restart", machine.Same(r.x, r.reload()), true)
		})
	}
}

// Results of executions that nobody waits for may have a bound of their own.
func TestMaxAsyncResult(t *testing.T) {
	for _, async := range []bool{false, true} {
		id := identity()
		id.Async = async
		r := newRunWith(t, id, &machine.Rules{MaxAsyncResult: 3})
		r.invoke()
		_, err := r.checkpoint(finish("1234"))
		r.end(`{"Status":"SUCCEEDED","Result":"1234"}`)
		if !async {
			equal(t, "status", r.x.Status(), protocol.ExecutionSucceeded)
			continue
		}
		refused(t, err, "Execution output payload size must be less than or equal to 3 bytes.")
		equal(t, "error", r.lastEvent().Error.ErrorMessage, "Execution output payload size must be less than or equal to 3 bytes.")
	}
}
