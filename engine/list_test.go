package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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

// tagged starts an execution with tags.
func (f *fixture) tagged(function, name string, tags map[string]string) {
	f.t.Helper()
	if _, err := f.Start(f.t.Context(), &engine.InvokeRequest{Function: function, Name: name, Tags: tags}); err != nil {
		f.t.Fatal(err)
	}
}

// attends is a handler that suspends in many ways, and fails with the error that a name ends with.
func attends(c *call) engine.Outcome {
	arn, _ := protocol.ParseARN(c.ExecutionARN)
	if _, kind, ok := strings.Cut(arn.Name, "fail-"); ok {
		e := protocol.ErrorObject{ErrorType: kind, ErrorMessage: "it is\x1b[31m " + kind + "\nsecond line"}
		return engine.Outcome{Payload: fmt.Appendf(nil, `{"Status":"FAILED","Error":{"ErrorType":%q,"ErrorMessage":"it is\u001b[31m %s\nsecond line"}}`,
			e.ErrorType, kind)}
	}
	return waitFor(c)
}

// What needs attention comes first: what is stuck, the longest first, what waits for somebody, failures, and the rest.
func TestListAttention(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("f", attends)
		f.start("f", "fail-Old", "")
		time.Sleep(25 * time.Hour)
		for _, name := range []string{"call1", "step1", "wait1", "fail-Busy", "done1", "step2", "call2", "fail-Gone", "done2"} {
			f.start("f", name, "")
			time.Sleep(time.Second)
		}
		synctest.Wait()
		want := "call1 step1 step2 call2 fail-Gone fail-Busy done2 done1 wait1 fail-Old"
		if got := f.names(&engine.ListRequest{AttentionFirst: true, MaxItems: 3}); got != want {
			t.Errorf("within a minute: got %s, want %s", got, want)
		}
		time.Sleep(2 * time.Minute)
		want = "step1 step2 call1 call2 fail-Gone fail-Busy done2 done1 wait1 fail-Old"
		items, _, err := f.List(t.Context(), &engine.ListRequest{AttentionFirst: true})
		stages := ""
		for _, s := range items {
			stages += string(s.Stage[0])
		}
		if err != nil || stages != "ssss"+"ff"+"rrrr" {
			t.Errorf("got the stages %s, %v", stages, err)
		}
		for _, max := range []int{1, 2, 3, 4, 100} {
			if got := f.names(&engine.ListRequest{AttentionFirst: true, MaxItems: max}); got != want {
				t.Errorf("pages of %d: got %s, want %s", max, got, want)
			}
		}
		for _, test := range []struct {
			filter engine.Filter
			want   string
		}{
			{engine.Filter{Name: "*1"}, "step1 call1 done1 wait1"},
			{engine.Filter{Statuses: []protocol.ExecutionStatus{protocol.ExecutionSucceeded}}, "done2 done1"},
			{engine.Filter{Statuses: failedOnly}, "fail-Gone fail-Busy fail-Old"},
			{engine.Filter{Doing: []engine.Activity{engine.Callback, engine.Waiting}}, "call1 call2 wait1"},
			{engine.Filter{Error: "Busy"}, "fail-Busy"},
		} {
			if got := f.names(&engine.ListRequest{Filter: test.filter, AttentionFirst: true, MaxItems: 1}); got != test.want {
				t.Errorf("%+v: got %s, want %s", test.filter, got, test.want)
			}
		}
	})
}

// What fails again and again keeps its place, from the beginning of the first attempt that failed, also while it runs.
func TestListAttentionOfAnOldTrouble(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("f", waitFor)
		f.register(engine.Function{Name: "crashes", Timeout: time.Hour, Durable: &engine.DurableConfig{ExecutionTimeout: 12 * time.Hour},
			Invoker: invoker{f, func(c *call) engine.Outcome {
				time.Sleep(2 * time.Minute)
				return crash("no database")
			}}})
		began := protocol.TimestampOf(time.Now())
		f.start("crashes", "crash1", "")
		f.start("f", "call1", "")
		time.Sleep(time.Second)
		f.start("crashes", "crash2", "")
		for i := range 40 {
			time.Sleep(31 * time.Second) // within invocations, and between them
			synctest.Wait()
			items, _, err := f.List(t.Context(), &engine.ListRequest{AttentionFirst: true})
			if err != nil || len(items) != 3 {
				t.Fatal(len(items), err)
			}
			got := items[0].Name + " " + items[1].Name
			if i > 1 && (got != "crash1 crash2" || items[0].Since != began) {
				t.Errorf("after %v got %s, the first since %v", time.Duration(i+1)*31*time.Second, got, items[0].Since.Sub(began))
			}
		}
	})
}

var failedOnly = []protocol.ExecutionStatus{protocol.ExecutionFailed}

// A page goes on where the one before ended, whatever happened in between, and a marker fits one order only.
func TestListAttentionKeepsItsPlace(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("f", attends)
		for _, name := range []string{"call1", "call2", "call3", "done1"} {
			f.start("f", name, "")
			time.Sleep(time.Second)
		}
		first, next, err := f.List(t.Context(), &engine.ListRequest{AttentionFirst: true, MaxItems: 2})
		if err != nil || len(first) != 2 || next == "" {
			t.Fatalf("got %v, %q, %v", first, next, err)
		}
		if _, err := f.Stop(t.Context(), &engine.StopRequest{ARN: first[1].ARN}); err != nil {
			t.Fatal(err)
		}
		f.start("f", "call4", "")
		synctest.Wait()
		if got, want := f.names(&engine.ListRequest{AttentionFirst: true, Marker: next,
			MaxItems: 1}), "call3 call4 done1 call2"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		for _, req := range []engine.ListRequest{
			{Marker: next}, {OldestFirst: true, Marker: next}, {AttentionFirst: true, OldestFirst: true},
			{AttentionFirst: true, Marker: next, Filter: engine.Filter{Function: "f"}},
		} {
			if _, _, err := f.List(t.Context(), &req); err == nil {
				t.Errorf("%+v: got no error", req)
			}
		}
	})
}

// Executions are found by their tags, versions, errors and patterns of names, each alone and together.
func TestListByTagsAndErrors(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("f", attends)
		f.durable("g", attends)
		red, both := map[string]string{"team": "red"}, map[string]string{"team": "red", "customer": "a=b c"}
		f.tagged("f", "fail-Busy", red)
		f.tagged("g", "a-fail-Busy", both)
		f.tagged("g", "b-fail-Odd", nil)
		f.tagged("f", "done", both)
		f.tagged("f", "call", map[string]string{"team": "blue"})
		synctest.Wait()
		for _, test := range []struct {
			filter engine.Filter
			want   string
		}{
			{engine.Filter{Tags: red}, "done a-fail-Busy fail-Busy"},
			{engine.Filter{Tags: both}, "done a-fail-Busy"},
			{engine.Filter{Tags: red, Function: "f"}, "done fail-Busy"},
			{engine.Filter{Tags: red, Statuses: failedOnly}, "a-fail-Busy fail-Busy"},
			{engine.Filter{Tags: map[string]string{"team": "blue"}, Doing: []engine.Activity{engine.Callback}}, "call"},
			{engine.Filter{Tags: map[string]string{"team": ""}}, ""},
			{engine.Filter{Error: "Busy"}, "a-fail-Busy fail-Busy"},
			{engine.Filter{Error: "Busy", Function: "g", Tags: both}, "a-fail-Busy"},
			{engine.Filter{Error: "busy"}, ""},
			{engine.Filter{Name: "*fail*"}, "b-fail-Odd a-fail-Busy fail-Busy"},
			{engine.Filter{Name: "a*y"}, "a-fail-Busy"},
			{engine.Filter{Name: "**"}, "call done b-fail-Odd a-fail-Busy fail-Busy"},
			{engine.Filter{Qualifier: "$LATEST", Function: "f"}, "call done fail-Busy"},
			{engine.Filter{Qualifier: "$LATEST"}, "call done b-fail-Odd a-fail-Busy fail-Busy"},
			{engine.Filter{Qualifier: "7"}, ""},
		} {
			if got := f.names(&engine.ListRequest{Filter: test.filter, MaxItems: 2}); got != test.want {
				t.Errorf("%+v: got %s, want %s", test.filter, got, test.want)
			}
		}
		if _, _, err := f.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Qualifier: "live"}}); err == nil {
			t.Error("an alias of no function was taken")
		}
		items, _, err := f.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Name: "fail-Busy"}})
		if err != nil || len(items) != 1 || items[0].Error != "Busy" ||
			items[0].Message != "it is [31m Busy" || items[0].Tags["team"] != "red" {
			t.Errorf("got %+v, %v", items, err)
		}
	})
}

// Counts are of all that passes a filter, by status, by what is done, and of failures by function and error.
func TestCount(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("f", attends)
		f.durable("g", attends)
		for i, name := range []string{"fail-Busy", "fail-Busy", "x-fail-Busy", "fail-Gone", "done", "call", "hang", "call-x", "fail-"} {
			f.tagged([]string{"f", "g"}[i%2], name, map[string]string{"odd": fmt.Sprint(i % 2)})
		}
		synctest.Wait()
		for _, test := range []struct {
			name   string
			filter engine.Filter
			want   engine.Counts
		}{
			{"all", engine.Filter{}, engine.Counts{Total: 9,
				Statuses: map[protocol.ExecutionStatus]int{"FAILED": 5, "SUCCEEDED": 1, "RUNNING": 3},
				Doing:    map[engine.Activity]int{engine.Running: 1, engine.Callback: 2},
				Failures: []engine.FailureCount{{"f", "Busy", 2}, {"f", "", 1}, {"g", "Busy", 1}, {"g", "Gone", 1}}}},
			{"a tag", engine.Filter{Tags: map[string]string{"odd": "1"}, Name: "*-*"}, engine.Counts{Total: 3,
				Statuses: map[protocol.ExecutionStatus]int{"FAILED": 2, "RUNNING": 1},
				Doing:    map[engine.Activity]int{engine.Callback: 1},
				Failures: []engine.FailureCount{{"g", "Busy", 1}, {"g", "Gone", 1}}}},
			{"doing", engine.Filter{Doing: []engine.Activity{engine.Callback}}, engine.Counts{Total: 2,
				Statuses: map[protocol.ExecutionStatus]int{"RUNNING": 2}, Doing: map[engine.Activity]int{engine.Callback: 2}}},
			{"none", engine.Filter{Name: "nobody"}, engine.Counts{
				Statuses: map[protocol.ExecutionStatus]int{}, Doing: map[engine.Activity]int{}}},
		} {
			got, err := f.Count(t.Context(), &test.filter)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, got, cmpopts.IgnoreFields(engine.Counts{}, "News")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		}
		f.funcs = f.funcs[:1] // g is gone after the restart
		f.restart()
		synctest.Wait()
		f.start("f", "hang2", "")
		synctest.Wait()
		unregistered := engine.Filter{Doing: []engine.Activity{engine.Unregistered}}
		got, err := f.Count(t.Context(), &unregistered)
		if items := f.names(&engine.ListRequest{Filter: unregistered}); err != nil || got.Total != len(strings.Fields(items)) {
			t.Errorf("got %+v, %v, want as many as %q", got, err, items)
		}
	})
}

// Who asks for the same counts within a second shares an answer, and can tell that it is old; a second later it is new.
func TestCountsAreShared(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("f", attends)
		started := 0
		total := func(filter engine.Filter) int {
			c, err := f.Count(t.Context(), &filter)
			if err != nil {
				t.Fatal(err)
			}
			if news, err := f.News(t.Context(), 0); err != nil || (c.News == news) != (c.Total == started) {
				t.Errorf("%d of %d are counted, by news %d of %d, %v", c.Total, started, c.News, news, err)
			}
			return c.Total
		}
		start := func(name string) {
			f.start("f", name, "")
			started++
			synctest.Wait()
		}
		start("done1")
		total(engine.Filter{})
		start("done2")
		if got := total(engine.Filter{}); got != 1 {
			t.Errorf("at once: got %d, want the 1 of before", got)
		}
		if got := total(engine.Filter{Function: "f"}); got != 2 {
			t.Errorf("of another filter: got %d, want 2", got)
		}
		time.Sleep(time.Second)
		if got := total(engine.Filter{}); got != 2 {
			t.Errorf("a second later: got %d, want 2", got)
		}
	})
}
