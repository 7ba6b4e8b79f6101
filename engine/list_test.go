package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// names lists executions by name.
func (f *fixture) names(req *engine.ListRequest) string {
	f.t.Helper()
	var names []string
	for {
		items, next, err := f.List(f.t.Context(), req)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, s := range items {
			names = append(names, s.Name)
		}
		if next == "" {
			return strings.Join(names, " ")
		}
		req.Marker = next
	}
}

// waitFor is a handler that starts what a name asks for, and suspends.
func waitFor(c *call) engine.Outcome {
	arn, _ := protocol.ParseARN(c.ExecutionARN)
	u := protocol.Update{ID: "1", Action: protocol.ActionStart}
	switch {
	case c.op("1").Status.Closed():
		return succeed("1")
	case strings.HasPrefix(arn.Name, "crash"):
		return crash("no")
	case strings.HasPrefix(arn.Name, "done"):
		return succeed("1")
	case strings.HasPrefix(arn.Name, "call"):
		u.Type = protocol.TypeCallback
	case strings.HasPrefix(arn.Name, "wait"):
		u.Type, u.WaitOptions = protocol.TypeWait, &protocol.WaitOptions{WaitSeconds: 600}
	case strings.HasPrefix(arn.Name, "step"):
		u.Type, u.Action = protocol.TypeStep, protocol.ActionRetry
		u.Error, u.StepOptions = &protocol.ErrorObject{ErrorMessage: "no"}, &protocol.StepOptions{NextAttemptDelaySeconds: 600}
	case strings.HasPrefix(arn.Name, "hang"):
		<-c.ctx.Done()
		return crash("hung")
	}
	c.checkpoint(u)
	return pending()
}

func TestList(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("f", waitFor)
		f.durable("g", waitFor)
		began := time.Now()
		for i, name := range []string{"done1", "call1", "wait1", "step1", "crash1", "hang1", "call2"} {
			f.start([]string{"f", "g"}[i%2], name, "")
			time.Sleep(time.Second)
		}
		f.funcs = f.funcs[:1] // g is gone after the restart
		f.restart()
		synctest.Wait()
		at := func(seconds int) protocol.Timestamp {
			return protocol.TimestampOf(began.Add(time.Duration(seconds) * time.Second))
		}
		doing := func(all ...engine.Activity) *engine.ListRequest {
			return &engine.ListRequest{Filter: engine.Filter{Doing: all}}
		}
		for _, test := range []struct {
			name string
			req  *engine.ListRequest
			want string
		}{
			{"all", &engine.ListRequest{}, "call2 hang1 crash1 step1 wait1 call1 done1"},
			{"oldest first, in pages", &engine.ListRequest{OldestFirst: true, MaxItems: 2}, "done1 call1 wait1 step1 crash1 hang1 call2"},
			{"in pages", &engine.ListRequest{MaxItems: 3}, "call2 hang1 crash1 step1 wait1 call1 done1"},
			{"function", &engine.ListRequest{Filter: engine.Filter{Function: "f"}}, "call2 crash1 wait1 done1"},
			{"name", &engine.ListRequest{Filter: engine.Filter{Name: "call1"}}, "call1"},
			{"prefix", &engine.ListRequest{Filter: engine.Filter{Name: "call*"}}, "call2 call1"},
			{"status", &engine.ListRequest{Filter: engine.Filter{
				Statuses: []protocol.ExecutionStatus{protocol.ExecutionSucceeded}}}, "done1"},
			{"started between", &engine.ListRequest{Filter: engine.Filter{StartedAfter: at(1), StartedBefore: at(4)}}, "step1 wait1"},
			{"started between, oldest first, in pages",
				&engine.ListRequest{Filter: engine.Filter{StartedAfter: at(1), StartedBefore: at(5)}, OldestFirst: true,
					MaxItems: 1}, "wait1 step1 crash1"},
			{"started between, in pages",
				&engine.ListRequest{Filter: engine.Filter{StartedAfter: at(1), StartedBefore: at(5)}, MaxItems: 1},
				"crash1 step1 wait1"},
			{"callbacks", doing(engine.Callback), "call2 call1"},
			{"waits", doing(engine.Waiting), "wait1"},
			{"retrying", doing(engine.Retrying), "crash1 step1"},
			{"retrying or waiting, in pages", &engine.ListRequest{Filter: engine.Filter{Doing: []engine.Activity{engine.Retrying,
				engine.Waiting}}, MaxItems: 1}, "crash1 step1 wait1"},
			{"of what is not registered", doing(engine.Unregistered), "hang1"},
			{"queued", doing(engine.Queued), "hang1 crash1"},
			{"waiting since", &engine.ListRequest{Filter: engine.Filter{Doing: []engine.Activity{engine.Callback}, Since: at(3)}}, "call1"},
			{"long ago, nothing", &engine.ListRequest{Filter: engine.Filter{Since: at(0)}}, ""},
			{"beyond time", &engine.ListRequest{Filter: engine.Filter{StartedAfter: 1 << 60}}, ""},
		} {
			if got := f.names(test.req); got != test.want {
				t.Errorf("%s: got %s, want %s", test.name, got, test.want)
			}
		}
		if _, _, err := f.List(t.Context(), doing("nonsense")); err == nil {
			t.Error("an activity that there is not was taken")
		}
	})
}

// Executions that start in one instant are listed in the order of their starts.
func TestListOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("f", waitFor)
		var names []string
		for i := range 50 {
			names = append(names, fmt.Sprint("done", i))
			f.start("f", names[i], "")
		}
		if got, want := f.names(&engine.ListRequest{OldestFirst: true}), strings.Join(names, " "); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
