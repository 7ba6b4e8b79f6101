package machine_test

import (
	"testing"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

const stale = "Invalid checkpoint token"

// Every accepted checkpoint, even an empty one, consumes its token; every
// invocation kills those before it.
func TestTokens(t *testing.T) {
	r := newRun(t)
	_, err := r.sendAt(r.x.Fence(), "")
	refused(t, err, stale) // nothing is in flight

	r.invoke()
	first := r.fence
	reply := r.must(r.checkpoint())
	equal(t, "operations of an empty checkpoint", len(reply.Operations), 0)
	if reply.Final || reply.Fence == first {
		t.Errorf("got reply %+v to token %+v, want a new token", reply, first)
	}
	_, err = r.sendAt(first, "")
	refused(t, err, stale)
	r.must(r.checkpoint(wait("w", 10)))

	old := r.fence
	r.end(pending)
	_, err = r.sendAt(old, "")
	refused(t, err, stale) // it returned
	r.sleep(10)
	r.invoke()
	_, err = r.sendAt(old, "")
	refused(t, err, stale)
	r.must(r.checkpoint())

	r.do(func(d *machine.Draft) error { d.Stop(nil); return nil })
	_, err = r.checkpoint()
	refused(t, err, stale)
}

// An execution whose time is over refuses checkpoints even before anybody
// recorded that it timed out.
func TestTokenAfterTimeout(t *testing.T) {
	r := invoked(t)
	r.sleep(identity().ExecutionTimeout)
	_, err := r.checkpoint(wait("w", 1))
	refused(t, err, stale)
	equal(t, "status", r.x.Status(), protocol.ExecutionRunning)
	r.fire()
	equal(t, "status", r.x.Status(), protocol.ExecutionTimedOut)
}

// An empty checkpoint makes no history and no operation.
func TestEmptyCheckpoint(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint())
	equal(t, "events", r.x.Events(), int64(1))
	equal(t, "operations", len(ops(r.x)), 1)
}

// The repeat of a checkpoint gets the same bytes, whatever happened since.
func TestReplay(t *testing.T) {
	r := invoked(t)
	before := r.fence
	want := encode(r.must(r.send("once", callback("c", 60, 0), wait("w", 1), succeed("s", "1"))))

	repeat := func(what string) {
		t.Helper()
		entries := len(r.journal)
		// The updates of a repeat are ignored, right or wrong.
		reply, err := r.sendAt(before, "once", finish("other"), wait("w", 0))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		equal(t, what, encode(reply), want)
		equal(t, what+": entries", len(r.journal), entries)
		_, err = r.sendAt(before, "twice")
		refused(t, err, stale)
		_, err = r.sendAt(before, "")
		refused(t, err, stale)
	}
	repeat("at once")
	r.sleep(1)
	repeat("when the wait is due")
	r.fire()
	r.succeedCallback(1, str("2"))
	repeat("after the wait and the callback")
	r.x = r.reload()
	repeat("after a restart")

	r.must(r.send("next"))
	_, err := r.sendAt(before, "once")
	refused(t, err, stale) // a later checkpoint was accepted
}

// A repeat may arrive when the invocation is over, but not after the next one
// began.
func TestReplayAfterTheInvocation(t *testing.T) {
	r := invoked(t)
	before := r.fence
	want := encode(r.must(r.send("once", wait("w", 1))))
	r.end(pending)
	equal(t, "reply", encode(r.must(r.sendAt(before, "once"))), want)
	r.sleep(1)
	r.invoke()
	_, err := r.sendAt(before, "once")
	refused(t, err, stale)
}

// A reply without a token is not repeated.
func TestNoReplayOfTheLast(t *testing.T) {
	r := invoked(t)
	before := r.fence
	reply := r.must(r.send("once", succeed("a", "1"), finish("done")))
	equal(t, "final", reply.Final, true)
	equal(t, "operations", ids(reply.Operations), []string{"a:SUCCEEDED"})
	_, err := r.sendAt(before, "once")
	refused(t, err, stale)
	_, err = r.sendAt(reply.Fence, "")
	refused(t, err, stale)
}

// A reply brings what changed since the function was last told: each operation
// once, as it is in the end.
func TestDelta(t *testing.T) {
	r := invoked(t)
	reply := r.must(r.checkpoint(wait("w", 5), callback("c", 0, 0), step(protocol.ActionStart, "s"), retry("s", 3), invoke("i", "child"),
		invoke("m", "missing")))
	equal(t, "own updates", ids(reply.Operations), []string{"w:STARTED", "c:STARTED", "s:PENDING", "i:STARTED", "m:FAILED"})
	equal(t, "callback id", reply.Operations[1].CallbackID, callbackID(2))
	equal(t, "nothing new", len(r.must(r.checkpoint()).Operations), 0)

	r.sleep(2)
	r.succeedCallback(2, nil)
	r.outcome("i", protocol.ExecutionStopped)
	r.sleep(1) // s is due but nobody fired it
	reply = r.must(r.checkpoint(step(protocol.ActionStart, "s")))
	equal(t, "others' changes", ids(reply.Operations), []string{"c:SUCCEEDED", "i:STOPPED", "s:STARTED"})

	r.sleep(2)
	reply = r.must(r.checkpoint())
	equal(t, "due at the checkpoint", ids(reply.Operations), []string{"w:SUCCEEDED"})
	r.must(r.checkpoint(succeed("s", "1")))
	equal(t, "history", r.types(8), []protocol.EventType{
		protocol.EventChainedInvokeFailed, protocol.EventCallbackSucceeded, protocol.EventChainedInvokeStopped,
		protocol.EventStepStarted, protocol.EventWaitSucceeded, protocol.EventStepSucceeded,
	})
}

// A checkpoint allocates the same however many operations are behind it.
func TestCheckpointCostIsFlat(t *testing.T) {
	cost := func(n int) float64 {
		r, updates := grown(t, n), oneStep(n)
		return testing.AllocsPerRun(100, func() {
			r.must(r.x.Draft(r.now).Checkpoint(r.request(r.fence, "token", updates)))
		})
	}
	if few, many := cost(10), cost(3000); many > few {
		t.Errorf("got %v allocations at 3,000 operations, want the %v at 10", many, few)
	}
}

// A reply is a snapshot: what happens later does not change it.
func TestReplyIsASnapshot(t *testing.T) {
	r := invoked(t)
	reply := r.must(r.checkpoint(step(protocol.ActionStart, "s"), callback("c", 10, 5)))
	before := encode(reply)
	r.must(r.checkpoint(succeed("s", "1")))
	r.do(func(d *machine.Draft) error { return d.HeartbeatCallback(2, callbackID(2)) })
	r.succeedCallback(2, str("1"))
	equal(t, "reply", encode(reply), before)
}

// A draft that is dropped changes nothing, nor does what it was given.
func TestDroppedDraft(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(wait("w", 5), callback("c", 0, 0)))
	r.succeedCallback(2, str("1"))
	twin := r.reload()
	for range 3 {
		d := r.x.Draft(r.now.AddSeconds(10))
		d.FireTimers()
		d.EndInvocation(r.requestID(), machine.Ending{Answer: []byte(`{"Status":"SUCCEEDED"}`)}, machine.CrashLimit{})
		d = r.x.Draft(r.now.AddSeconds(10))
		if _, err := d.Checkpoint(r.request(r.fence, "x", []protocol.Update{step(protocol.ActionStart, "s")})); err != nil {
			t.Fatal(err)
		}
	}
	if !machine.Same(r.x, twin) {
		t.Error("a dropped draft changed the execution")
	}
	equal(t, "news", ids(r.must(r.checkpoint()).Operations), []string{"c:SUCCEEDED"})
}
