package durable_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

// computed are calls whose arguments are good on the first run, and bad on
// every other.
func computed() map[string]func(ctx durable.Context, bad bool) (any, error) {
	bodies := func(bad bool) func(context.Context) (string, error) {
		if bad {
			return nil
		}
		return func(context.Context) (string, error) { return "v", nil }
	}
	works := func(bad bool) func(durable.Context) (string, error) {
		if bad {
			return nil
		}
		return func(ctx durable.Context) (string, error) { return "v", durable.Wait(ctx, "inner", time.Second) }
	}
	// still is work that goes on in later runs.
	still := func(ctx durable.Context) (string, error) { return "v", durable.Wait(ctx, "inner", time.Minute) }
	or := func(bad bool, worse, better time.Duration) time.Duration {
		if bad {
			return worse
		}
		return better
	}
	policy := func(bad bool) retry.Policy {
		p := retry.Fixed(3, time.Second)
		if bad {
			p.Delay, p.Increment, p.Multiplier, p.Jitter = -time.Hour, -1, math.NaN(), 77
		}
		return p
	}
	flaky := func(ctx context.Context) (string, error) {
		if durable.Attempt(ctx) == 1 {
			return "", errors.New("not yet")
		}
		return "v", nil
	}
	batch := func(bad bool, good durable.BatchOption, worse durable.BatchOption) durable.BatchOption {
		if bad {
			return worse
		}
		return good
	}
	mapped := func(option func(bad bool) durable.BatchOption) func(ctx durable.Context, bad bool) (any, error) {
		return func(ctx durable.Context, bad bool) (any, error) {
			r, err := durable.Map(ctx, "op", []int{1, 2},
				func(ctx durable.Context, n, _ int) (int, error) { return n, durable.Wait(ctx, "inner", time.Minute) }, option(bad))
			return r.Items, err
		}
	}
	return map[string]func(ctx durable.Context, bad bool) (any, error){
		"Wait, negative": func(ctx durable.Context, bad bool) (any, error) {
			return nil, durable.Wait(ctx, "op", or(bad, -time.Hour, time.Minute))
		},
		"Wait, too long": func(ctx durable.Context, bad bool) (any, error) {
			return nil, durable.Wait(ctx, "op", or(bad, math.MaxInt64, time.Minute))
		},
		"WaitUntil, passed": func(ctx durable.Context, bad bool) (any, error) {
			return nil, durable.WaitUntil(ctx, "op", ctx.StartTime().Add(or(bad, -time.Hour, time.Minute)))
		},
		"WaitUntil, far": func(ctx durable.Context, bad bool) (any, error) {
			return nil, durable.WaitUntil(ctx, "op", ctx.StartTime().Add(or(bad, 1e5*time.Hour, time.Minute)))
		},
		"Step, nil": func(ctx durable.Context, bad bool) (any, error) { return durable.Step(ctx, "op", bodies(bad)) },
		"Step, nil option": func(ctx durable.Context, bad bool) (any, error) {
			var option durable.StepOption = durable.WithRetry(retry.None())
			if bad {
				option = nil
			}
			return durable.Step(ctx, "op", flaky, durable.WithRetry(policy(false)), option, durable.WithRetry(policy(false)))
		},
		"Step, policy": func(ctx durable.Context, bad bool) (any, error) {
			return durable.Step(ctx, "op", flaky, durable.WithRetry(policy(bad)))
		},
		"Step, timeout": func(ctx durable.Context, bad bool) (any, error) {
			return durable.Step(ctx, "op", flaky, durable.WithRetry(policy(false)), durable.WithTimeout(or(bad, -1, time.Hour)))
		},
		"Step, budget": func(ctx durable.Context, bad bool) (any, error) {
			return durable.Step(ctx, "op", flaky, durable.WithRetry(policy(false)), durable.WithAttemptBudget(int(or(bad, -1, 3))))
		},
		"RunInChildContext, nil": func(ctx durable.Context, bad bool) (any, error) {
			return durable.RunInChildContext(ctx, "op", works(bad && closed(ctx)))
		},
		"RunInChildContext, timeout": func(ctx durable.Context, bad bool) (any, error) {
			return durable.RunInChildContext(ctx, "op", still, durable.WithTimeout(or(bad, -1, time.Hour)))
		},
		"RunInChildContext, timeout passes": func(ctx durable.Context, bad bool) (any, error) {
			_, err := durable.RunInChildContext(ctx, "op", still, durable.WithTimeout(or(bad, -1, 5*time.Second)))
			if err == nil {
				return nil, nil // in the first run
			}
			return nil, fmt.Errorf("as meant: %w", err)
		},
		"RunInChildContext, virtual": func(ctx durable.Context, bad bool) (any, error) {
			opts := []durable.ChildOption{durable.WithVirtual()}
			if bad {
				opts = append(opts, durable.WithTimeout(1))
			}
			return durable.RunInChildContext(ctx, "op", still, opts...)
		},
		"RunSaga, nil option": func(ctx durable.Context, bad bool) (any, error) {
			var opts []durable.SagaOption
			if bad {
				opts = append(opts, nil)
			}
			return durable.RunSaga(ctx, "op", func(ctx durable.Context, _ *durable.Saga) (string, error) { return still(ctx) }, opts...)
		},
		"Go": func(ctx durable.Context, bad bool) (any, error) {
			return durable.Go(ctx, "op", still, durable.WithTimeout(or(bad, -1, time.Hour))).Result(ctx)
		},
		"Retry": func(ctx durable.Context, bad bool) (any, error) {
			return durable.Retry(ctx, "op", func(ctx durable.Context, n int) (string, error) {
				if n == 1 {
					return "", errors.New("not yet")
				}
				return still(ctx)
			}, durable.WithRetry(policy(bad)))
		},
		"Graph": func(ctx durable.Context, bad bool) (any, error) {
			g := new(durable.Graph)
			a := durable.AddTask(g, "a", still)
			if bad {
				a.After(nil)
			}
			return nil, g.Run(ctx, "op")
		},
		"CreateCallback": func(ctx durable.Context, bad bool) (any, error) {
			c, err := durable.CreateCallback[string](ctx, "op", durable.WithTimeout(or(bad, -1, time.Hour)),
				durable.WithHeartbeat(or(bad, 1, time.Minute)))
			if err != nil {
				return nil, err
			}
			return c.Result(ctx)
		},
		"WaitForCallback": func(ctx durable.Context, bad bool) (any, error) {
			submit := func(context.Context, string) error { return nil }
			if bad {
				submit = nil
			}
			return durable.WaitForCallback[string](ctx, "op", submit, durable.WithTimeout(or(bad, -1, time.Hour)),
				durable.WithRetry(policy(bad)))
		},
		"WaitForCondition": func(ctx durable.Context, bad bool) (any, error) {
			p := retry.Fixed(5, time.Second)
			if bad {
				p.Delay, p.Multiplier = -1, math.Inf(1)
			}
			return durable.WaitForCondition(ctx, "op", 0, func(_ context.Context, n int) (int, bool, error) { return n + 1, n == 2, nil },
				durable.WithPolling(p))
		},
		"Invoke": func(ctx durable.Context, bad bool) (any, error) {
			if bad {
				return durable.Invoke(ctx, "op", durable.Function[any, string]{Name: "no such name!"}, any(func() {}),
					durable.WithTenantID("\n"))
			}
			return durable.Invoke(ctx, "op", durable.Function[any, string]{Name: "echo:1"}, any("v"))
		},
		"Map, concurrency": mapped(func(bad bool) durable.BatchOption {
			return batch(bad, durable.WithMaxConcurrency(1), durable.WithMaxConcurrency(0))
		}),
		"Map, minimum": mapped(func(bad bool) durable.BatchOption {
			return batch(bad, durable.WithMinSuccessful(2), durable.WithMinSuccessful(3))
		}),
		"Map, failures": mapped(func(bad bool) durable.BatchOption {
			return batch(bad, durable.WithToleratedFailures(1), durable.WithToleratedFailures(-1))
		}),
		"Map, percentage": mapped(func(bad bool) durable.BatchOption {
			return batch(bad, durable.WithToleratedFailurePercentage(1), durable.WithToleratedFailurePercentage(math.NaN()))
		}),
		"Map, nil option": mapped(func(bad bool) durable.BatchOption {
			return batch(bad, durable.WithMaxConcurrency(1), nil)
		}),
		"Parallel": func(ctx durable.Context, bad bool) (any, error) {
			r, err := durable.Parallel(ctx, "op", []durable.Branch[string]{{Func: still}},
				batch(bad, durable.WithMinSuccessful(1), durable.WithMinSuccessful(0)))
			return r.Items, err
		},
		"Version": func(ctx durable.Context, bad bool) (any, error) { return durable.Version(ctx, "op", 2), nil },
	}
}

// closed reports whether a wait behind the operation has begun: it is past.
func closed(ctx durable.Context) bool {
	return durable.IsReplaying(ctx) && time.Since(ctx.StartTime()) > time.Second+time.Second/2
}

// Arguments that are bad are an error of the first run. Where there is a record
// they are none, whatever they are computed to be, while the operation goes on and
// behind it.
func TestTheRecordCountsAndNotTheArguments(t *testing.T) {
	for name, op := range computed() {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				invocation := 0
				runs := allRuns(t, `v`, func(ctx durable.Context) (any, error) {
					invocation++
					return op(ctx, invocation > 1)
				})
				if len(runs) > 0 && runs[0].err != "" &&
					!strings.Contains(runs[0].err, "as meant: child context \"op\" failed: it took longer than 5s") {
					t.Errorf("got %s", runs[0].err)
				}
				if invocation < 3 {
					t.Errorf("%d runs", invocation)
				}
			})
		})
	}
}

// The other way round: a call that was refused on the first run, and whose
// error the code has dealt with, is refused on all others, and moves nothing.
func TestRefusedCallsAreRefusedOnAllRuns(t *testing.T) {
	for name, op := range computed() {
		if name == "WaitUntil, passed" || name == "Version" || strings.HasSuffix(name, "passes") || name == "RunInChildContext, nil" {
			continue // they are no mistakes
		}
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				runs := allRuns(t, `v`, func(ctx durable.Context) (any, error) {
					_, bad := op(ctx, true)
					v, err := durable.Step(ctx, "op", func(context.Context) (string, error) { return "instead", nil })
					if v != "instead" || bad == nil {
						t.Errorf("got %v, and then %q %v", bad, v, err)
					}
					return v, errors.Join(bad, err)
				})
				if len(runs) > 0 && !strings.Contains(runs[0].err, "perdure: ") {
					t.Errorf("got %s", runs[0].err)
				}
			})
		})
	}
}

// A call that was refused, and is not any more, must not happen in the past.
func TestRefusedCallsDoNotHappenLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		d := -time.Second
		_, file, line, _ := runtime.Caller(0)
		out := svc.run(handle(svc, func(ctx durable.Context) (any, error) {
			_ = durable.Wait(ctx, "until-due", d)
			d = time.Hour
			return nil, durable.Wait(ctx, "after", time.Second)
		}))
		want := fmt.Sprintf(`operation 1: the code now does WAIT/Wait "until-due", but nothing was recorded there, though the execution has come past it (at %s:%d)`, file, line+2)
		if !strings.Contains(out.errorText(), want) || svc.invocations != 2 {
			t.Errorf("got %s\nwant %s", out.errorText(), want)
		}
	})
}

// Numbers that are computed of an empty list do not matter.
func TestOptionsOfAnEmptyList(t *testing.T) {
	var none []int
	n := len(none)
	percent := 100 * float64(n) / float64(n)
	for name, opts := range map[string][]durable.BatchOption{
		"minimum": {durable.WithMinSuccessful(n)}, "concurrency": {durable.WithMaxConcurrency(n)},
		"tolerated":  {durable.WithToleratedFailures(n - 1)},
		"percentage": {durable.WithToleratedFailurePercentage(percent)},
		"all":        {durable.WithMinSuccessful(n), durable.WithMaxConcurrency(n), durable.WithToleratedFailures(n - 1)},
		"completion": {durable.WithCompletion(func(durable.BatchProgress) durable.CompletionReason { panic("asked") })},
		"flat":       {durable.WithFlat(), durable.WithMinSuccessful(n)},
		"negative":   {durable.WithMinSuccessful(n - 1)},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				runs := allRuns(t, "", func(ctx durable.Context) (any, error) {
					a, err := durable.Map(ctx, "map", none, func(_ durable.Context, n, _ int) (int, error) { return n, nil }, opts...)
					b, err2 := durable.Parallel[int](ctx, "parallel", nil, opts...)
					return []any{a.Items, b.Items, a.Reason, b.Reason}, errors.Join(err, err2)
				})
				if len(runs) == 0 || runs[0].err != "" || fmt.Sprint(runs[0].value) != "[[] [] ALL_COMPLETED ALL_COMPLETED]" {
					t.Errorf("got %v", runs)
				}
			})
		})
	}
}

// That a batch fell short of what was asked for is recorded with it.
func TestShortfallIsRecorded(t *testing.T) {
	for name, size := range map[string]int{"small": 1, "large": 300 << 10} {
		for serdes, opts := range map[string][]durable.BatchOption{"": nil, ", own Serdes": {durable.WithSerdes(own{})}} {
			t.Run(name+serdes, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					minimum := 2
					runs := allRuns(t, "", func(ctx durable.Context) (any, error) {
						r, err := durable.Map(ctx, "op", []int{0, 1}, func(_ durable.Context, n, _ int) (string, error) {
							if n == 1 {
								return "", errItem
							}
							return strings.Repeat("x", size), nil
						}, append(opts, durable.WithMinSuccessful(minimum), durable.WithToleratedFailures(2))...)
						minimum = 1
						return r.Items, err
					})
					if len(runs) == 0 || !strings.HasPrefix(runs[0].err, "*durable.BatchError") {
						t.Errorf("got %v, want a BatchError", runs)
					}
				})
			})
		}
	}
}

// A moment that has passed is not waited for, on no run; nor is one that a clock
// which is behind takes for a moment to come.
func TestWaitUntil(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		start := time.Now()
		skew := time.Duration(0)
		out := svc.run(handle(svc, func(ctx durable.Context) (string, error) {
			for _, d := range []time.Duration{-time.Hour, 0, 90 * time.Second, time.Minute} {
				if err := durable.WaitUntil(ctx, "u", start.Add(d+skew)); err != nil {
					return "", err
				}
			}
			if err := durable.WaitUntil(ctx, "zero", time.Time{}); err != nil {
				return "", err
			}
			skew = 24 * time.Hour
			return time.Since(start).String(), durable.Wait(ctx, "after", time.Second)
		}))
		if out.result() != `"1m31s"` {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
		if got, want := strings.Join(svc.shapes(), " "), "3 u"; len(svc.ops) != 2 || svc.ops[0].ID != "3" ||
			svc.ops[0].Status != protocol.StatusSucceeded {
			t.Errorf("recorded %s, want %s", got, want)
		}
	})
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		out := svc.run(handle(svc, func(ctx durable.Context) (any, error) {
			return nil, durable.WaitUntil(ctx, "u", time.Now().AddDate(2, 0, 0))
		}))
		if !strings.Contains(out.errorText(), `durable.WaitUntil "u": 2002-01-01T`) {
			t.Errorf("got %s", out.errorText())
		}
	})
	// In a context that is run again only for its result there is no record either.
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		out := svc.run(handle(svc, func(ctx durable.Context) (int, error) {
			v, err := durable.RunInChildContext(ctx, "large", func(ctx durable.Context) (string, error) {
				if err := durable.WaitUntil(ctx, "u", ctx.StartTime()); err != nil {
					return "", err
				}
				_, bad := durable.Invoke(ctx, "i", durable.Function[any, int]{Name: "f"}, any(func() {}))
				if bad == nil {
					t.Error("a func was encoded")
				}
				return strings.Repeat("x", 300<<10), nil
			})
			if err != nil {
				return 0, err
			}
			return len(v), durable.Wait(ctx, "after", time.Second)
		}))
		if out.result() != "307200" {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
	})
}
