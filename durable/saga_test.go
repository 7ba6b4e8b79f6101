package durable_test

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
)

// trip is a saga that books three things and fails at the last, unless fail is nil.
func trip(did *[]string, fail func(durable.Context) error) func(durable.Context, *durable.Saga) (string, error) {
	do := func(what string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { *did = append(*did, what); return what, nil }
	}
	return func(ctx durable.Context, saga *durable.Saga) (string, error) {
		for _, what := range []string{"flight", "hotel"} {
			if _, err := durable.Step(ctx, what, do(what)); err != nil {
				return "", err
			}
			saga.Compensate("cancel-"+what, func(context.Context) error { *did = append(*did, "cancel-"+what); return nil })
			if err := durable.Wait(ctx, "pause", time.Second); err != nil {
				return "", err
			}
		}
		if fail != nil {
			if err := fail(ctx); err != nil {
				return "", err
			}
		}
		return "booked", nil
	}
}

func TestSaga(t *testing.T) {
	for name, test := range map[string]struct {
		fail func(durable.Context) error
		want string
		did  []string
	}{
		"succeeds": {nil, `"booked"`, []string{"flight", "hotel"}},
		"fails": {func(durable.Context) error { return &cardDeclined{Code: 2} },
			`CardDeclined: child context "trip" failed: declined with 2`, []string{"flight", "hotel", "cancel-hotel", "cancel-flight"}},
		"panics": {func(durable.Context) error { panic("boom") }, `PanicError: child context "trip" failed: panic: boom`,
			[]string{"flight", "hotel", "cancel-hotel", "cancel-flight"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				var did []string
				out := svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
					s, err := durable.RunSaga(ctx, "trip", trip(&did, test.fail))
					return s, errors.Join(err, durable.Wait(ctx, "after", time.Second))
				}, durable.WithClient(svc), durable.WithErrors(durable.ErrorType[*cardDeclined]("CardDeclined"))))
				if got := out.result() + out.errorText(); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
				if diff := cmp.Diff(test.did, did); diff != "" {
					t.Errorf("did (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Compensations are retried over suspensions; one that fails for good does not
// keep the others from being done.
func TestSagaCompensationFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		attempts, undone, seen := 0, 0, 0
		svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			_, err := durable.RunSaga(ctx, "s", func(ctx durable.Context, saga *durable.Saga) (int, error) {
				saga.Compensate("first", func(context.Context) error { undone++; return nil })
				saga.Compensate("second", func(context.Context) error { attempts++; return errors.New("busy") },
					durable.WithRetry(retry.Fixed(3, time.Second)))
				return 0, &cardDeclined{Code: 6}
			})
			seen++
			var failed *durable.CompensationError
			var card *cardDeclined
			want := []string{`step "second" failed after 3 attempts: busy`}
			if !errors.As(err, &failed) || !cmp.Equal(failed.Failed, want) || !errors.As(err, &card) || card.Code != 6 {
				t.Errorf("got %v, want a CompensationError of a cardDeclined", err)
			}
			if want := `child context "s" failed: declined with 6; and was not undone completely: step "second" failed after 3 attempts: busy`; err.Error() != want {
				t.Errorf("got %q, want %q", err, want)
			}
			return nil, durable.Wait(ctx, "", time.Second)
		}, durable.WithClient(svc), durable.WithErrors(durable.ErrorType[*cardDeclined]("CardDeclined"))))
		if attempts != 3 || undone != 1 || seen != 2 {
			t.Errorf("%d attempts, undone %d, seen %d; want 3, 1, 2", attempts, undone, seen)
		}
	})
}

func TestSagaBadInput(t *testing.T) {
	fine := func(durable.Context, *durable.Saga) (int, error) { return 1, nil }
	for want, call := range map[string]func(durable.Context) error{
		"the function is nil": func(ctx durable.Context) error { _, err := durable.RunSaga[int](ctx, "x", nil); return err },
		"an option is nil":    func(ctx durable.Context) error { _, err := durable.RunSaga(ctx, "x", fine, nil); return err },
	} {
		refusedAtTheCall(t, "durable.RunSaga", want, call)
	}
}

// A compensation without a function is one more that failed.
func TestSagaNilCompensation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		out := svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
			return durable.RunSaga(ctx, "s", func(_ durable.Context, saga *durable.Saga) (int, error) {
				saga.Compensate("undo", nil)
				return 0, errors.New("no")
			})
		}, durable.WithClient(svc)))
		if want := `not undone completely: perdure: durable.Step "undo": the function is nil`; !strings.Contains(out.errorText(), want) {
			t.Errorf("got %q, want %q", out.errorText(), want)
		}
	})
}

// What was booked is cancelled when the rest cannot be had.
func ExampleRunSaga() {
	svc := simulated(`{}`)
	book := func(what string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) {
			if what == "car" {
				return "", errors.New("no car left")
			}
			fmt.Println("booked", what)
			return what + "-17", nil
		}
	}
	handler := func(ctx durable.Context, _ struct{}) (string, error) {
		return durable.RunSaga(ctx, "trip", func(ctx durable.Context, saga *durable.Saga) (string, error) {
			flight, err := durable.Step(ctx, "book-flight", book("flight"))
			if err != nil {
				return "", err
			}
			saga.Compensate("cancel-flight", func(context.Context) error {
				fmt.Println("cancelled", flight)
				return nil
			})
			_, err = durable.Step(ctx, "book-car", book("car"), durable.WithRetry(retry.None()))
			return flight, err
		})
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output:
	// booked flight
	// cancelled flight-17
	// failed: ChildContextError: child context "trip" failed: step "book-car" failed: no car left
}
