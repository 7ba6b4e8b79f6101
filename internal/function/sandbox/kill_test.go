//go:build unix

package sandbox_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/protocol"
)

// A stop with a kill ends the process of a body that would go on for an hour.
// One that other executions share goes on until theirs have ended, and is
// killed then.
func TestKilledExecution(t *testing.T) {
	for name, sharing := range map[string]int{"alone": 1, "two in a process": 2} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var hanging atomic.Int32
			pool := w.register("hang", "durable at a gate", func(c *sandbox.Config) {
				c.Concurrency, c.MaxProcesses = sharing, 1
				c.Env["GATE"] = t.TempDir() + "/never"
				c.Output = func(line engine.LogLine) { hanging.Add(int32(strings.Count(line.Text, "at work"))) }
			})
			var arns []string
			for range sharing {
				arns = append(arns, w.start("hang"))
			}
			eventually(t, "all hang", func() bool { return int(hanging.Load()) == sharing })
			before := childProcesses(t)
			for _, arn := range arns {
				stop := engine.StopRequest{ARN: arn, Kill: true, By: "ann"}
				if _, err := w.Stop(t.Context(), &stop); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the invocation has ended", func() bool { return w.lastEvent(arn).Type == protocol.EventInvocationCompleted })
				if e := w.lastEvent(arn).Error; e == nil || e.ErrorType != protocol.ErrorTypeExit {
					t.Errorf("got %+v, want the invocation to be ended", e)
				}
			}
			eventually(t, "the process is gone", func() bool { return pool.Processes().All() == 0 && childProcesses(t) < before })
			w.register("good", "durable", nil)
			if r := w.result(w.start("good")); r.Status != protocol.ExecutionSucceeded {
				t.Errorf("another function: got %+v", r)
			}
		})
	}
}

func (w *world) lastEvent(arn string) *protocol.Event {
	w.t.Helper()
	events, _, err := w.History(w.t.Context(), &engine.HistoryRequest{ARN: arn, NewestFirst: true, MaxItems: 1})
	if err != nil || len(events) != 1 {
		w.t.Fatalf("got %d events, %v", len(events), err)
	}
	return events[0]
}
