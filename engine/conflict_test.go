package engine_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
	"github.com/perdure/perdure/telemetry"
)

// TestEffectsHappenOnceAfterAConflict: whatever an execution is asked or told,
// another writer may be first, and the input is applied again. What it does
// besides (invocations, answers, what is counted, traced and told) is what it
// does without a conflict.
func TestEffectsHappenOnceAfterAConflict(t *testing.T) {
	for _, op := range steered {
		t.Run(op.name, func(t *testing.T) {
			want, _ := effects(t, op.do, false)
			got, conflicts := effects(t, op.do, true)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("with conflicts (-without +with):\n%s", diff)
			}
			if conflicts < 3 { // the start of an invocation, its checkpoint and what was done
				t.Errorf("got %d conflicts: the test does not test", conflicts)
			}
		})
	}
}

// steered are the ways to interfere with an execution that waits for a callback
// and a moment. Each returns what the engine answered.
var steered = []struct {
	name string
	do   func(f *fixture, arn, callback string) any
}{
	{"nothing", func(*fixture, string, string) any { return nil }},
	{"SucceedCallback", func(f *fixture, _, id string) any { return f.SucceedCallback(f.t.Context(), id, []byte(`1`)) }},
	{"FailCallback", func(f *fixture, _, id string) any { return f.FailCallback(f.t.Context(), id, nil) }},
	{"HeartbeatCallback", func(f *fixture, _, id string) any { return f.HeartbeatCallback(f.t.Context(), id) }},
	{"Pause and Resume", func(f *fixture, arn, _ string) any {
		paused := f.Pause(f.t.Context(), &engine.PauseRequest{ARN: arn})
		return []any{paused, f.Resume(f.t.Context(), &engine.ResumeRequest{ARN: arn})}
	}},
	{"Skip", func(f *fixture, arn, _ string) any {
		skipped, err := f.Skip(f.t.Context(), &engine.SkipRequest{ARN: arn, All: true})
		return []any{len(skipped), err}
	}},
	{"Stop", func(f *fixture, arn, _ string) any {
		at, err := f.Stop(f.t.Context(), &engine.StopRequest{ARN: arn})
		return []any{at, err}
	}},
	{"Stop and Delete", func(f *fixture, arn, _ string) any {
		_, stopped := f.Stop(f.t.Context(), &engine.StopRequest{ARN: arn})
		synctest.Wait()
		at, err := f.Delete(f.t.Context(), arn)
		return []any{stopped, at, err}
	}},
	{"refusal", func(f *fixture, arn, _ string) any {
		_, err := f.Delete(f.t.Context(), arn)
		return err.Error()[:20]
	}},
}

// effects runs an execution that does a bit of everything, and returns what it
// did besides being recorded.
func effects(t *testing.T, do func(f *fixture, arn, callback string) any, conflict bool) (seen []string, conflicts int) {
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, store: memstore.New()}
		told, ended := &shelf{}, &recorder{}
		f.opts.Telemetry = &engine.Telemetry{Sink: told, Config: telemetry.Config{Emit: telemetry.OnComplete}}
		f.opts.Tracer = ended
		var lost atomic.Int64
		if conflict {
			f.store.Intercept(firstLoses(&lost))
		}
		f.open()
		defer f.close()
		var invoked, called atomic.Int64
		f.durable("child", func(c *call) engine.Outcome {
			time.Sleep(2 * time.Second) // each thing at a time of its own
			return succeed("1")
		})
		f.register(engine.Function{Name: "plain", Timeout: time.Minute, Invoker: invoker{f, func(*call) engine.Outcome {
			called.Add(1)
			time.Sleep(time.Second)
			return engine.Outcome{Payload: []byte(`2`)}
		}}})
		callbackID := ""
		f.durable("parent", func(c *call) engine.Outcome {
			invoked.Add(1)
			if c.op("cb").ID == "" {
				c.checkpoint(invokeUpdate("child", "child", "{}"), invokeUpdate("plain", "plain", "{}"),
					protocol.Update{ID: "cb", Type: protocol.TypeCallback, SubType: "Callback", Action: protocol.ActionStart})
				callbackID = c.op("cb").CallbackID
			}
			c.step("step", "1")
			if !c.wait("wait", 60) || c.op("cb").Status == protocol.StatusStarted {
				return pending()
			}
			return succeed("3")
		})
		arn := f.start("parent", "", "{}")
		time.Sleep(5 * time.Second)
		synctest.Wait() // the callback has its id
		seen = append(seen, fmt.Sprintf("answered %v", do(f, arn, callbackID)))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if d, err := f.Describe(t.Context(), arn); err == nil {
			seen = append(seen, string(d.Status), f.history(arn))
		}
		s := f.Stats()
		seen = append(seen, fmt.Sprintf("invoked %d, called %d, told %d", invoked.Load(), called.Load(), len(told.all())),
			fmt.Sprint("started ", s.Started), fmt.Sprint("closed ", s.Closed), fmt.Sprint("events ", s.Events),
			fmt.Sprint("invocations ", s.Invocations), fmt.Sprint("calls ", s.Calls, ", traced ", len(ended.ended)))
		conflicts = int(lost.Load())
	})
	return seen, conflicts
}

// firstLoses lets each entry but the first of an execution be refused once, as
// if somebody else had been first and had withdrawn.
func firstLoses(lost *atomic.Int64) memstore.Interceptor {
	var mu sync.Mutex
	tried := map[string]bool{}
	return func(writes []store.Write, commit func() error) error {
		mu.Lock()
		place := fmt.Sprint(writes[0].ID, writes[0].Entry.Seq)
		again := tried[place]
		tried[place] = true
		mu.Unlock()
		if writes[0].Entry.Seq == 1 || again {
			return commit()
		}
		lost.Add(1)
		return store.ErrConflict
	}
}
