package durable_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

// job is a state that is more than a number.
type job struct {
	Status string
	Polls  int
}

// polling is a handler that waits for a job, and then a second, so that it
// replays.
func polling(svc *service, check func(context.Context, job) (job, bool, error), look func(job, error), opts ...durable.ConditionOption) *durable.Handler {
	return durable.NewHandler(func(ctx durable.Context, _ any) (job, error) {
		j, err := durable.WaitForCondition(ctx, "job", job{Status: "PENDING"}, check, opts...)
		look(j, err)
		if err := durable.Wait(ctx, "pause", time.Second); err != nil {
			return job{}, err
		}
		return j, err
	}, durable.WithClient(svc), durable.WithErrors(durable.ErrorType[*cardDeclined]("CardDeclined")))
}

func TestWaitForCondition(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		var asked []string
		check := func(ctx context.Context, j job) (job, bool, error) {
			asked = append(asked, fmt.Sprint(durable.Attempt(ctx), " ", j.Polls))
			j.Polls++
			if j.Polls == 3 {
				j.Status = "DONE"
			}
			return j, j.Status == "DONE", nil
		}
		h := polling(svc, check, func(j job, err error) {
			if j != (job{"DONE", 3}) || err != nil {
				t.Errorf("got %+v, %v", j, err)
			}
		}, durable.WithPolling(retry.Fixed(5, 2*time.Second)))
		start := time.Now()
		if out := svc.run(h); out.result() != `{"Status":"DONE","Polls":3}` || time.Since(start) != 5*time.Second {
			t.Errorf("got %s %s after %v, want 5s", out.result(), out.errorText(), time.Since(start))
		}
		if diff := cmp.Diff([]string{"1 0", "2 1", "3 2"}, asked); diff != "" {
			t.Errorf("attempt and state of each call (-want +got):\n%s", diff)
		}
		want := []string{
			"StepStarted job", "StepSucceeded job", "StepStarted job", "StepSucceeded job", "StepStarted job", "StepSucceeded job",
			"WaitStarted pause", "WaitSucceeded pause",
		}
		if diff := cmp.Diff(want, svc.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if op := svc.ops[0]; op.SubType != protocol.SubTypeWaitForCondition || len(svc.calls) != 4 {
			t.Errorf("subtype %q, %d checkpoints; want WaitForCondition, one a call and one for the wait", op.SubType, len(svc.calls))
		}
	})
}

func TestWaitForConditionFails(t *testing.T) {
	count := func(_ context.Context, j job) (job, bool, error) { j.Polls++; return j, false, nil }
	for want, test := range map[string]struct {
		check  func(context.Context, job) (job, bool, error)
		isDone error
		card   bool
	}{
		`waiting for condition "job" ended at attempt 3: the condition was not met`: {check: count, isDone: durable.ErrConditionNotMet},
		`waiting for condition "job" ended at attempt 1: declined with 4`: {check: func(context.Context, job) (job, bool, error) {
			return job{}, true, &cardDeclined{Code: 4}
		}, card: true},
		`waiting for condition "job" ended at attempt 1: panic: boom`: {check: func(context.Context, job) (job, bool, error) { panic("boom") }},
		`waiting for condition "job" ended at attempt 1: perdure: the state of durable.WaitForCondition "job" is 1048609 bytes long, over the limit of 1048576; store it elsewhere and return a reference`: {
			check: func(context.Context, job) (job, bool, error) {
				return job{Status: strings.Repeat("x", protocol.MaxPayload+10)}, false, nil
			},
		},
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				seen := 0
				svc.run(polling(svc, test.check, func(_ job, err error) {
					seen++
					_, isCondition := durable.Failed(err, protocol.SubTypeWaitForCondition)
					var card *cardDeclined
					if !isCondition || err.Error() != want || test.isDone != nil && !errors.Is(err, test.isDone) || errors.As(err, &card) != test.card {
						t.Errorf("got %v, want a WaitForConditionError %q", err, want)
					}
				}, durable.WithPolling(retry.Fixed(3, time.Second))))
				if seen != 2 {
					t.Errorf("the handler saw it %d times, want 2", seen)
				}
			})
		})
	}
}

// A call that was interrupted is made again from the state that it began with.
func TestWaitForConditionInterrupted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		var asked []int
		ctx, crash := context.WithCancel(t.Context())
		check := func(_ context.Context, j job) (job, bool, error) {
			asked = append(asked, j.Polls)
			if len(asked) == 2 {
				time.Sleep(time.Second) // START is recorded meanwhile
				crash()
			}
			j.Polls++
			return j, j.Polls == 3, nil
		}
		h := polling(svc, check, func(job, error) {}, durable.WithPolling(retry.Fixed(9, time.Second)))
		if _, err := svc.invoke(h); err != nil {
			t.Fatal(err)
		}
		svc.sleep()
		if _, err := svc.invokeWith(ctx, h); err == nil {
			t.Fatal("the interrupted invocation ended well")
		}
		if out := svc.run(h); !strings.Contains(out.result(), `"Polls":3`) {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
		if diff := cmp.Diff([]int{0, 1, 1, 2}, asked); diff != "" {
			t.Errorf("state of each call (-want +got):\n%s", diff)
		}
	})
}

func TestWaitForConditionSerdes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
			return durable.WaitForCondition(ctx, "", "", func(_ context.Context, s string) (string, bool, error) {
				return s + "x", len(s) == 1, nil
			}, durable.WithSerdes(upper{}))
		}, durable.WithClient(svc))
		if out := svc.run(h); out.result() != `"XX"` || *svc.ops[0].Payload != "XX" {
			t.Errorf("got %s %s, recorded %s, want XX", out.result(), out.errorText(), *svc.ops[0].Payload)
		}
	})
}

// The delays of the default policy, without jitter.
func TestPollPolicyDelays(t *testing.T) {
	delaysOf := func(p retry.Policy) (delays []int64) {
		bubble(t, func(t *testing.T) {
			svc := newService(t, `{}`)
			svc.skip = true
			svc.run(polling(svc, func(_ context.Context, j job) (job, bool, error) { return j, false, nil },
				func(job, error) {}, durable.WithPolling(p)))
			for _, call := range svc.calls {
				for _, u := range call {
					if u.StepOptions != nil {
						delays = append(delays, u.StepOptions.NextAttemptDelaySeconds)
					}
				}
			}
		})
		return delays
	}
	got := delaysOf(retry.Policy{Jitter: retry.NoJitter})
	want := []int64{5, 8, 11, 17, 25, 38, 57, 85, 128, 192, 288, 300}
	if diff := cmp.Diff(want, got[:len(want)]); diff != "" || len(got) != 59 {
		t.Errorf("%d delays, want 59; (-want +got):\n%s", len(got), diff)
	}
	decide := retry.Policy{Decide: func(_ error, n int) (time.Duration, bool) { return time.Duration(n-1) * time.Minute, n < 4 }}
	if diff := cmp.Diff([]int64{1, 60, 120}, delaysOf(decide)); diff != "" {
		t.Errorf("delays of Decide (-want +got):\n%s", diff)
	}
}

func TestWaitForConditionBadInput(t *testing.T) {
	check := func(_ context.Context, n int) (int, bool, error) { return n, true, nil }
	with := func(p retry.Policy) func(durable.Context) error {
		return func(ctx durable.Context) error {
			_, err := durable.WaitForCondition(ctx, "x", 0, check, durable.WithPolling(p))
			return err
		}
	}
	for want, call := range map[string]func(durable.Context) error{
		"the function is nil": func(ctx durable.Context) error { _, err := durable.WaitForCondition(ctx, "x", 0, nil); return err },
		"an option is nil": func(ctx durable.Context) error {
			_, err := durable.WaitForCondition(ctx, "x", 0, check, nil)
			return err
		},
		"retry.Policy.MaxAttempts is -1": with(retry.Policy{MaxAttempts: -1}),
		"negative duration":              with(retry.Policy{Delay: -1}),
		"Multiplier is NaN":              with(retry.Policy{Multiplier: math.NaN()}),
		"Jitter is 7":                    with(retry.Policy{Jitter: 7}),
	} {
		refusedAtTheCall(t, "durable.WaitForCondition", want, call)
	}
}

// A panic of the policy is a bug in the workflow, not a failed condition.
func TestPollPolicyPanics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		out := svc.run(polling(svc, func(_ context.Context, j job) (job, bool, error) { return j, false, nil }, func(job, error) {},
			durable.WithPolling(retry.Policy{Decide: func(error, int) (time.Duration, bool) { panic("boom") }})))
		if want := `the poll policy of durable.WaitForCondition "job": panic: boom`; !strings.Contains(out.errorText(), want) {
			t.Errorf("got %q, want %q", out.errorText(), want)
		}
	})
}

func TestWaitForConditionNonDeterminism(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		runs := 0
		out := svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
			if runs++; runs > 1 {
				return durable.Step(ctx, "c", func(context.Context) (int, error) { return 1, nil })
			}
			return durable.WaitForCondition(ctx, "c", 0, func(context.Context, int) (int, bool, error) { return 0, false, nil })
		}, durable.WithClient(svc)))
		if want := `recorded STEP/WaitForCondition "c", but the code now does STEP/Step "c"`; !strings.Contains(out.errorText(), want) {
			t.Errorf("got %q, want %q", out.errorText(), want)
		}
	})
}

// A job on another system is asked for until it is done.
func ExampleWaitForCondition() {
	svc := simulated(`{}`)
	status := []string{"queued", "running", "done"}
	handler := func(ctx durable.Context, _ struct{}) (int, error) {
		return durable.WaitForCondition(ctx, "job", 0, func(ctx context.Context, polls int) (int, bool, error) {
			fmt.Println(status[polls])
			return polls + 1, status[polls] == "done", nil
		}, durable.WithPolling(retry.Policy{Delay: time.Minute, MaxDelay: time.Hour}))
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output:
	// queued
	// running
	// done
	// succeeded: 3
}
