package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// hang is a body that goes on until its context ends, and says what it was told.
func hang(c *call) engine.Outcome {
	<-c.ctx.Done()
	return engine.Outcome{Error: &protocol.ErrorObject{ErrorType: "Hung"}}
}

// A kill ends the body at once, wherever the execution stands; a stop alone
// leaves it alone. What ended is in the history.
func TestKillEndsTheBody(t *testing.T) {
	for name, test := range map[string]struct {
		before func(f *fixture, arn string) // what happened before
		kill   bool
		status protocol.ExecutionStatus
		took   time.Duration
	}{
		"a stop":       {nil, false, protocol.ExecutionStopped, 50 * time.Second},
		"a kill":       {nil, true, protocol.ExecutionStopped, 0},
		"a later kill": {func(f *fixture, arn string) { f.stop(&engine.StopRequest{ARN: arn}) }, true, protocol.ExecutionStopped, 0},
		"a second kill": {func(f *fixture, arn string) { f.stop(&engine.StopRequest{ARN: arn, Kill: true}) }, true,
			protocol.ExecutionStopped, 0},
		"a kill while it pauses": {func(f *fixture, arn string) {
			if err := f.Pause(f.t.Context(), &engine.PauseRequest{ARN: arn}); err != nil {
				f.t.Error(err)
			}
		}, true, protocol.ExecutionStopped, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				ended := make(chan time.Time, 1)
				f.durable("shop", func(c *call) engine.Outcome {
					out := hang(c)
					ended <- time.Now()
					return out
				})
				arn := f.start("shop", "", "{}")
				time.Sleep(13 * time.Second) // a minute and 2 s of grace is what it may take
				if test.before != nil {
					test.before(f, arn)
				}
				began := time.Now()
				f.stop(&engine.StopRequest{ARN: arn, Kill: test.kill, By: "ann"})
				at := <-ended
				if took := at.Sub(began); test.kill && took != 0 || took < test.took/2 {
					t.Errorf("the body ended %v after the stop, want about %v", took, test.took)
				}
				time.Sleep(time.Second)
				d, err := f.Describe(t.Context(), arn)
				if err != nil || d.Status != test.status {
					t.Errorf("got %+v, %v; want %s", d, err, test.status)
				}
				if got := f.history(arn); !strings.HasSuffix(got, "ExecutionStopped InvocationCompleted") {
					t.Errorf("got %s, want the end of the invocation after the stop", got)
				}
				if n := f.Stats().Invoking; n != 0 {
					t.Errorf("got %d invocations under way, want none", n)
				}
			})
		})
	}
}

// stop stops an execution.
func (f *fixture) stop(req *engine.StopRequest) {
	f.t.Helper()
	if _, err := f.Stop(f.t.Context(), req); err != nil {
		f.t.Error(err)
	}
}

// A kill before the body began keeps it from beginning, or ends it at once.
func TestKillRacesWithTheStart(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("shop", hang)
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				arn := f.start("shop", fmt.Sprint("n", i), "{}")
				f.stop(&engine.StopRequest{ARN: arn, Kill: true})
			})
		}
		all.Wait()
		time.Sleep(time.Second)
		if n := f.Stats().Invoking; n != 0 {
			t.Errorf("got %d bodies a second after all were killed, want none", n)
		}
	})
}

// A kill ends a call of a plain function, too, and its repeats.
func TestKillEndsCalls(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		ended := make(chan time.Time, 1)
		f.register(engine.Function{Name: "plain", Timeout: time.Minute, Invoker: invoker{f, func(c *call) engine.Outcome {
			out := hang(c)
			ended <- time.Now()
			return out
		}}})
		f.durable("parent", func(c *call) engine.Outcome {
			if c.op("call").ID == "" {
				c.checkpoint(invokeUpdate("call", "plain", "{}"))
			}
			return pending()
		})
		arn := f.start("parent", "", "{}")
		time.Sleep(time.Second)
		began := time.Now()
		f.stop(&engine.StopRequest{ARN: arn, Kill: true})
		if took := (<-ended).Sub(began); took != 0 {
			t.Errorf("the call ended %v after the kill, want at once", took)
		}
	})
}

// The node that runs the body ends it, whichever node is asked: by a hint, or
// by a look when hints are lost.
func TestKillOnAnotherNode(t *testing.T) {
	for name, most := range map[string]time.Duration{"hints": 100 * time.Millisecond, "lost hints": 12 * time.Second} {
		t.Run(name, func(t *testing.T) {
			inFleet(t, 3, func(t *testing.T, f *fleet) {
				type end struct {
					node int
					at   time.Time
				}
				began, ended := make(chan int, 10), make(chan end, 10)
				f.durable("shop", 100, func(node int, c *call) engine.Outcome {
					began <- node
					out := hang(c)
					ended <- end{node, time.Now()}
					return out
				})
				for _, n := range f.nodes {
					if name == "lost hints" {
						n.cut.LoseHints()
					}
				}
				for i := range 6 {
					arn := f.nodes[0].start("shop", fmt.Sprint("n", i), "{}")
					at := <-began
					asked := time.Now()
					f.nodes[(at+1)%3].stop(&engine.StopRequest{ARN: arn, Kill: true})
					e := <-ended
					if took := e.at.Sub(asked); took > most || e.node != at {
						t.Errorf("the body on node %d ended %v after the kill, want at most %v", e.node, took, most)
					}
					time.Sleep(time.Second)
					if got := f.nodes[2].history(arn); got != "ExecutionStarted ExecutionStopped InvocationCompleted" {
						t.Errorf("got %s", got)
					}
				}
			})
		})
	}
}

// family registers functions that invoke each other: a root with many
// children, each of which has one, which hangs or waits.
func (f *fixture) family(children int) {
	f.durable("root", func(c *call) engine.Outcome {
		var all []protocol.Update
		for i := range children {
			if id := fmt.Sprint("c", i); c.op(id).ID == "" {
				all = append(all, invokeUpdate(id, "child", "{}"))
			}
		}
		if len(all) > 0 {
			c.checkpoint(all...)
		}
		return pending()
	})
	f.durable("child", func(c *call) engine.Outcome {
		if c.op("g").ID == "" {
			c.checkpoint(invokeUpdate("g", "grandchild", "{}"))
		}
		return pending()
	})
	f.durable("grandchild", func(c *call) engine.Outcome {
		c.wait("w", 3000)
		return pending()
	})
}

// statuses counts all executions by function and status.
func (f *fixture) statuses() map[string]int {
	f.t.Helper()
	counts := map[string]int{}
	rows, err := f.store.List(f.t.Context(), store.Query{Limit: 100_000})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, row := range rows {
		counts[row.Function+" "+string(row.Status)]++
	}
	return counts
}

// A cascade stops all below, says of each who asked and why, and leaves alone
// what is not below.
func TestCascade(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.family(100)
		arn, other := f.start("root", "a", "{}"), f.start("child", "b", "{}")
		time.Sleep(5 * time.Second)
		reason := &protocol.ErrorObject{ErrorType: "Operator", ErrorMessage: "wrong input"}
		f.stop(&engine.StopRequest{ARN: arn, Reason: reason, By: "ann", Cascade: true})
		time.Sleep(5 * time.Second)
		want := map[string]int{"root STOPPED": 1, "child STOPPED": 100, "grandchild STOPPED": 100,
			"child RUNNING": 1, "grandchild RUNNING": 1}
		if diff := cmp.Diff(want, f.statuses()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		items, _, err := f.List(t.Context(), &engine.ListRequest{MaxItems: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			d, err := f.Describe(t.Context(), item.ARN)
			if err != nil {
				t.Fatal(err)
			}
			if d.Status == protocol.ExecutionStopped && (d.StoppedBy != "ann" || cmp.Diff(reason, d.Error) != "") {
				t.Errorf("%s was stopped by %q because of %+v, want ann and the reason", item.ARN, d.StoppedBy, d.Error)
			}
		}
		f.stop(&engine.StopRequest{ARN: other})
	})
}

// A cascade goes on when it was cut off in the middle: by the end of the
// engine, with only some of the children stopped.
func TestCascadeSurvivesACrash(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.family(40)
		arn := f.start("root", "a", "{}")
		time.Sleep(5 * time.Second)
		var stops atomic.Int64
		f.store.Intercept(func(writes []store.Write, commit func() error) error {
			row := writes[0].Row
			if row != nil && row.Status == protocol.ExecutionStopped && row.Function != "root" && stops.Add(1) > 7 {
				return errors.New("the disk is gone")
			}
			return commit()
		})
		f.stop(&engine.StopRequest{ARN: arn, Cascade: true})
		time.Sleep(time.Second)
		got := f.statuses()["child STOPPED"] + f.statuses()["grandchild STOPPED"]
		if got < 1 || got > 7 { // a commit may be the word to a parent
			t.Fatalf("got %d stopped before the crash, want 1 to 7: the test does not test", got)
		}
		f.close()
		f.store.Intercept(nil)
		f.open()
		time.Sleep(10 * time.Second)
		want := map[string]int{"root STOPPED": 1, "child STOPPED": 40, "grandchild STOPPED": 40}
		if diff := cmp.Diff(want, f.statuses()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What is owed to children keeps the parent: its deletion waits for it.
func TestDeletionWaitsForTheCascade(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.family(3)
		arn := f.start("root", "a", "{}")
		time.Sleep(5 * time.Second)
		f.store.Intercept(func(writes []store.Write, commit func() error) error {
			if row := writes[0].Row; row != nil && row.Status == protocol.ExecutionStopped && row.Function == "child" {
				return errors.New("the disk is full")
			}
			return commit()
		})
		f.stop(&engine.StopRequest{ARN: arn, Cascade: true})
		if _, err := f.Delete(t.Context(), arn); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if got := f.statuses()["root DELETING"]; got != 1 {
			t.Errorf("got %v, want the root to be DELETING", f.statuses())
		}
		f.store.Intercept(nil)
		time.Sleep(time.Minute)
		want := map[string]int{"child STOPPED": 3, "grandchild STOPPED": 3}
		if diff := cmp.Diff(want, f.statuses()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A cascade reaches what begins meanwhile, what runs on another node, and what
// is below an execution that was stopped before without one.
func TestCascadeInAFleet(t *testing.T) {
	inFleet(t, 3, func(t *testing.T, f *fleet) {
		var running atomic.Int64
		f.durable("root", 100, func(_ int, c *call) engine.Outcome {
			for i := 0; c.ctx.Err() == nil; i++ {
				if !c.checkpoint(invokeUpdate(fmt.Sprint("c", i), "child", "{}")) {
					return crash("refused")
				}
				time.Sleep(10 * time.Millisecond)
			}
			return pending()
		})
		f.durable("child", 300, func(_ int, c *call) engine.Outcome {
			running.Add(1)
			defer running.Add(-1)
			return hang(c)
		})
		arn := f.nodes[0].start("root", "a", "{}")
		time.Sleep(time.Second)
		f.nodes[1].stop(&engine.StopRequest{ARN: arn})
		time.Sleep(time.Second)
		if running.Load() < 50 {
			t.Fatalf("got %d children, want many: the test does not test", running.Load())
		}
		f.nodes[2].stop(&engine.StopRequest{ARN: arn, Cascade: true, Kill: true})
		time.Sleep(time.Second)
		if n := running.Load(); n != 0 {
			t.Errorf("got %d children that still run, want none", n)
		}
		for status := range f.nodes[0].statuses() {
			if !slices.Contains([]string{"root STOPPED", "child STOPPED"}, status) {
				t.Errorf("got %s", status)
			}
		}
	})
}

// Who asked is recorded: as the request says, or as its context does.
func TestWhoAsked(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		arn, _ := f.waiting("shop")
		ctx := engine.AskedBy(t.Context(), "bob\x1b[31m ü "+strings.Repeat("x", 300))
		if err := f.Pause(ctx, &engine.PauseRequest{ARN: arn}); err != nil {
			t.Fatal(err)
		}
		d, err := f.Describe(t.Context(), arn)
		if err != nil || !strings.HasPrefix(d.Pause.By, "bob?[31m ? xxx") || len(d.Pause.By) > 256 {
			t.Errorf("got %+v, %v", d.Pause, err)
		}
		x, err := f.Explain(t.Context(), arn)
		if err != nil || !strings.Contains(x.Text, "by bob?[31m") {
			t.Errorf("got %q, %v; want it to say who paused", x.Text, err)
		}
		if err := f.Resume(ctx, &engine.ResumeRequest{ARN: arn, By: "carol"}); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Stop(ctx, &engine.StopRequest{ARN: arn, By: "two\nlines"}); err == nil {
			t.Error("who asks may have two lines")
		}
		reason := &protocol.ErrorObject{ErrorType: "Wrong", ErrorMessage: "not today"}
		if _, err := f.Stop(ctx, &engine.StopRequest{ARN: arn, By: "dave", Reason: reason}); err != nil {
			t.Fatal(err)
		}
		if x, err = f.Explain(t.Context(), arn); err != nil || x.Text != "closed: STOPPED by dave: Wrong: not today" {
			t.Errorf("got %q, %v", x.Text, err)
		}
		events, _, err := f.History(t.Context(), &engine.HistoryRequest{ARN: arn})
		if err != nil {
			t.Fatal(err)
		}
		var who []string
		for _, e := range events {
			if e.By != "" {
				who = append(who, string(e.Type)+" "+e.By[:3])
			}
		}
		if diff := cmp.Diff([]string{"ExecutionPaused bob", "ExecutionResumed car", "ExecutionStopped dav"}, who); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
