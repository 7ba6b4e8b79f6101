package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// slowly runs an attempt of a step that takes a while. A failure is tried again after delay seconds, if that is not 0.
func (c *call) slowly(id, name string, takes time.Duration, failure *protocol.ErrorObject, delay int64) {
	c.checkpoint(protocol.Update{ID: id, Name: name, Type: protocol.TypeStep, Action: protocol.ActionStart})
	time.Sleep(takes)
	u := protocol.Update{ID: id, Name: name, Type: protocol.TypeStep, Action: protocol.ActionSucceed, Error: failure}
	switch {
	case delay > 0:
		u.Action, u.StepOptions = protocol.ActionRetry, &protocol.StepOptions{NextAttemptDelaySeconds: delay}
	case failure != nil:
		u.Action = protocol.ActionFail
	}
	c.checkpoint(u)
}

// approval charges, which works at the second attempt, waits for a minute, and for an answer.
func approval(c *call) engine.Outcome {
	switch o := c.op("1"); {
	case o.ID == "":
		c.slowly("1", "charge", 2*time.Second, &protocol.ErrorObject{ErrorType: "Declined"}, 10)
		return pending()
	case o.Status == protocol.StatusReady:
		c.slowly("1", "charge", time.Second, nil, 0)
	}
	if !c.wait("2", 60) {
		return pending()
	}
	if c.op("3").ID == "" {
		c.checkpoint(protocol.Update{ID: "3", Name: "approve", Type: protocol.TypeCallback, Action: protocol.ActionStart})
	}
	if !c.op("3").Status.Closed() {
		return pending()
	}
	return succeed("done")
}

func times(n uint64, mean, p95, most time.Duration) engine.Times {
	return engine.Times{Count: n, Mean: mean, P95: p95, Max: most}
}

// TestTally: of each execution it is known how long its operations took, attempts of steps without the time between
// them, and for how long it waited for what.
func TestTally(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("approval", approval)
		arn := f.start("approval", "", `{}`)
		time.Sleep(2 * time.Minute)
		answer(t, f, arn)
		f.result(arn)
		synctest.Wait()
		all := f.Figures().Tallies("approval")
		if len(all) != 1 {
			t.Fatalf("got %d tallies, want 1", len(all))
		}
		got := all[0]
		wantOperations := []engine.OperationTally{
			{Type: protocol.TypeWait, Ended: 1, Total: time.Minute,
				Times: times(1, 60*time.Second, 60*time.Second, 60*time.Second)},
			{Type: protocol.TypeCallback, Name: "approve", Ended: 1, Total: 47 * time.Second,
				Times: times(1, 47*time.Second, 47*time.Second, 47*time.Second)},
			{Type: protocol.TypeStep, Name: "charge", Ended: 1, Retries: 1, Total: 3 * time.Second,
				Times: times(2, 1500*time.Millisecond, 1902*time.Millisecond, 2*time.Second)},
		}
		if diff := cmp.Diff(wantOperations, got.Operations); diff != "" {
			t.Errorf("operations (-want +got):\n%s", diff)
		}
		waits := map[engine.Activity]time.Duration{}
		for _, w := range got.Waits {
			waits[w.For] = w.Total
		}
		if diff := cmp.Diff(map[engine.Activity]time.Duration{engine.Waiting: time.Minute, engine.Callback: 47 * time.Second,
			engine.Retrying: 10 * time.Second, engine.Queued: 0}, waits); diff != "" {
			t.Errorf("waits (-want +got):\n%s", diff)
		}
		last := got.Minutes[len(got.Minutes)-1]
		if last.Closed[protocol.ExecutionSucceeded] != 1 || last.Executions.Max != 2*time.Minute || last.Invocations.Count == 0 {
			t.Errorf("the minute in which it ended: got %+v", last)
		}
		first := got.Minutes[len(got.Minutes)-3]
		if first.Started != 1 || first.Attempts.Count != 2 {
			t.Errorf("the minute in which it began: got %+v", first)
		}
		time.Sleep(2 * time.Hour)
		for _, m := range f.Figures().Tallies("approval")[0].Minutes {
			if m.Started > 0 || m.Executions.Count > 0 {
				t.Errorf("two hours later, got %+v", m)
			}
		}
	})
}

// answer completes the callback of an execution.
func answer(t *testing.T, f *fixture, arn string) {
	t.Helper()
	e, err := f.Explain(t.Context(), arn)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range e.Reasons {
		if r.CallbackID != "" {
			if err := f.SucceedCallback(t.Context(), r.CallbackID, []byte(`"yes"`)); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("it waits for no callback: %+v", e.Reasons)
}

// TestTallyOfFailures: failures are told apart from what is tried again, and crashes of a function from both.
func TestTallyOfFailures(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		crashed := false
		f.durable("bad", func(c *call) engine.Outcome {
			if !crashed {
				crashed = true
				return crash("once")
			}
			c.slowly("1", "charge", time.Second, &protocol.ErrorObject{ErrorType: "Declined"}, 0)
			return engine.Outcome{Payload: []byte(`{"Status":"FAILED","Error":{"ErrorType":"Declined"}}`)}
		})
		f.register(engine.Function{Name: "plain", Invoker: invoker{f, func(*call) engine.Outcome { return crash("always") }}})
		f.result(f.start("bad", "", `{}`))
		if _, err := f.Call(t.Context(), &engine.InvokeRequest{Function: "plain"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		sum := func(function string) (closed, invocations, crashes uint64) {
			for _, m := range f.Figures().Tallies(function)[0].Minutes {
				closed += m.Closed[protocol.ExecutionFailed]
				invocations += m.Invocations.Count
				crashes += m.FailedInvocations
			}
			return closed, invocations, crashes
		}
		if closed, n, crashes := sum("bad"); closed != 1 || n != 2 || crashes != 1 {
			t.Errorf("got %d failed executions, %d invocations, %d crashes, want 1, 2, 1", closed, n, crashes)
		}
		if _, n, crashes := sum("plain"); n != 1 || crashes != 1 {
			t.Errorf("of a plain function got %d invocations, %d crashes, want 1, 1", n, crashes)
		}
		if o := f.Figures().Tallies("bad")[0].Operations[0]; o.Name != "charge" || o.Failed != 1 || o.Retries != 0 {
			t.Errorf("got %+v, want charge with one failure", o)
		}
	})
}

// TestTallyOfAQueue: the wait for a place begins when the invocation is wanted, and does not go on in a pause.
func TestTallyOfAQueue(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.register(engine.Function{
			Name: "slow", Timeout: time.Hour, Concurrency: 1, Durable: &engine.DurableConfig{ExecutionTimeout: 12 * time.Hour},
			Invoker: invoker{f, func(*call) engine.Outcome { time.Sleep(5 * time.Second); return succeed("") }},
		})
		var last string
		for range 3 {
			last = f.start("slow", "", `{}`)
		}
		time.Sleep(time.Second)
		if err := f.Pause(t.Context(), &engine.PauseRequest{ARN: last}); err != nil {
			t.Fatal(err)
		}
		want := engine.Load{Function: "slow", Version: "$LATEST", Running: 1, Allowed: 1, Waiting: 1}
		if diff := cmp.Diff([]engine.Load{want}, f.Figures().Loads()); diff != "" {
			t.Errorf("loads (-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour)
		if err := f.Resume(t.Context(), &engine.ResumeRequest{ARN: last}); err != nil {
			t.Fatal(err)
		}
		f.result(last)
		for _, w := range f.Figures().Tallies("slow")[0].Waits {
			if w.For == engine.Queued && (w.Total != 5*time.Second || w.Times.Count != 3) {
				t.Errorf("got %+v, want one wait of 5 s among three", w)
			}
			if w.For == engine.Paused && w.Total != time.Hour {
				t.Errorf("got %+v, want a pause of an hour", w)
			}
		}
	})
}

// TestTallyOfAFork: what a fork copies has not happened again.
func TestTallyOfAFork(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		arn := f.start("order", "", `{}`)
		f.result(arn)
		before := f.Figures().Tallies("order")[0].Operations
		fork, err := f.Fork(t.Context(), &engine.ForkRequest{ARN: arn})
		if err != nil {
			t.Fatal(err)
		}
		f.result(fork.ARN)
		synctest.Wait()
		tally := f.Figures().Tallies("order")[0]
		if diff := cmp.Diff(before, tally.Operations); diff != "" {
			t.Errorf("operations (-before +after):\n%s", diff)
		}
		if n := tally.Minutes[len(tally.Minutes)-1].Started; n != 2 {
			t.Errorf("got %d started, want 2", n)
		}
	})
}

// TestTalliesAreBounded: names that are never the same, and versions without number, do not fill the memory.
func TestTalliesAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		const operations, functions = 1000, 250
		f.durable("names", func(c *call) engine.Outcome {
			for i := range operations {
				name := strings.Map(func(digit rune) rune { return digit - '0' + 'a' }, fmt.Sprint(i)) // unlike any other
				c.slowly(fmt.Sprint(i), name, 0, nil, 0)
			}
			return succeed("")
		})
		f.result(f.start("names", "", `{}`))
		all := f.Figures().Tallies("names")[0].Operations
		var ended, others uint64
		for _, o := range all {
			ended += o.Ended
			if o.Others {
				others = o.Ended
			}
		}
		if len(all) > 301 || ended != operations || others == 0 {
			t.Errorf("got %d names for %d operations, %d of them others", len(all), ended, others)
		}
		for i := range functions {
			time.Sleep(time.Minute)
			name := fmt.Sprintf("f%03d", i)
			f.durable(name, func(c *call) engine.Outcome { return succeed("") })
			f.result(f.start(name, "", `{}`))
		}
		tallies := f.Figures().Tallies("")
		if len(tallies) != 200 || !strings.HasSuffix(tallies[199].Function, "249") || tallies[0].Function != "f050" {
			t.Errorf("got %d tallies from %s to %s, want those of the last 200", len(tallies), tallies[0].Function,
				tallies[len(tallies)-1].Function)
		}
	})
}

// TestTalliesBegin: what a new engine reads of older executions is not counted again.
func TestTalliesBegin(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		f.result(f.start("order", "", `{}`))
		f.restart()
		if got := f.Figures().Tallies(""); len(got) != 0 {
			t.Errorf("got %d tallies, want none", len(got))
		}
	})
}

// TestTallyOfAMap: the items of maps are counted by the map's name, whatever they are called, and what they do by its own.
func TestTallyOfAMap(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		context := func(id, parent, subType, name string, action protocol.Action) protocol.Update {
			return protocol.Update{ID: id, ParentID: parent, Type: protocol.TypeContext, SubType: subType, Name: name, Action: action}
		}
		f.durable("bulk", func(c *call) engine.Outcome {
			for _, batch := range []string{"orders", "refunds", ""} {
				id := "m" + batch
				c.checkpoint(context(id, "", protocol.SubTypeMap, batch, protocol.ActionStart))
				for i := range 50 {
					item, name := fmt.Sprint(id, "-", i), strings.Repeat("x", i+1) // unlike any other
					c.checkpoint(context(item, id, protocol.SubTypeMapIteration, name, protocol.ActionStart))
					c.checkpoint(protocol.Update{ID: item + "-1", ParentID: item, Type: protocol.TypeStep, Name: "charge",
						Action: protocol.ActionSucceed})
					c.checkpoint(context(item, id, protocol.SubTypeMapIteration, name, protocol.ActionSucceed))
				}
				c.checkpoint(context(id, "", protocol.SubTypeMap, batch, protocol.ActionSucceed))
			}
			return succeed("")
		})
		f.result(f.start("bulk", "", `{}`))
		synctest.Wait()
		got := map[string]uint64{}
		for _, o := range f.Figures().Tallies("bulk")[0].Operations {
			got[o.Name] += o.Ended
		}
		want := map[string]uint64{"charge": 150, "orders › item": 50, "refunds › item": 50, "item": 50,
			"orders": 1, "refunds": 1, "": 1}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
