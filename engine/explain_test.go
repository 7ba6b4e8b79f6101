package engine_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
)

// why explains an execution in one line.
func (f *fixture) why(arn string) string {
	f.t.Helper()
	x, err := f.Explain(f.t.Context(), arn)
	if err != nil {
		f.t.Fatal(err)
	}
	return x.Text
}

func TestExplain(t *testing.T) {
	start := protocol.Update{ID: "1", Name: "charge", Action: protocol.ActionStart}
	with := func(change func(*protocol.Update)) func(*call) engine.Outcome {
		return func(c *call) engine.Outcome {
			u := start
			change(&u)
			c.checkpoint(u)
			return pending()
		}
	}
	retry := func(c *call) engine.Outcome {
		c.checkpoint(protocol.Update{
			ID: "1", Name: "charge", Type: protocol.TypeStep, Action: protocol.ActionRetry,
			Error: &protocol.ErrorObject{ErrorType: "Declined",
				ErrorMessage: "card\ndeclined"}, StepOptions: &protocol.StepOptions{NextAttemptDelaySeconds: 60},
		})
		return pending()
	}
	hang := func(c *call) engine.Outcome {
		<-c.ctx.Done()
		return crash("hung")
	}
	for _, test := range []struct {
		name   string
		handle func(*call) engine.Outcome
		after  time.Duration
		want   string
	}{
		{"closed", func(*call) engine.Outcome { return succeed("1") }, 0, "closed: SUCCEEDED"},
		{"failed", func(*call) engine.Outcome {
			return engine.Outcome{Payload: []byte(`{"Status":"FAILED","Error":{"ErrorType":"Declined","ErrorMessage":"no\n money"}}`)}
		}, 0, "closed: FAILED: Declined: no money"},
		{"running", hang, 4 * time.Second, "invocation 1 running for 4s, times out in 56s"},
		{"running in a step", func(c *call) engine.Outcome {
			u := start
			u.Type = protocol.TypeStep
			time.Sleep(time.Second)
			c.checkpoint(u)
			return hang(c)
		}, 4 * time.Second, "invocation 1 running for 4s, times out in 56s; in step charge for 3s"},
		{"callback", with(func(u *protocol.Update) { u.Type = protocol.TypeCallback }), 2 * time.Minute,
			"waits for callback charge for 2m"},
		{"callback with timeout", with(func(u *protocol.Update) {
			u.Type, u.CallbackOptions = protocol.TypeCallback, &protocol.CallbackOptions{TimeoutSeconds: 3600}
		}), 5 * time.Minute, "waits for callback charge for 5m, times out in 55m"},
		{"callback with heartbeat", with(func(u *protocol.Update) {
			u.Type, u.CallbackOptions = protocol.TypeCallback, &protocol.CallbackOptions{HeartbeatTimeoutSeconds: 600}
		}), 5 * time.Minute, "waits for callback charge for 5m, times out in 5m unless a heartbeat comes"},
		{"callback with both", with(func(u *protocol.Update) {
			u.Type, u.CallbackOptions = protocol.TypeCallback, &protocol.CallbackOptions{TimeoutSeconds: 3600, HeartbeatTimeoutSeconds: 600}
		}), 5 * time.Minute, "waits for callback charge for 5m, times out in 5m unless a heartbeat comes, and in 55m in any case"},
		{"callback whose timeout comes before its heartbeat", with(func(u *protocol.Update) {
			u.Type, u.CallbackOptions = protocol.TypeCallback, &protocol.CallbackOptions{TimeoutSeconds: 600, HeartbeatTimeoutSeconds: 3600}
		}), 5 * time.Minute, "waits for callback charge for 5m, times out in 5m"},
		{"wait", with(func(u *protocol.Update) {
			u.Type, u.WaitOptions = protocol.TypeWait, &protocol.WaitOptions{WaitSeconds: 600}
		}), time.Minute, "wait charge ends in 9m"},
		{"retry", retry, 10 * time.Second, "step charge failed once; attempt 2 in 50s: Declined: card declined"},
		{"second retry", retry, 70 * time.Second, "step charge failed 2 times; attempt 3 in 50s: Declined: card declined"},
		{"poll", with(func(u *protocol.Update) {
			u.Type, u.Action, u.StepOptions = protocol.TypeStep, protocol.ActionRetry, &protocol.StepOptions{NextAttemptDelaySeconds: 60}
		}), 0, "step charge has looked once, looks again in 1m"},
		{"plain function", with(func(u *protocol.Update) {
			u.Type, u.ChainedInvokeOptions = protocol.TypeChainedInvoke, &protocol.ChainedInvokeOptions{FunctionName: "plain"}
		}), 3 * time.Second, "waits for function plain for 3s"},
		{"forgotten", func(c *call) engine.Outcome {
			u := start
			u.Type = protocol.TypeStep
			c.checkpoint(u)
			return pending()
		}, time.Second, "its function ended without waiting for anything; it is invoked again in 59s"},
		{"out of reach", func(*call) engine.Outcome {
			return engine.Outcome{Unstarted: true, Error: &protocol.ErrorObject{ErrorType: "Sandbox.Failure", ErrorMessage: "no such file"}}
		}, 10 * time.Second, "7 invocations in a row did not reach the function (Sandbox.Failure: no such file); next try in 3s"},
		{"crashing", func(*call) engine.Outcome { return crash("RequestId: 1-2 Error: exit status 1") }, 0,
			"the last invocation failed (Runtime.ExitError: exit status 1); next try in 1s"},
		{"crashing for long", func(*call) engine.Outcome { return crash("exit status 1") }, 4 * time.Second,
			"3 invocations in a row failed (Runtime.ExitError: exit status 1); next try in …"}, // with jitter
		{"many things", func(c *call) engine.Outcome {
			for _, id := range strings.Split("abcdef", "") {
				c.checkpoint(protocol.Update{ID: id, Type: protocol.TypeCallback, Action: protocol.ActionStart})
			}
			return pending()
		}, 0, "waits for callback a for 0s; waits for callback b for 0s; waits for callback c for 0s; and 3 more"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				f.durable("order", test.handle)
				f.register(engine.Function{Name: "plain", Timeout: time.Minute, Invoker: invoker{f, hang}})
				arn := f.start("order", "", "")
				time.Sleep(test.after)
				synctest.Wait()
				want, open := strings.CutSuffix(test.want, "…")
				if got := f.why(arn); got != want && !(open && strings.HasPrefix(got, want)) {
					t.Errorf("got  %s\nwant %s", got, test.want)
				}
			})
		})
	}
}

// Progress counts operations, and of contexts only those that are empty.
func TestExplainCountsOperations(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("f", func(c *call) engine.Outcome {
			op := func(id, parent string, typ protocol.OperationType, action protocol.Action) protocol.Update {
				return protocol.Update{ID: id, ParentID: parent, Type: typ, Action: action}
			}
			c.checkpoint(
				op("1", "", protocol.TypeStep, protocol.ActionSucceed),
				op("2", "", protocol.TypeContext, protocol.ActionStart), op("2-1", "2", protocol.TypeStep, protocol.ActionSucceed),
				op("2-2", "2", protocol.TypeCallback, protocol.ActionStart), op("3", "", protocol.TypeContext, protocol.ActionStart))
			return pending()
		})
		arn := f.start("f", "x", "")
		synctest.Wait()
		for _, when := range []string{"at work", "stopped"} {
			x, err := f.Explain(t.Context(), arn)
			if err != nil || x.Ended != 2 && when == "at work" || x.Begun != 4 {
				t.Errorf("%s: got %d of %d, %v, want 2 of 4", when, x.Ended, x.Begun, err)
			}
			if _, err := f.Stop(t.Context(), &engine.StopRequest{ARN: arn}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestExplainTheQueue(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.register(engine.Function{
			Name: "narrow", Concurrency: 1, Timeout: time.Minute, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
			Invoker: invoker{f, func(c *call) engine.Outcome { <-c.ctx.Done(); return crash("hung") }},
		})
		f.start("narrow", "first", "")
		synctest.Wait()
		arn := f.start("narrow", "second", "")
		time.Sleep(3 * time.Second)
		want := "has waited for a place for 3s: function narrow runs 1 invocation, as many as it may at one time"
		if got := f.why(arn); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		f.funcs = nil
		f.restart()
		if got, want := f.why(arn), "function narrow is not registered"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// Calls of plain functions say what they wait for until they are made.
func TestExplainCalls(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", func(c *call) engine.Outcome {
			c.checkpoint(protocol.Update{
				ID: "1", Type: protocol.TypeChainedInvoke, Action: protocol.ActionStart,
				ChainedInvokeOptions: &protocol.ChainedInvokeOptions{FunctionName: "plain"},
			})
			return pending()
		})
		hang := func(c *call) engine.Outcome { <-c.ctx.Done(); return crash("hung") }
		f.register(engine.Function{Name: "plain", Concurrency: 1, Timeout: time.Minute, Invoker: invoker{f, hang}})
		first, second := f.start("order", "", ""), ""
		synctest.Wait()
		second = f.start("order", "", "")
		time.Sleep(time.Second)
		want := func(arn, want string) {
			t.Helper()
			if got := f.why(arn); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		want(first, "waits for function plain for 1s")
		want(second, "waits for function plain for 1s, which runs 1 invocation, as many as it may at one time")
		f.funcs = f.funcs[:1]
		f.restart()
		time.Sleep(time.Second)
		want(second, "waits for function plain for 2s, which is not registered")
		f.register(engine.Function{Name: "plain", Concurrency: 1, Timeout: time.Minute, Invoker: never{}})
		f.register(engine.Function{Name: "away", Timeout: time.Minute,
			Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}, Invoker: never{}})
		away := f.start("away", "", "")
		time.Sleep(time.Second)
		want(second, "waits for function plain for 3s, of which nothing is there that runs it")
		want(away, "has waited for 1s for function away: nothing is there that runs it")
	})
}

// A wait that is over and that nobody has looked at says so.
func TestExplainABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, store: memstore.New()}
		last := sleeping(2999, "gone", 5)
		f.crowd(3000, func(i int) store.Write { return sleeping(i, "gone", 5) })
		f.store.Intercept(slowly)
		f.open()
		defer f.close()
		if got, want := f.why(last.Row.ARN), "wait 3 ends now, 59m55s late: the engine is behind"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		time.Sleep(time.Minute)
		if got, want := f.why(last.Row.ARN), "function gone is not registered"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// What a chained invoke waits for is followed.
func TestExplainTheChain(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("child", func(c *call) engine.Outcome {
			c.checkpoint(protocol.Update{ID: "1", Name: "approve", Type: protocol.TypeCallback, Action: protocol.ActionStart})
			return pending()
		})
		f.durable("parent", func(c *call) engine.Outcome {
			c.checkpoint(protocol.Update{
				ID: "1", Type: protocol.TypeChainedInvoke, Action: protocol.ActionStart,
				ChainedInvokeOptions: &protocol.ChainedInvokeOptions{FunctionName: "child"},
			})
			return pending()
		})
		arn := f.start("parent", "", "")
		time.Sleep(3 * time.Second)
		got := f.why(arn)
		if !strings.HasPrefix(got, "waits for execution ") || !strings.HasSuffix(got,
			" of child for 3s: waits for callback approve for 3s") {
			t.Errorf("got %s", got)
		}
	})
}

func TestExplainPauses(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", waitFor)
		arn := f.start("order", "call", "")
		synctest.Wait()
		reason := "holiday"
		if err := f.Pause(t.Context(), &engine.PauseRequest{ARN: arn, Reason: &reason}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if got, want := f.why(arn), "paused for 1h: holiday; waits for callback 1 for 1h"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		busy := f.start("order", "hang", "")
		synctest.Wait()
		if err := f.Pause(t.Context(), &engine.PauseRequest{ARN: busy}); err != nil {
			t.Fatal(err)
		}
		want := "pauses when its invocation checkpoints or ends; invocation 1 running for 0s, times out in 1m"
		if got := f.why(busy); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func TestExplainUnknown(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		_, err := f.Explain(t.Context(), "arn:aws:lambda:us-east-1:000000000000:function:f:1/"+
			"durable-execution/n/01980000-0000-7000-8000-000000000000")
		if refused, ok := err.(*protocol.Error); !ok || refused.Code != protocol.CodeNotFound {
			t.Errorf("got %v, want that there is none", err)
		}
	})
}
