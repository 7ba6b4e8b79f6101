package machine_test

import (
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

const gone = "The callback is either timed out or already completed"

func (r *run) heartbeat(position int) error {
	return r.do(func(d *machine.Draft) error { return d.HeartbeatCallback(position, callbackID(position)) })
}

// A callback times out at the earlier of its two deadlines, and says which.
func TestCallbackDeadlines(t *testing.T) {
	timeout := &protocol.ErrorObject{ErrorType: "Callback.Timeout", ErrorMessage: "Callback timed out"}
	heartbeat := &protocol.ErrorObject{ErrorType: "Callback.Heartbeat", ErrorMessage: "Callback timed out on heartbeat"}
	tests := map[string]struct {
		timeout, heartbeat int64
		beats              []int64 // seconds from the start
		due                int64   // zero for never
		want               *protocol.ErrorObject
	}{
		"timeout only":              {timeout: 10, due: 10, want: timeout},
		"heartbeat only":            {heartbeat: 5, due: 5, want: heartbeat},
		"heartbeat first":           {timeout: 10, heartbeat: 5, due: 5, want: heartbeat},
		"timeout first":             {timeout: 5, heartbeat: 10, due: 5, want: timeout},
		"both at once":              {timeout: 5, heartbeat: 5, due: 5, want: timeout},
		"a heartbeat moves it":      {heartbeat: 5, beats: []int64{3, 7}, due: 12, want: heartbeat},
		"but not the timeout":       {timeout: 8, heartbeat: 5, beats: []int64{3, 7}, due: 8, want: timeout},
		"a beat without a deadline": {timeout: 8, beats: []int64{3}, due: 8, want: timeout},
		"two beats at one moment":   {heartbeat: 5, beats: []int64{3, 3}, due: 8, want: heartbeat},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := invoked(t)
			r.must(r.checkpoint(callback("c", test.timeout, test.heartbeat)))
			r.end(pending)
			for _, beat := range test.beats {
				r.now = epoch.AddSeconds(beat)
				if err := r.heartbeat(1); err != nil {
					t.Fatal(err)
				}
			}
			equal(t, "due", r.x.Due(), epoch.AddSeconds(test.due))
			r.now = epoch.AddSeconds(test.due) - 1
			r.fire()
			equal(t, "status before", r.op("c").Status, protocol.StatusStarted)
			r.now++
			r.fire()
			equal(t, "status", r.op("c").Status, protocol.StatusTimedOut)
			equal(t, "error", r.op("c").Error, test.want)
			equal(t, "error of the event: the type alone", r.lastEvent().Error, &protocol.ErrorObject{ErrorType: test.want.ErrorType})
			equal(t, "next invocation", r.x.InvokeAt(), r.now)
			refusedAs(t, r.heartbeat(1), protocol.CodeCallbackTimeout, gone)
		})
	}
}

// Of two deadlines that have both passed, the earlier one counts.
func TestBothDeadlinesPassed(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(callback("a", 20, 10), callback("b", 10, 20)))
	r.sleep(60)
	r.fire()
	equal(t, "a", r.op("a").Error.ErrorType, "Callback.Heartbeat")
	equal(t, "b", r.op("b").Error.ErrorType, "Callback.Timeout")
}

// A callback that has no deadline waits for ever.
func TestCallbackWithoutDeadline(t *testing.T) {
	r := invoked(t)
	u := callback("c", 0, 0)
	u.CallbackOptions = nil
	r.must(r.checkpoint(u))
	r.end(pending)
	equal(t, "due", r.x.Due(), epoch.AddSeconds(identity().ExecutionTimeout))
}

func TestCallbackOutcomes(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(callback("a", 0, 0), callback("b", 0, 0), callback("c", 0, 0), callback("d", 0, 0)))
	reason := &protocol.ErrorObject{ErrorType: "Rejected", ErrorData: "{}"}
	fail := func(position int, reason *protocol.ErrorObject) error {
		return r.do(func(d *machine.Draft) error { return d.FailCallback(position, callbackID(position), reason) })
	}
	for _, err := range []error{r.succeedCallback(1, str("")), r.succeedCallback(2, nil), fail(3, reason), fail(4, nil)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "an empty result", r.op("a").Payload, str(""))
	equal(t, "no result", r.op("b").Payload, nil)
	equal(t, "a reason", r.op("c").Error, reason)
	equal(t, "no reason", r.op("d").Error, &protocol.ErrorObject{})
	equal(t, "end", r.op("d").End, r.now)
}

// What cannot be completed is refused with the same words, and changes nothing.
func TestCallbackRefusals(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(callback("c", 0, 0), step(protocol.ActionStart, "s"), callback("late", 5, 0)))
	r.succeedCallback(1, nil)
	entries := len(r.journal)
	for _, at := range []struct {
		position int
		id       string
	}{
		{1, callbackID(1)}, // completed
		{2, callbackID(2)}, // no callback
		{3, callbackID(1)}, // another id
		{0, callbackID(0)}, {-1, callbackID(-1)}, {4, callbackID(4)}, {1 << 40, ""},
	} {
		for _, try := range []func(*machine.Draft) error{
			func(d *machine.Draft) error { return d.SucceedCallback(at.position, at.id, nil) },
			func(d *machine.Draft) error { return d.FailCallback(at.position, at.id, nil) },
			func(d *machine.Draft) error { return d.HeartbeatCallback(at.position, at.id) },
		} {
			refusedAs(t, r.do(try), protocol.CodeCallbackTimeout, gone)
		}
	}
	equal(t, "entries", len(r.journal), entries)

	// One that is too late finds the timeout, which is then recorded.
	r.sleep(5)
	refusedAs(t, r.succeedCallback(3, nil), protocol.CodeCallbackTimeout, gone)
	equal(t, "status", r.op("late").Status, protocol.StatusTimedOut)
}

func TestCallbackSizes(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(callback("c", 0, 0)))
	big := strings.Repeat("x", protocol.MaxPayload+1)
	refusedAs(t, r.succeedCallback(1, &big), protocol.CodeValidation,
		"1 validation error detected: Value at 'result' failed to satisfy constraint: Member must have length less than or "+
			"equal to 1048576")
	refused(t, r.do(func(d *machine.Draft) error {
		return d.FailCallback(1, callbackID(1), &protocol.ErrorObject{ErrorMessage: big})
	}), "Error object size must be less than or equal to 1048576 bytes.")
	equal(t, "status", r.op("c").Status, protocol.StatusStarted)
	if err := r.succeedCallback(1, str(big[1:])); err != nil {
		t.Error(err)
	}
}

// Heartbeats leave no timers behind, even below one that is due first.
func TestHeartbeatsKeepNoTimers(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(wait("w", 100), callback("c", 0, 3600)))
	r.end(pending)
	for range 5000 {
		r.now++
		if err := r.heartbeat(2); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.x.Timers(); n > 10 {
		t.Errorf("got %d timers for two operations", n)
	}
	equal(t, "due", r.x.Due(), epoch.AddSeconds(100))
	r.now = r.now.AddSeconds(3600)
	r.fire()
	equal(t, "operations", ids(ops(r.x)), []string{"0001:STARTED", "w:SUCCEEDED", "c:TIMED_OUT"})
}

// Numbers that no sane client sends neither wrap around nor panic.
func TestHugeNumbers(t *testing.T) {
	id := identity()
	id.ExecutionTimeout, id.RetentionDays = 1<<62, 1<<62
	for _, huge := range []int64{1 << 62, 1<<63 - 1, 1<<63/1000 + 7} {
		r := newRunWith(t, id, nil)
		r.invoke()
		r.must(r.checkpoint(wait("w", huge), callback("c", huge, huge), retry("s", huge), wait("soon", 1)))
		r.end(pending)
		r.sleep(1)
		r.fire()
		equal(t, "operations", ids(ops(r.x)), []string{"0001:STARTED", "w:STARTED", "c:STARTED", "s:PENDING", "soon:SUCCEEDED"})
		if due := r.x.Due(); due < r.now {
			t.Errorf("got %d as due, which has passed", due)
		}
		if !machine.Same(r.x, r.reload()) {
			t.Error("a restart reads another execution")
		}
		r.do(func(d *machine.Draft) error { d.Stop(nil); return nil })
		if due := r.x.Expires(); due < r.now {
			t.Errorf("got a retention until %d, which has passed", due)
		}
	}
	// Negative ones are no deadline, and refused where one is needed.
	r := invoked(t)
	r.must(r.checkpoint(callback("c", -1, -1)))
	equal(t, "due", r.x.Due(), epoch.AddSeconds(identity().ExecutionTimeout))
	_, err := r.checkpoint(wait("w", -1))
	refused(t, err, "Update for WAIT operation requires WaitOptions.")
}

// Everything that is due is recorded in the order in which it was due.
func TestTimerOrder(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(wait("w3", 3), callback("c1", 1, 0), retry("s2", 2), wait("w1", 1), callback("c9", 0, 9)))
	r.end(pending)
	r.sleep(5)
	r.fire()
	equal(t, "history", r.types(8), []protocol.EventType{protocol.EventCallbackTimedOut, protocol.EventWaitSucceeded,
		protocol.EventWaitSucceeded})
	r.invoke()
	equal(t, "updated", r.x.Updated(), []string{"c1", "w1", "s2", "w3"})
	equal(t, "due", r.x.Due(), epoch.AddSeconds(9))
}
