package machine_test

import (
	"testing"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// skip skips time and returns the ids of the operations for which it did, "-"
// for the retry of an invocation.
func (r *run) skip(req machine.SkipRequest) (ids []string, err error) {
	err = r.do(func(d *machine.Draft) error {
		skipped, err := d.Skip(&req)
		for _, s := range skipped {
			if s.Operation == nil {
				ids = append(ids, "-")
				continue
			}
			ids = append(ids, s.Operation.ID)
		}
		return err
	})
	return ids, err
}

func (r *run) mustSkip(req machine.SkipRequest, want ...string) {
	r.t.Helper()
	got, err := r.skip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	equal(r.t, "skipped", got, want)
	if !machine.Same(r.x, r.reload()) {
		r.t.Error("what is read back is another execution")
	}
}

func TestSkip(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(wait("far", 600), wait("near", 60), retry("s", 300), callback("c", 30, 0)))
	r.end(pending)
	r.sleep(10)
	r.mustSkip(machine.SkipRequest{}, "near")
	equal(t, "near", r.op("near").Status, protocol.StatusSucceeded)
	equal(t, "end", r.op("near").End, r.now)
	equal(t, "event", r.lastEvent().Type, protocol.EventWaitSucceeded)
	equal(t, "wanted", r.x.WantsInvocation(r.now), true)
	r.invoke()
	r.end(pending)
	r.mustSkip(machine.SkipRequest{All: true}, "far", "s")
	equal(t, "step", r.op("s").Status, protocol.StatusReady)
	r.mustSkip(machine.SkipRequest{Operation: "c"}, "c")
	equal(t, "callback", r.op("c").Error.ErrorType, protocol.ErrorTypeCallbackTimeout)
}

// A loop uses one name again and again: the operation that waits is meant.
func TestSkipByName(t *testing.T) {
	poll := func(id string) protocol.Update {
		u := wait(id, 60)
		u.Name = "poll"
		return u
	}
	r := invoked(t)
	r.must(r.checkpoint(poll("a")))
	r.end(pending)
	r.mustSkip(machine.SkipRequest{Operation: "poll"}, "a")
	r.invoke()
	r.must(r.checkpoint(poll("b")))
	r.end(pending)
	r.mustSkip(machine.SkipRequest{Operation: "poll"}, "b")
	_, err := r.skip(machine.SkipRequest{Operation: "poll"})
	refusedAs(t, err, protocol.CodeConflict, "Operation poll waits for no moment.")
	r.invoke()
	r.must(r.checkpoint(poll("c"), poll("d")))
	r.end(pending)
	_, err = r.skip(machine.SkipRequest{Operation: "poll"})
	refusedAs(t, err, protocol.CodeInvalidParameter,
		"2 operations called poll wait for a moment, among them c and d: one is named by its id")
	r.mustSkip(machine.SkipRequest{Operation: "c"}, "c")
	r.invoke()
	r.must(r.checkpoint(poll("e")))
	r.end(pending)
	r.mustSkip(machine.SkipRequest{Operation: "poll", All: true}, "d", "e")
}

func TestSkipTheRetryOfAnInvocation(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(wait("w", 600)))
	r.crash("Runtime.ExitError")
	equal(t, "wanted", r.x.WantsInvocation(r.now), false)
	r.mustSkip(machine.SkipRequest{}, "-")
	equal(t, "wanted", r.x.WantsInvocation(r.now), true)
	r.mustSkip(machine.SkipRequest{}, "w")
}

func TestSkipRefuses(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(callback("c", 0, 0)))
	r.end(pending)
	for _, test := range []struct {
		req     machine.SkipRequest
		code    protocol.Code
		message string
	}{
		{machine.SkipRequest{}, protocol.CodeConflict, "The durable execution waits for no moment."},
		{machine.SkipRequest{Operation: "c"}, protocol.CodeConflict, "Operation c waits for no moment."},
		{machine.SkipRequest{Operation: "x"}, protocol.CodeNotFound, "The execution has no operation x"},
	} {
		_, err := r.skip(test.req)
		refusedAs(t, err, test.code, test.message)
	}
	r.do(func(d *machine.Draft) error { return d.Stop(nil) })
	_, err := r.skip(machine.SkipRequest{})
	refusedAs(t, err, protocol.CodeConflict, "Time cannot be skipped in a durable execution with status STOPPED.")
}
