package engine_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// inits are the cold starts of an execution's invocations, in order.
func (f *fixture) inits(arn string) (all []time.Duration) {
	f.t.Helper()
	for ev, err := range f.Events(f.t.Context(), arn, 0) {
		if err != nil {
			f.t.Fatal(err)
		}
		if ev.Type == protocol.EventInvocationCompleted {
			all = append(all, ev.Init)
		}
	}
	return all
}

// cold is an outcome after a process had to start for it.
func cold(out engine.Outcome, took time.Duration) engine.Outcome {
	time.Sleep(took)
	out.Init = took
	return out
}

// TestColdStartsAreRecorded: however the invocation ended, and wherever the execution goes.
func TestColdStartsAreRecorded(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		calls := 0
		f.durable("slow", func(c *call) engine.Outcome {
			calls++
			switch calls {
			case 1:
				return cold(crash("no database"), 1500*time.Millisecond)
			case 2: // what is not a whole millisecond counts as one
				time.Sleep(time.Second)
				return engine.Outcome{Unstarted: true, Init: 300 * time.Microsecond,
					Error: &protocol.ErrorObject{ErrorType: protocol.ErrorTypeSandboxFailure}}
			case 3:
				c.wait("1", 5)
				return pending()
			}
			time.Sleep(20 * time.Millisecond) // which is all that it took, whatever somebody measured
			return engine.Outcome{Payload: succeed("").Payload, Init: time.Hour}
		})
		arn := f.start("slow", "", `{}`)
		f.result(arn)
		want := []time.Duration{1500 * time.Millisecond, time.Millisecond, 0, 20 * time.Millisecond}
		if diff := cmp.Diff(want, f.inits(arn)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		f.restart()
		file := f.export(arn)
		other := f.elsewhere(engine.Options{})
		defer other.close()
		if _, err := other.Import(t.Context(), bytes.NewReader(file), &engine.ImportRequest{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, other.inits(arn)); diff != "" {
			t.Errorf("imported (-want +got):\n%s", diff)
		}
	})
}

// TestColdStartsAreCounted: those of executions, and those of calls.
func TestColdStartsAreCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		first := true
		answer := func(*call) engine.Outcome {
			if first {
				first = false
				return cold(succeed(""), 40*time.Millisecond)
			}
			return succeed("")
		}
		f.durable("slow", answer)
		f.register(engine.Function{Name: "plain", Invoker: invoker{f, answer}})
		for range 3 {
			f.result(f.start("slow", "", `{}`))
		}
		first = true
		for range 2 {
			if _, err := f.Call(t.Context(), &engine.InvokeRequest{Function: "plain"}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		for _, function := range []string{"slow", "plain"} {
			minutes := f.Figures().Tallies(function)[0].Minutes
			want := engine.Cold{Count: 1, Total: 40 * time.Millisecond, Most: 40 * time.Millisecond}
			if diff := cmp.Diff(want, minutes[len(minutes)-1].ColdStarts); diff != "" {
				t.Errorf("%s (-want +got):\n%s", function, diff)
			}
		}
	})
}
