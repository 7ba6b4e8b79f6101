package machine_test

import (
	"testing"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

func (r *run) pause(req machine.PauseRequest) error {
	return r.do(func(d *machine.Draft) error { return d.Pause(&req) })
}

func (r *run) resume(req machine.PauseRequest) error {
	return r.do(func(d *machine.Draft) error { return d.Resume(&req) })
}

// The same request is accepted again for a quarter of an hour, whatever became
// of the execution, and does nothing then.
func TestPauseRepeats(t *testing.T) {
	asked := machine.PauseRequest{ClientToken: "a", Reason: str("x"), TimeoutPaused: true}
	others := map[string]machine.PauseRequest{
		"another token":      {ClientToken: "b", Reason: str("x"), TimeoutPaused: true},
		"no token":           {Reason: str("x"), TimeoutPaused: true},
		"another reason":     {ClientToken: "a", Reason: str("y"), TimeoutPaused: true},
		"no reason":          {ClientToken: "a", TimeoutPaused: true},
		"the timeout unlike": {ClientToken: "a", Reason: str("x")},
	}
	r := newRun(t)
	if err := r.pause(asked); err != nil {
		t.Fatal(err)
	}
	entries := len(r.journal)
	repeated := func(status protocol.ExecutionStatus) {
		t.Helper()
		if err := r.pause(asked); err != nil {
			t.Errorf("the repeat was refused: %v", err)
		}
		equal(t, "status", r.x.Status(), status)
		equal(t, "entries", len(r.journal), entries)
	}
	repeated(protocol.ExecutionPaused)
	for name, other := range others {
		t.Run(name, func(t *testing.T) {
			refusedAs(t, r.pause(other), protocol.CodeConflict, "Cannot pause a durable execution with status PAUSED.")
		})
	}
	resumed := machine.PauseRequest{ClientToken: "a"}
	if err := r.resume(resumed); err != nil {
		t.Fatal(err)
	}
	entries++
	repeated(protocol.ExecutionRunning) // it was paused, once, as it asked for
	if err := r.resume(resumed); err != nil {
		t.Errorf("the repeat was refused: %v", err)
	}
	r.sleep(15 * 60)
	refusedAs(t, r.resume(resumed), protocol.CodeConflict, "Cannot resume a durable execution with status RUNNING.")
	if err := r.pause(asked); err != nil || r.x.Status() != protocol.ExecutionPaused {
		t.Errorf("after a quarter of an hour the request is a new one; got %v and status %s", err, r.x.Status())
	}
	equal(t, "after a restart", machine.Same(r.x, r.reload()), true)
}

// However long the timeout is paused, 366 days after its start the execution
// times out.
func TestPauseHasAnEnd(t *testing.T) {
	r := newRun(t)
	if err := r.pause(machine.PauseRequest{TimeoutPaused: true}); err != nil {
		t.Fatal(err)
	}
	latest := epoch.AddSeconds(366 * 24 * 3600)
	equal(t, "timeout", r.x.TimesOut(), latest)
	equal(t, "due", r.x.Due(), latest)
	r.now = latest - 1
	if err := r.resume(machine.PauseRequest{}); err != nil {
		t.Fatal(err)
	}
	equal(t, "timeout", r.x.TimesOut(), latest)
	r.now = latest
	r.fire()
	equal(t, "status", r.x.Status(), protocol.ExecutionTimedOut)
}

// A checkpoint that a pause cut off is not known again: its reply gave nothing
// to repeat.
func TestInterruptedCheckpointIsNotRepeated(t *testing.T) {
	r := invoked(t)
	if err := r.pause(machine.PauseRequest{}); err != nil {
		t.Fatal(err)
	}
	used := r.fence
	reply := r.must(r.send("token", step(protocol.ActionStart, "1")))
	equal(t, "final", reply.Final, true)
	equal(t, "operations told", len(reply.Operations), 0)
	_, err := r.sendAt(used, "token", step(protocol.ActionStart, "1"))
	refused(t, err, protocol.StaleTokenMessage)
	if err := r.resume(machine.PauseRequest{}); err != nil {
		t.Fatal(err)
	}
	_, err = r.sendAt(r.x.Fence(), "", step(protocol.ActionSucceed, "1"))
	refused(t, err, protocol.StaleTokenMessage)
	// Pausing again has nothing to wait for.
	if err := r.pause(machine.PauseRequest{}); err != nil {
		t.Fatal(err)
	}
	equal(t, "status", r.x.Status(), protocol.ExecutionPaused)
	r.end(pending)
	equal(t, "retry", r.x.InvokeAt(), r.now)
	equal(t, "wanted", r.x.WantsInvocation(r.now), false)
}

// A child that is to be deleted stays until its parent knows the outcome.
func TestDeleteWaitsForTheParent(t *testing.T) {
	id := identity()
	id.ParentARN, id.ParentOperation = identity().ARN.String(), "1"
	r := newRunWith(t, id, nil)
	r.do(func(d *machine.Draft) error { return d.Stop(nil) })
	if err := r.do((*machine.Draft).Delete); err != nil {
		t.Fatal(err)
	}
	equal(t, "status", r.x.Status(), protocol.ExecutionDeleting)
	equal(t, "outcome", r.x.Outcome(), protocol.ExecutionStopped)
	equal(t, "deletable", r.x.Deletable(r.now), false)
	asked := r.now
	r.sleep(1)
	if err := r.do((*machine.Draft).Delete); err != nil {
		t.Fatal(err)
	}
	r.do(func(d *machine.Draft) error { d.NotifyParent(); return nil })
	equal(t, "asked for", r.x.Deleting(), asked)
	equal(t, "expires", r.x.Expires(), machine.AtOnce)
	equal(t, "deletable", r.x.Deletable(r.now), true)
	equal(t, "after a restart", machine.Same(r.x, r.reload()), true)
}
