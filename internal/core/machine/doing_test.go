package machine_test

import (
	"testing"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

func TestDoing(t *testing.T) {
	const minute = 60
	at := func(seconds int64) protocol.Timestamp { return epoch.AddSeconds(seconds) }
	for _, test := range []struct {
		name  string
		play  func(*run)
		want  machine.Doing
		since protocol.Timestamp
	}{
		{"queued at first", func(*run) {}, machine.Queued, epoch},
		{"running", func(r *run) { r.sleep(5); r.invoke(); r.sleep(5) }, machine.Running, at(5)},
		{"running hides what is open", func(r *run) {
			r.invoke()
			r.must(r.checkpoint(callback("c", 0, 0), wait("w", minute)))
		}, machine.Running, epoch},
		{"waiting since the invocation ended", func(r *run) {
			r.invoke()
			r.must(r.checkpoint(wait("w", minute)))
			r.sleep(5)
			r.end(pending)
		}, machine.Waiting, at(5)},
		{"several things", func(r *run) {
			r.invoke()
			r.must(r.checkpoint(wait("w", minute), callback("c", 0, 0), invoke("i", "child"), invoke("p", "plain")))
			r.end(pending)
		}, machine.Waiting | machine.Callback | machine.Invoke | machine.Calling, epoch},
		{"queued again when a wait ended", func(r *run) {
			r.invoke()
			r.must(r.checkpoint(wait("w", minute), callback("c", 0, 0)))
			r.end(pending)
			r.sleep(minute + 3)
			r.fire()
		}, machine.Queued | machine.Callback, at(minute + 3)},
		{"polling is waiting", func(r *run) {
			r.invoke()
			poll := retry("s", minute)
			poll.Error, poll.Payload = nil, str("1")
			r.must(r.checkpoint(poll))
			r.end(pending)
		}, machine.Waiting, epoch},
		{"retrying a step since it failed first", func(r *run) {
			r.invoke()
			r.sleep(1)
			r.must(r.checkpoint(retry("s", minute)))
			r.end(pending)
			r.sleep(minute)
			r.invoke()
			r.must(r.checkpoint(step(protocol.ActionStart, "s"), retry("s", minute)))
			r.end(pending)
		}, machine.Retrying, at(1)},
		{"retrying a step since its first attempt began", func(r *run) {
			r.invoke()
			r.sleep(1)
			r.must(r.checkpoint(step(protocol.ActionStart, "s")))
			r.sleep(minute)
			r.must(r.checkpoint(retry("s", minute)))
			r.end(pending)
			r.sleep(minute)
			r.invoke()
			r.must(r.checkpoint(step(protocol.ActionStart, "s")))
			r.sleep(minute)
			r.must(r.checkpoint(retry("s", minute)))
			r.end(pending)
		}, machine.Retrying, at(1)},
		{"crashing with progress in between", func(r *run) {
			for _, id := range []string{"a", "b", "c"} {
				r.sleep(minute)
				r.invoke()
				r.sleep(5)
				r.must(r.checkpoint(succeed(id, "1")))
				r.crash("Runtime.ExitError")
			}
		}, machine.Queued | machine.Retrying, at(minute)},
		{"crashing again after it went well", func(r *run) {
			r.invoke()
			r.crash("Runtime.ExitError")
			r.sleep(minute)
			r.invoke()
			r.must(r.checkpoint(wait("w", minute)))
			r.end(pending)
			r.sleep(minute)
			r.fire()
			r.invoke()
			r.sleep(5)
			r.crash("Runtime.ExitError")
		}, machine.Queued | machine.Retrying, at(2 * minute)},
		{"retrying while it runs", func(r *run) {
			r.invoke()
			r.must(r.checkpoint(retry("s", minute)))
			r.end(pending)
			r.sleep(minute)
			r.invoke()
			r.must(r.checkpoint(step(protocol.ActionStart, "s")))
		}, machine.Running | machine.Retrying, epoch},
		{"done retrying", func(r *run) {
			r.invoke()
			r.must(r.checkpoint(retry("s", minute)))
			r.end(pending)
			r.sleep(minute)
			r.invoke()
			r.must(r.checkpoint(succeed("s", "1"), wait("w", minute)))
			r.end(pending)
		}, machine.Waiting, at(minute)},
		{"crashing", func(r *run) {
			r.invoke()
			r.sleep(5)
			r.crash("Runtime.ExitError")
			r.sleep(minute)
			r.invoke()
			r.sleep(5)
			r.crash("Runtime.ExitError")
		}, machine.Queued | machine.Retrying, epoch},
		{"paused, and what it would wait for", func(r *run) {
			r.invoke()
			r.must(r.checkpoint(callback("c", 0, 0), wait("w", minute)))
			r.end(pending)
			r.sleep(5)
			r.do(func(d *machine.Draft) error { return d.Pause(&machine.PauseRequest{}) })
			r.sleep(minute)
			r.fire()
		}, machine.Paused | machine.Callback, at(5)},
		{"resumed", func(r *run) {
			r.do(func(d *machine.Draft) error { return d.Pause(&machine.PauseRequest{}) })
			r.sleep(5)
			r.do(func(d *machine.Draft) error { return d.Resume(&machine.PauseRequest{}) })
		}, machine.Queued, epoch},
		{"nothing", func(r *run) { r.invoke(); r.end(`{"Status":"SUCCEEDED","Result":"1"}`) }, 0, 0},
		{"stopped while running", func(r *run) {
			r.invoke()
			r.must(r.checkpoint(retry("s", minute), callback("c", 0, 0)))
			r.do(func(d *machine.Draft) error { return d.Stop(nil) })
		}, machine.Running, epoch},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRun(t)
			test.play(r)
			for _, x := range []*machine.Execution{r.x, r.reload()} {
				equal(t, "doing", x.Doing(), test.want)
				equal(t, "since", x.Since(), test.since)
			}
		})
	}
}
