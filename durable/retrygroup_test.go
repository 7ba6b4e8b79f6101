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

func TestRetryGroup(t *testing.T) {
	attempts := func(ctx durable.Context, attempt int) (string, error) {
		token, err := durable.Step(ctx, "token", func(context.Context) (int, error) { return attempt * 100, nil })
		if err != nil {
			return "", err
		}
		if attempt < 3 {
			return "", &cardDeclined{Code: attempt}
		}
		return fmt.Sprint("with ", token), nil
	}
	for mode, more := range map[string][]durable.RetryGroupOption{"recorded": nil, "virtual": {durable.WithVirtual()}} {
		t.Run(mode, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				asked := 0
				policy := retry.Func(func(err error, attempt int) (time.Duration, bool) {
					asked++
					var card *cardDeclined
					return time.Duration(attempt) * 10 * time.Second, errors.As(err, &card) && card.Code == attempt
				})
				h := handle(svc, func(ctx durable.Context) (string, error) {
					s, err := durable.Retry(ctx, "group", attempts, append(more, durable.WithRetry(policy))...)
					if err != nil {
						return "", err
					}
					return s, durable.Wait(ctx, "after", time.Second)
				}, durable.WithErrors(durable.ErrorType[*cardDeclined]("CardDeclined")))
				start := time.Now()
				if out := svc.run(h); out.result() != `"with 300"` || asked != 2 {
					t.Errorf("got %s %s; the policy was asked %d times", out.result(), out.errorText(), asked)
				}
				if d := time.Since(start); d != 31*time.Second {
					t.Errorf("took %v, want 31s", d)
				}
				want := []string{
					"1 in : group-attempt-1 FAILED", "1-1 in 1: token SUCCEEDED", "2 in : group-backoff-1 SUCCEEDED",
					"3 in : group-attempt-2 FAILED", "3-1 in 3: token SUCCEEDED", "4 in : group-backoff-2 SUCCEEDED",
					"5 in : group-attempt-3 SUCCEEDED", "5-1 in 5: token SUCCEEDED", "6 in : after SUCCEEDED",
				}
				if mode == "virtual" {
					want = []string{
						"1-1 in : token SUCCEEDED", "2 in : group-backoff-1 SUCCEEDED", "3-1 in : token SUCCEEDED",
						"4 in : group-backoff-2 SUCCEEDED", "5-1 in : token SUCCEEDED", "6 in : after SUCCEEDED",
					}
				}
				if diff := cmp.Diff(want, svc.shapes()); diff != "" {
					t.Errorf("operations (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestRetryGroupGivesUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var seen []string
		policy := retry.Fixed(2, 3*time.Second)
		h := handle(svc, func(ctx durable.Context) (any, error) {
			_, err := durable.Retry(ctx, "group", func(durable.Context, int) (int, error) { return 0, &cardDeclined{Code: 9} },
				durable.WithRetry(policy))
			group, isGroup := durable.Failed(err, durable.KindRetry)
			var card *cardDeclined
			if !isGroup || group.Attempts != 2 || !errors.As(err, &card) {
				t.Errorf("got %v, want a RetryError of a cardDeclined", err)
			}
			seen = append(seen, err.Error())
			policy = retry.Fixed(9, time.Second) // what was decided stays decided
			return nil, durable.Wait(ctx, "after", time.Second)
		}, durable.WithErrors(durable.ErrorType[*cardDeclined]("CardDeclined")))
		svc.run(h)
		if len(seen) != 2 || seen[0] != seen[1] || len(svc.ops) != 4 {
			t.Errorf("the handler saw %q; %q", seen, svc.shapes())
		}
	})
}

func TestRetryGroupBadInput(t *testing.T) {
	fine := func(durable.Context, int) (int, error) { return 0, nil }
	for want, call := range map[string]func(durable.Context) (int, error){
		`perdure: durable.Retry "g": the function is nil`: func(ctx durable.Context) (int, error) {
			return durable.Retry[int](ctx, "g", nil)
		},
		`perdure: durable.Retry "g": an option is nil`: func(ctx durable.Context) (int, error) {
			return durable.Retry(ctx, "g", fine, nil)
		},
		`at most 256 are allowed`: func(ctx durable.Context) (int, error) {
			return durable.Retry(ctx, strings.Repeat("g", 250), fine)
		},
		`retry.Policy.MaxAttempts is -1`: func(ctx durable.Context) (int, error) {
			return durable.Retry(ctx, "g", fine, durable.WithRetry(retry.Policy{MaxAttempts: -1}))
		},
		`"g" failed after 1 attempts: child context "g-attempt-1" failed: bad item`: func(ctx durable.Context) (int, error) {
			return durable.Retry(ctx, "g", func(durable.Context, int) (int, error) { return 0, errItem },
				durable.WithRetry(retry.Func(func(error, int) (time.Duration, bool) { panic("oh") })))
		},
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				if out := svc.run(handle(svc, call)); !strings.Contains(out.errorText(), want) {
					t.Errorf("got %q, want %q in it", out.errorText(), want)
				}
			})
		})
	}
}
