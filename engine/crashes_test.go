package engine_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// The function's limit counts before the engine's, and the engine's for those
// that have none. Crashes within a step, outside of steps, timeouts and bad
// answers are all failures.
func TestCrashLimits(t *testing.T) {
	for name, test := range map[string]struct {
		engine, function engine.CrashLimit
		invocations      int
		status           protocol.ExecutionStatus
	}{
		"none":                        {engine.CrashLimit{}, engine.CrashLimit{}, 40, protocol.ExecutionRunning},
		"the engine's":                {engine.CrashLimit{Max: 3}, engine.CrashLimit{}, 3, protocol.ExecutionFailed},
		"the function's":              {engine.CrashLimit{Max: 3}, engine.CrashLimit{Max: 5, Pause: true}, 5, protocol.ExecutionPaused},
		"none, says the function":     {engine.CrashLimit{Max: 3}, engine.CrashLimit{Max: -1}, 40, protocol.ExecutionRunning},
		"a pause by the engine's":     {engine.CrashLimit{Max: 1, Pause: true}, engine.CrashLimit{}, 1, protocol.ExecutionPaused},
		"a failure by the function's": {engine.CrashLimit{Max: 1, Pause: true}, engine.CrashLimit{Max: 2}, 2, protocol.ExecutionFailed},
	} {
		for how, body := range map[string]func(c *call) engine.Outcome{
			"outside of steps": func(*call) engine.Outcome { return crash("outside") },
			"in a step": func(c *call) engine.Outcome {
				if c.op("s").ID == "" { // not in a later invocation: that is no progress
					c.checkpoint(protocol.Update{ID: "s", Type: protocol.TypeStep, Action: protocol.ActionStart})
				}
				return crash("inside")
			},
			"too slow": func(c *call) engine.Outcome {
				time.Sleep(time.Second)
				return engine.Outcome{Error: &protocol.ErrorObject{ErrorType: protocol.ErrorTypeTimedOut}}
			},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				inBubble(t, func(t *testing.T, f *fixture) {
					f.close()
					f.opts.Crashes = test.engine
					f.open()
					n := 0
					f.register(engine.Function{Name: "shop", Timeout: time.Minute,
						Invoker: invoker{f, func(c *call) engine.Outcome { n++; return body(c) }},
						Durable: &engine.DurableConfig{ExecutionTimeout: 48 * time.Hour, RetentionDays: 7, Crashes: test.function}})
					arn := f.start("shop", "", "{}")
					time.Sleep(50 * time.Minute)
					d, err := f.Describe(t.Context(), arn)
					if err != nil || d.Status != test.status {
						t.Fatalf("got %+v, %v; want %s", d, err, test.status)
					}
					if goesOn := test.status == protocol.ExecutionRunning; n < test.invocations || !goesOn && n > test.invocations {
						t.Errorf("got %d invocations, want %d", n, test.invocations)
					}
					if d.Status == protocol.ExecutionPaused && (d.Pause.By != engine.ByCrashLimit || d.Pause.Reason == nil) {
						t.Errorf("got %+v, want the pause to say why", d.Pause)
					}
					f.stop(&engine.StopRequest{ARN: arn})
				})
			})
		}
	}
}

// A list says of what crashed what explanations say: the request's id means nothing there, and takes the room.
func TestListsLeaveOutRequestIDs(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.register(engine.Function{Name: "shop", Timeout: time.Minute,
			Invoker: invoker{f, func(*call) engine.Outcome { return crash("RequestId: 1-2 Error: exit status 1") }},
			Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour, Crashes: engine.CrashLimit{Max: 1}}})
		f.start("shop", "", "{}")
		synctest.Wait()
		items, _, err := f.List(t.Context(), &engine.ListRequest{})
		if want := "exit status 1"; err != nil || len(items) != 1 || items[0].Message != want {
			t.Errorf("got %+v, %v; want the message %q", items, err, want)
		}
	})
}

// What was paused at the limit goes on when the function is mended.
func TestMendedAfterTheCrashLimit(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		mended := false
		f.register(engine.Function{Name: "shop", Timeout: time.Minute,
			Invoker: invoker{f, func(*call) engine.Outcome {
				if !mended {
					return crash("still broken")
				}
				return succeed("1")
			}},
			Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour, Crashes: engine.CrashLimit{Max: 2, Pause: true}}})
		arn := f.start("shop", "", "{}")
		time.Sleep(48 * time.Hour) // the timeout waits, too
		x, err := f.Explain(t.Context(), arn)
		const want = "paused for 2d by the limit of crashes: 2 invocations in a row failed, the last with " +
			"Runtime.ExitError: still broken"
		if err != nil || x.Text != want {
			t.Errorf("got %q, %v, want %s", x.Text, err, want)
		}
		mended = true
		if err := f.Resume(t.Context(), &engine.ResumeRequest{ARN: arn}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if r := f.result(arn); r.Status != protocol.ExecutionSucceeded || time.Since(began) != 0 {
			t.Errorf("got %s after %v, want SUCCEEDED at once", r.Status, time.Since(began))
		}
	})
}

func TestCrashLimitText(t *testing.T) {
	for text, want := range map[string]engine.CrashLimit{
		"9": {Max: 9}, "9:fail": {Max: 9}, "1:pause": {Max: 1, Pause: true}, "0": {Max: -1}, "1000000": {Max: 1_000_000},
	} {
		var got engine.CrashLimit
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", text, got, err, want)
		}
		again := engine.CrashLimit{}
		written, err := got.MarshalText()
		if err != nil || again.UnmarshalText(written) != nil || again != want {
			t.Errorf("%s is written as %s", text, written)
		}
	}
	for _, text := range []string{"", "x", "-1", "9:stop", "9:", "0:pause", "1000001", "9 :pause", strings.Repeat("9", 10_000)} {
		var got engine.CrashLimit
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%.20q is taken for %+v", text, got)
		}
	}
}
