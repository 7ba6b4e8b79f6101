package durabletest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/durabletest"
)

type ticket struct{ Seat int }

// fare is what a step without a stub would do.
func fare(context.Context) (*ticket, error) { return &ticket{Seat: 1}, nil }

// buy has one step.
func buy(ctx durable.Context, _ any) (*ticket, error) {
	return durable.Step(ctx, "buy", fare, durable.WithRetry(retry.Fixed(4, time.Minute)), durable.WithTimeout(10*time.Minute))
}

func TestStubStep(t *testing.T) {
	busy := &durable.RecordedError{Type: "Busy", Message: "call again"}
	type outcome struct {
		Seat        int
		Failure     string // of the execution
		Attempts    int
		Invocations int
	}
	tests := []struct {
		name string
		stub func(*durabletest.Stubbed)
		want outcome
		less time.Duration // what it takes, apart from delays between attempts
	}{
		{"result", func(s *durabletest.Stubbed) { s.Returns(&ticket{7}) }, outcome{7, "", 1, 1}, 0},
		{"nil result", func(s *durabletest.Stubbed) { s.Returns(nil) }, outcome{0, "", 1, 1}, 0},
		{"error", func(s *durabletest.Stubbed) { s.Fails(busy).Times(4) }, outcome{0, "Busy: call again", 4, 4}, 0},
		{"twice an error", func(s *durabletest.Stubbed) { s.Fails(busy).Times(2).Returns(&ticket{7}) }, outcome{7, "", 3, 3}, 0},
		{"two errors", func(s *durabletest.Stubbed) { s.Fails(busy).Fails(errSoldOut).Runs() }, outcome{1, "", 3, 3}, 0},
		{"delay", func(s *durabletest.Stubbed) { s.Returns(&ticket{7}).After(5 * time.Minute) },
			outcome{7, "", 1, 1}, 5 * time.Minute},
		{"timeout", func(s *durabletest.Stubbed) { s.Returns(&ticket{7}).After(time.Hour).Runs() },
			outcome{1, "", 2, 2}, 10 * time.Minute},
		{"panic", func(s *durabletest.Stubbed) { s.Panics("boom").Returns(&ticket{7}) }, outcome{7, "", 2, 2}, 0},
		{"kill", func(s *durabletest.Stubbed) { s.Kills() }, outcome{1, "", 1, 2}, 0},
		{"two kills", func(s *durabletest.Stubbed) { s.Kills().Times(2) }, outcome{1, "", 1, 3}, 0},
		{"kill and result", func(s *durabletest.Stubbed) { s.Kills().After(time.Minute).Returns(&ticket{7}) },
			outcome{7, "", 1, 2}, time.Minute},
		{"function", func(s *durabletest.Stubbed) {
			s.Calls(func(ctx context.Context) (*ticket, error) { return &ticket{durable.Attempt(ctx)}, nil })
		}, outcome{1, "", 1, 1}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stub *durabletest.Stubbed
			r := durabletest.Drive(t, buy, nil, func(_ *testing.T, x *durabletest.Execution) {
				stub = x.StubStep("buy")
				test.stub(stub)
			})
			got := outcome{Attempts: r.Operation("buy").Attempt, Invocations: r.Invocations}
			if r.Error != nil {
				got.Failure = r.Operation("buy").Error.ErrorType + ": " + r.Operation("buy").Error.ErrorMessage
			} else if result := r.Output(); result != nil {
				got.Seat = result.Seat
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			if r.Elapsed < test.less || r.Elapsed > test.less+10*time.Minute {
				t.Errorf("it took %v, want %v and the delays between attempts", r.Elapsed, test.less)
			}
			if called := stub.Called(); called != max(got.Attempts, got.Invocations) {
				t.Errorf("it was called %d times", called)
			}
		})
	}
}

// TestStubbedErrorsKeepTheirType: a declared error is itself, as if the step had returned it.
func TestStubbedErrorsKeepTheirType(t *testing.T) {
	var seen error
	handler := func(ctx durable.Context, _ any) (any, error) {
		_, seen = durable.Step(ctx, "buy", fare, durable.WithRetry(retry.None()))
		return nil, nil
	}
	durabletest.Drive(t, handler, nil, func(_ *testing.T, x *durabletest.Execution) {
		x.StubStep("buy").Fails(fmt.Errorf("today: %w", errSoldOut))
	}, durable.WithErrors(durable.ErrorValue("SoldOut", errSoldOut)))
	if !errors.Is(seen, errSoldOut) {
		t.Errorf("got error %v, want one that is errSoldOut", seen)
	}
}

func TestStubServesStepsOfOneName(t *testing.T) {
	handler := func(ctx durable.Context, n int) ([]int, error) {
		all, err := durable.Map(ctx, "all", make([]int, n), func(ctx durable.Context, _, i int) (int, error) {
			return durable.Step(ctx, "one", func(context.Context) (int, error) { return i, nil })
		})
		return all.Values(), err
	}
	r := durabletest.Drive(t, handler, 5, func(_ *testing.T, x *durabletest.Execution) { x.StubStep("one").Returns(7) })
	if diff := cmp.Diff([]int{7, 7, 7, 7, 7}, r.Output()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestStubOfACondition(t *testing.T) {
	handler := func(ctx durable.Context, _ any) (int, error) {
		return durable.WaitForCondition(ctx, "full", 1, func(context.Context, int) (int, bool, error) {
			return 0, false, errors.New("nobody asked the stub")
		})
	}
	r := durabletest.Drive(t, handler, nil, func(_ *testing.T, x *durabletest.Execution) {
		notYet := func(_ context.Context, n int) (int, bool, error) { return n + 1, false, nil }
		x.StubStep("full").Calls(notYet).Times(2).Returns(30)
	})
	if got := r.Output(); got != 30 || r.Operation("full").Attempt != 3 {
		t.Errorf("got %d in attempt %d, want 30 in 3", got, r.Operation("full").Attempt)
	}
	r = durabletest.Drive(t, handler, nil, func(_ *testing.T, x *durabletest.Execution) { x.StubStep("full").Fails(errSoldOut) })
	if r.Status != durabletest.Failed || r.Operation("full").Error.ErrorMessage != "sold out" {
		t.Errorf("got %s with %+v, want it to fail with sold out", r.Status, r.Error)
	}
}

func TestStubOfASubmitter(t *testing.T) {
	handler := func(ctx durable.Context, _ any) (string, error) {
		return durable.WaitForCallback[string](ctx, "ask", func(context.Context, string) error {
			return errors.New("nobody asked the stub")
		}, durable.WithRetry(retry.Fixed(2, time.Minute)), durable.WithTimeout(time.Hour))
	}
	submitted := ""
	r := durabletest.Drive(t, handler, nil, func(t *testing.T, x *durabletest.Execution) {
		x.StubStep("ask").Fails(errSoldOut).Calls(func(_ context.Context, id string) error { submitted = id; return nil })
		id := x.Callback("ask")
		x.Advance(10 * time.Minute)
		if submitted != id {
			t.Errorf("submitted %q, want %q", submitted, id)
		}
		x.SucceedCallback(id, "well")
	})
	if got := r.Output(); got != "well" {
		t.Errorf("got %q", got)
	}
	for _, name := range []string{"ask", "ask-submitter"} {
		r = durabletest.Drive(t, handler, nil, func(t *testing.T, x *durabletest.Execution) {
			x.StubStep(name).Returns(nil)
			x.SucceedCallback(x.Callback("ask"), "well")
		})
		if got := r.Output(); got != "well" {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// TestStubOfAFunction: whatever the code calls it, and with what it answers.
func TestStubOfAFunction(t *testing.T) {
	const elsewhere, here = "arn:aws:lambda:eu-west-1:123456789012:function:", "arn:aws:lambda:us-east-1:000000000000:function:"
	for _, name := range []string{"seats", "seats:$LATEST", "seats:7", "seats:live", elsewhere + "seats", elsewhere + "seats:live",
		here + "seats:7", "123456789012:function:seats:live"} {
		t.Run(name, func(t *testing.T) {
			handler := func(ctx durable.Context, _ any) (int, error) {
				return durable.Invoke(ctx, "look_up", durable.Function[string, int]{Name: name}, "EC 173")
			}
			r := durabletest.Drive(t, handler, nil, func(_ *testing.T, x *durabletest.Execution) {
				x.StubFunction(name).Returns(420).After(time.Minute)
				x.StubFunction("seats:other").Returns(-1).Optional()
			})
			if got := r.Output(); got != 420 || r.Elapsed != time.Minute {
				t.Errorf("got %d after %v, want 420 after 1m", got, r.Elapsed)
			}
		})
	}
}

func TestStubOfAFunctionFails(t *testing.T) {
	tests := []struct {
		name                  string
		stub                  func(*durabletest.Stubbed)
		wantType, wantMessage string
	}{
		{"error", func(s *durabletest.Stubbed) { s.Fails(errSoldOut) }, "errorString", "sold out"},
		{"error of a type", func(s *durabletest.Stubbed) { s.Fails(&durable.RecordedError{Type: "Full", Message: "no seat"}) },
			"Full", "no seat"},
		{"panic", func(s *durabletest.Stubbed) { s.Panics("boom") }, "string", "boom"},
		{"error as a panic", func(s *durabletest.Stubbed) { s.Panics(&durable.SerdesError{}) }, "SerdesError", ""},
		{"kill", func(s *durabletest.Stubbed) { s.Kills() }, "Runtime.ExitError", "Runtime exited with error: signal: killed"},
		{"timeout", func(s *durabletest.Stubbed) { s.Returns(1).After(time.Hour) }, "Sandbox.Timedout",
			"Task timed out after 900.00 seconds"},
		{"function", func(s *durabletest.Stubbed) { s.Calls(func(string) error { return errSoldOut }) }, "errorString", "sold out"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := durabletest.Drive(t, seatsOf, "EC 0", func(_ *testing.T, x *durabletest.Execution) { test.stub(x.StubFunction("seats")) })
			op := r.Operation("look_up")
			if r.Status != durabletest.Failed || op.Error.ErrorType != test.wantType ||
				!strings.HasSuffix(op.Error.ErrorMessage, test.wantMessage) {
				t.Errorf("got %s, and the call %s with %+v, want %s: %s", r.Status, op.Status, op.Error, test.wantType, test.wantMessage)
			}
		})
	}
}

func TestAnswersOfAFunctionInTheirOrder(t *testing.T) {
	handler := func(ctx durable.Context, _ any) (list []int, _ error) {
		for range 4 {
			n, err := durable.Invoke(ctx, "look_up", durable.Function[string, int]{Name: "seats"}, "")
			if err != nil {
				n = -1
			}
			list = append(list, n)
		}
		return list, nil
	}
	r := durabletest.Drive(t, handler, nil, func(_ *testing.T, x *durabletest.Execution) {
		x.StubFunction("seats").Returns(3).Fails(errSoldOut).Returns(1)
	})
	if diff := cmp.Diff([]int{3, -1, 1, 1}, r.Output()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

// TestDurableFunctionIsCalled: it has waits, steps that are stubbed or killed, calls of its own, and errors.
func TestDurableFunctionIsCalled(t *testing.T) {
	ran := 0
	seats := func(ctx durable.Context, train string) (int, error) {
		n, err := durable.Step(ctx, "count", func(context.Context) (int, error) { ran++; return 5, nil })
		if err != nil {
			return 0, err
		}
		if err := durable.Wait(ctx, "", time.Hour); err != nil {
			return 0, err
		}
		more, err := durable.Invoke(ctx, "more", durable.Function[string, int]{Name: "more"}, train)
		return n + more, err
	}
	run := func(stub func(x *durabletest.Execution)) *durabletest.Result[int] {
		ran = 0
		return durabletest.Drive(t, seatsOf, "EC 173", func(_ *testing.T, x *durabletest.Execution) {
			durabletest.Function(x, "seats", seats)
			stub(x)
		})
	}
	r := run(func(x *durabletest.Execution) { x.StubFunction("more").Returns(10) })
	if got := r.Output(); got != 15 || r.Elapsed != time.Hour || ran != 1 || r.Invocations != 2 {
		t.Errorf("got %d after %v, the step ran %d times, in %d invocations; want 15 after 1h, once, in 2", got, r.Elapsed, ran,
			r.Invocations)
	}
	r = run(func(x *durabletest.Execution) {
		x.StubStep("count").Kills().Returns(6)
		x.StubFunction("more").Returns(10)
	})
	if got := r.Output(); got != 16 || ran != 0 || r.Invocations != 2 {
		t.Errorf("killed in its step, got %d, its own step ran %d times, in %d invocations of the caller; want 16, 0, 2", got, ran,
			r.Invocations)
	}
	r = run(func(x *durabletest.Execution) { x.StubFunction("more").Fails(errSoldOut) })
	if op := r.Operation("look_up"); op.Status != "FAILED" || op.Error.ErrorType != "InvokeError" {
		t.Errorf("got %s with %+v, want it FAILED with the function's InvokeError", op.Status, op.Error)
	}
}

// TestStubsUnderFaults: stubs and durable functions are outside of the function's process, whatever happens to it.
func TestStubsUnderFaults(t *testing.T) {
	seats := func(x *durabletest.Execution) func(durable.Context, string) (int, error) {
		return func(ctx durable.Context, _ string) (int, error) {
			all, err := durable.Map(ctx, "wagons", []int{3, 4}, func(ctx durable.Context, n, i int) (int, error) {
				return durable.Step(ctx, "count", func(context.Context) (int, error) { x.Effect("counted", i); return n, nil })
			})
			return len(all.Values()) + 5, err
		}
	}
	handler := func(ctx durable.Context, train string) (int, error) {
		if _, err := durable.Step(ctx, "buy", fare, durable.WithRetry(retry.Fixed(4, time.Minute))); err != nil {
			return 0, err
		}
		if err := durable.Wait(ctx, "", time.Minute); err != nil {
			return 0, err
		}
		price, err := durable.Invoke(ctx, "price", durable.Function[string, int]{Name: "price:live"}, train)
		if err != nil {
			return 0, err
		}
		n, err := seatsOf(ctx, train)
		return n * price, err
	}
	durabletest.Explore(t, handler, "EC 173", func(_ *testing.T, x *durabletest.Execution) {
		x.StubStep("buy").Fails(errSoldOut).Returns(&ticket{7})
		x.StubFunction("price:live").Returns(2).After(time.Second)
		durabletest.Function(x, "seats", seats(x))
	})
}
