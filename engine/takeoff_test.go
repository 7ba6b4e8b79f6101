package engine_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// What makes an execution want an invocation, and the begin of that invocation, are one commit.
func TestInvocationsBeginWithWhatWantsThem(t *testing.T) {
	callback := make(chan string, 1)
	for _, test := range []struct {
		name    string
		do      func(c *call) engine.Outcome
		outside func(f *fixture)
		want    int64 // commits
	}{
		{"start", func(c *call) engine.Outcome { return succeed("1") }, nil, 2}, // the start, the end
		{"step", func(c *call) engine.Outcome {
			c.step("1", "1")
			return succeed("1")
		}, nil, 3},
		{"timer", func(c *call) engine.Outcome { // the start, the wait, the end; the timer, the end
			if !c.wait("1", 5) {
				return pending()
			}
			return succeed("1")
		}, nil, 5},
		{"callback", func(c *call) engine.Outcome { // the start, the callback, the end; its answer, the end
			if c.op("1").ID == "" {
				c.checkpoint(protocol.Update{ID: "1", Type: protocol.TypeCallback, SubType: "Callback",
					Action: protocol.ActionStart})
				callback <- c.op("1").CallbackID
				return pending()
			}
			return succeed("1")
		}, func(f *fixture) {
			if err := f.SucceedCallback(f.t.Context(), <-callback, nil); err != nil {
				f.t.Error(err)
			}
		}, 5},
		// The start, the invoke with the child's start, the end; the child's begin and its end; the child's outcome,
		// which the child is told is known, the end.
		{"child", func(c *call) engine.Outcome {
			c.checkpoint(invokeUpdate("1", "child", "{}"))
			if c.op("1").Status != protocol.StatusSucceeded {
				return pending()
			}
			return succeed("1")
		}, nil, 8},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				var commits atomic.Int64
				f.store.Intercept(func(_ []store.Write, commit func() error) error {
					commits.Add(1)
					return commit()
				})
				f.durable("child", func(c *call) engine.Outcome { return succeed("2") })
				f.durable("f", test.do)
				synctest.Wait() // the queues have seen that nobody waits
				arn := f.start("f", "", "{}")
				if test.outside != nil {
					synctest.Wait()
					test.outside(f)
				}
				f.result(arn)
				synctest.Wait()
				if got := commits.Load(); got != test.want {
					t.Errorf("got %d commits, want %d: %s", got, test.want, f.history(arn))
				}
			})
		})
	}
}

// Who has waited longest for a place gets it, also if somebody else comes when it is free.
func TestNobodyTakesOffBeforeThoseWhoWait(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		var mu sync.Mutex
		var got []string
		f.register(engine.Function{
			Name: "f", Timeout: time.Minute, Concurrency: 1,
			Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
			Invoker: invoker{f, func(c *call) engine.Outcome {
				mu.Lock()
				got = append(got, *c.in.InitialExecutionState.Operations[0].Payload)
				mu.Unlock()
				time.Sleep(time.Second)
				return succeed("1")
			}},
		})
		synctest.Wait()
		var want []string
		for i := range 20 {
			input := fmt.Sprint(i)
			want = append(want, input)
			f.start("f", "", input)
			time.Sleep(500*time.Millisecond + time.Duration(i%3)*time.Millisecond) // some come just as a place is free
		}
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff(want, slices.Clone(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A start that seems to fail may have taken effect: then its execution runs all the same, and only once. Otherwise its
// place is free again.
func TestAmbiguousTakeoff(t *testing.T) {
	for _, effect := range []bool{false, true} {
		for _, failure := range []error{store.ErrFull, store.ErrDisk} {
			t.Run(fmt.Sprint(failure, effect), func(t *testing.T) {
				if effect && failure == store.ErrFull {
					t.Skip("a full disk keeps nothing")
				}
				inBubble(t, func(t *testing.T, f *fixture) {
					var invoked atomic.Int64
					f.register(engine.Function{
						Name: "f", Timeout: time.Minute, Concurrency: 1,
						Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
						Invoker: invoker{f, func(c *call) engine.Outcome {
							invoked.Add(1)
							return succeed("1")
						}},
					})
					synctest.Wait()
					f.store.Intercept(func(_ []store.Write, commit func() error) error {
						if effect {
							commit()
						}
						return failure
					})
					if _, err := f.Start(t.Context(), &engine.InvokeRequest{Function: "f"}); err == nil {
						t.Fatal("got no error")
					}
					f.store.Intercept(nil)
					time.Sleep(time.Minute)
					want := int64(0)
					if effect {
						want = 1
					}
					if got := invoked.Load(); got != want {
						t.Errorf("got %d invocations, want %d", got, want)
					}
					if got := f.Running(); got != 0 {
						t.Errorf("got %d invocations under way, want none", got)
					}
					f.result(f.start("f", "", "{}")) // the only place is free
				})
			})
		}
	}
}
