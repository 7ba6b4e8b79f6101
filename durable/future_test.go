package durable_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

func TestFuturesOverSuspension(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		h := handle(svc, func(ctx durable.Context) (string, error) {
			a := durable.Go(ctx, "a", after("a", 3*time.Second, "first"))
			b := durable.Go(ctx, "b", after("b", 2*time.Second, 2))
			if _, err := durable.Step(ctx, "meanwhile", zero); err != nil {
				return "", err
			}
			first, err := a.Result(ctx)
			if err != nil {
				return "", err
			}
			second, err := b.Result(ctx)
			again, _ := b.Result(ctx)
			return fmt.Sprint(first, second, again), err
		})
		start := time.Now()
		if out := svc.run(h); out.result() != `"first2 2"` {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("took %v, want 3s: the waits overlap", d)
		}
		if svc.invocations != 3 {
			t.Errorf("took %d invocations, want 3", svc.invocations)
		}
		want := []string{
			"1 in : a SUCCEEDED", "2 in : b SUCCEEDED", "3 in : meanwhile SUCCEEDED",
			"1-1 in 1: a-wait SUCCEEDED", "2-1 in 2: b-wait SUCCEEDED",
			"2-2 in 2: b-step SUCCEEDED", "1-2 in 1: a-step SUCCEEDED",
		}
		if diff := cmp.Diff(sorted(want), sorted(svc.shapes())); diff != "" {
			t.Errorf("operations (-want +got):\n%s", diff)
		}
	})
}

func TestFutureFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var seen []string
		h := handle(svc, func(ctx durable.Context) (any, error) {
			f := durable.Go(ctx, "charge", func(durable.Context) (int, error) { return 1, &cardDeclined{Code: 5} })
			n, err := f.Result(ctx)
			var card *cardDeclined
			if n != 0 || !errors.As(err, &card) {
				t.Errorf("got %d, %v, want a cardDeclined", n, err)
			}
			seen = append(seen, err.Error())
			return nil, durable.Wait(ctx, "", time.Second)
		}, durable.WithErrors(durable.ErrorType[*cardDeclined]("CardDeclined")))
		svc.run(h)
		if len(seen) != 2 || seen[0] != seen[1] {
			t.Errorf("the handler saw %q", seen)
		}
	})
}

// The function that started a future may return without it.
func TestFutureLeftBehind(t *testing.T) {
	for name, large := range map[string]int{"small result": 1, "large result": 300 << 10} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				var cause error
				h := handle(svc, func(ctx durable.Context) (int, error) {
					text, err := durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (string, error) {
						durable.Go(ctx, "left", after("left", time.Hour, 1))
						f := durable.Go(ctx, "deep", func(ctx durable.Context) (int, error) {
							return durable.Go(ctx, "deeper", func(ctx durable.Context) (int, error) {
								defer func() {
									if cause == nil {
										cause = context.Cause(ctx)
									}
								}()
								return 0, durable.Wait(ctx, "", 2*time.Hour)
							}).Result(ctx)
						})
						_ = f
						if err := durable.Wait(ctx, "short", time.Second); err != nil {
							return "", err
						}
						return strings.Repeat("x", large), nil
					})
					if err != nil {
						return 0, err
					}
					return len(text), durable.Wait(ctx, "after", time.Second)
				})
				start := time.Now()
				if out := svc.run(h); out.result() != fmt.Sprint(large) {
					t.Errorf("got %s %s", out.result(), out.errorText())
				}
				if d := time.Since(start); d != 2*time.Second {
					t.Errorf("took %v, want 2s", d)
				}
				if !errors.Is(cause, durable.ErrSuspended) {
					t.Errorf("the context of the first invocation ended with %v, want ErrSuspended", cause)
				}
				cancelled := 0
				for _, op := range svc.ops {
					if op.Status == protocol.StatusCancelled {
						cancelled++
					}
				}
				if cancelled != 2 {
					t.Errorf("%d waits were cancelled, want 2: %q", cancelled, svc.shapes())
				}
			})
		})
	}
}

func TestRaceCancelsLosers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var cause error
		bodies := 0
		h := handle(svc, func(ctx durable.Context) (string, error) {
			work := durable.Go(ctx, "work", func(ctx durable.Context) (string, error) {
				return durable.Step(ctx, "slow", func(ctx context.Context) (string, error) {
					bodies++
					<-ctx.Done()
					cause = context.Cause(ctx)
					return "", ctx.Err()
				})
			})
			late := durable.Go(ctx, "late", after("late", time.Hour, "late"))
			timeout := durable.Go(ctx, "timeout", after("timeout", 5*time.Second, "timed out"))
			s, err := durable.Race(ctx, "race", work, late, timeout)
			if err != nil {
				return "", err
			}
			if _, err := late.Result(ctx); !errors.Is(err, durable.ErrCanceled) {
				t.Errorf("the loser's result is %v, want ErrCanceled", err)
			}
			if _, err := work.Result(ctx); !errors.Is(err, durable.ErrCanceled) {
				t.Errorf("the loser's result is %v, want ErrCanceled", err)
			}
			return s, durable.Wait(ctx, "after", 2*time.Hour)
		})
		out := svc.run(h)
		if out.result() != `"timed out"` || !errors.Is(cause, durable.ErrCanceled) || bodies != 1 {
			t.Errorf("got %s %s, cause %v, %d bodies", out.result(), out.errorText(), cause, bodies)
		}
		if svc.invocations != 2 {
			t.Errorf("took %d invocations, want 2: the loser's wait must wake nobody", svc.invocations)
		}
		want := []string{
			"1 in : work FAILED", "1-1 in 1: slow STARTED", "2 in : late FAILED", "2-1 in 2: late-wait CANCELLED",
			"3 in : timeout SUCCEEDED", "3-1 in 3: timeout-wait SUCCEEDED", "3-2 in 3: timeout-step SUCCEEDED",
			"4 in : race SUCCEEDED", "5 in : after SUCCEEDED",
		}
		if diff := cmp.Diff(want, sorted(svc.shapes())); diff != "" {
			t.Errorf("operations (-want +got):\n%s", diff)
		}
		if got := *svc.find("4").Payload; got != `{"first":2,"canceled":[0,1]}` {
			t.Errorf("recorded %s", got)
		}
	})
}

// A wait may pass at the service while its CANCEL is on the way.
func TestCancelComesTooLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		h := handle(svc, func(ctx durable.Context) (int, error) {
			loser := durable.Go(ctx, "loser", after("loser", time.Hour, 1))
			winner := durable.Go(ctx, "winner", after("winner", time.Second, 2))
			return durable.Race(ctx, "race", loser, winner)
		})
		refused := false
		svc.before = func(call int) error {
			for _, u := range svc.calls[call-1] {
				if u.Action == protocol.ActionCancel {
					refused = true
					return protocol.Errorf(protocol.CodeInvalidParameter, "Cannot cancel a WAIT that does not exist or has already completed.")
				}
			}
			return nil
		}
		if out := svc.run(h); out.result() != "2" || !refused {
			t.Errorf("got %s %s, refused %v; want 2 after a refusal", out.result(), out.errorText(), refused)
		}
	})
}

func TestCombinators(t *testing.T) {
	failing := func(ctx durable.Context) (int, error) { return 0, &cardDeclined{Code: 7} }
	type futures struct{ fast, slow, bad, bad2 *durable.Future[int] }
	for name, test := range map[string]struct {
		call func(ctx durable.Context, f futures) (any, error)
		want string
	}{
		"all": {func(ctx durable.Context, f futures) (any, error) {
			return durable.All(ctx, "c", f.slow, f.fast)
		}, "[2 1] <nil>"},
		"all of none": {func(ctx durable.Context, f futures) (any, error) {
			return durable.All[int](ctx, "c")
		}, "[] <nil>"},
		"all, one fails": {func(ctx durable.Context, f futures) (any, error) {
			return durable.All(ctx, "c", f.slow, f.bad)
		}, `[] child context "bad" failed: declined with 7`},
		"all settled": {func(ctx durable.Context, f futures) (any, error) {
			return durable.AllSettled(ctx, "c", f.slow, f.bad)
		}, `[{2 <nil>} {0 child context "bad" failed: declined with 7}] <nil>`},
		"any": {func(ctx durable.Context, f futures) (any, error) {
			return durable.Any(ctx, "c", f.bad, f.slow, f.fast)
		}, "1 <nil>"},
		"any, all fail": {func(ctx durable.Context, f futures) (any, error) {
			return durable.Any(ctx, "c", f.bad, f.bad2)
		}, `0 all 2 futures of "c" failed, the first with: child context "bad" failed: declined with 7`},
		"race": {func(ctx durable.Context, f futures) (any, error) {
			return durable.Race(ctx, "c", f.slow, f.fast)
		}, "1 <nil>"},
		"race, failed": {func(ctx durable.Context, f futures) (any, error) {
			return durable.Race(ctx, "c", f.slow, f.bad)
		}, `0 child context "bad" failed: declined with 7`},
		"join": {func(ctx durable.Context, f futures) (any, error) {
			return nil, durable.Join(ctx, "c", f.slow, f.fast)
		}, "<nil> <nil>"},
		"join, one fails": {func(ctx durable.Context, f futures) (any, error) {
			return nil, durable.Join(ctx, "c", f.slow, f.bad)
		}, `<nil> child context "bad" failed: declined with 7`},
		"select": {func(ctx durable.Context, f futures) (any, error) {
			i, err := durable.Select(ctx, "c", f.slow, f.fast)
			if err == nil {
				_, err = f.slow.Result(ctx)
			}
			return i, err
		}, "1 <nil>"},
		"select, failed": {func(ctx durable.Context, f futures) (any, error) {
			return durable.Select(ctx, "c", f.slow, f.bad)
		}, "1 <nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				var seen []string
				h := handle(svc, func(ctx durable.Context) (any, error) {
					f := futures{
						durable.Go(ctx, "fast", after("fast", time.Second, 1)),
						durable.Go(ctx, "slow", after("slow", 2*time.Second, 2)),
						durable.Go(ctx, "bad", failing),
						durable.Go(ctx, "bad2", failing),
					}
					v, err := test.call(ctx, f)
					var card *cardDeclined
					if err != nil && !errors.As(err, &card) {
						t.Errorf("%v is no cardDeclined", err)
					}
					seen = append(seen, strings.ReplaceAll(fmt.Sprint(v, " ", err), "0x", ""))
					return nil, durable.Wait(ctx, "", time.Hour)
				}, durable.WithErrors(durable.ErrorType[*cardDeclined]("CardDeclined")))
				if out := svc.run(h); out.Status != protocol.InvocationSucceeded {
					t.Errorf("got %s", out.errorText())
				}
				for _, got := range seen {
					if got != test.want {
						t.Errorf("got %s, want %s", got, test.want)
					}
				}
				if len(seen) < 2 {
					t.Errorf("the handler got there %d times, want a replay", len(seen))
				}
			})
		})
	}
}

func TestFutureCancel(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		h := handle(svc, func(ctx durable.Context) (string, error) {
			f := durable.Go(ctx, "f", after("f", time.Hour, 1))
			done := durable.Go(ctx, "done", func(durable.Context) (int, error) { return 2, nil })
			if _, err := done.Result(ctx); err != nil {
				return "", err
			}
			if err := durable.Wait(ctx, "w", time.Second); err != nil {
				return "", err
			}
			if err := errors.Join(f.Cancel(ctx), f.Cancel(ctx), done.Cancel(ctx)); err != nil {
				return "", err
			}
			n, err := done.Result(ctx)
			if err != nil {
				return "", err
			}
			_, err = f.Result(ctx)
			return fmt.Sprint(n, " ", err), durable.Wait(ctx, "w", time.Second)
		})
		if out := svc.run(h); !strings.HasPrefix(out.result(), `"2 child context \"f\" failed: perdure: canceled`) {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
	})
}

func TestFutureDone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var pending <-chan struct{}
		h := handle(svc, func(ctx durable.Context) (string, error) {
			f := durable.Go(ctx, "f", after("f", time.Second, 1))
			never := durable.Go(ctx, "n", after("n", time.Hour, 1))
			pending = never.Done()
			select {
			case <-f.Done():
			case <-never.Done():
				t.Error("the wrong one is done")
			}
			<-durable.Go[int](ctx, "bad", nil).Done()
			return "", nil
		})
		if out := svc.run(h); out.result() != `""` {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
		<-pending // the invocation is over
	})
}

func TestFutureMisuse(t *testing.T) {
	nothing := func(durable.Context) (int, error) { return 0, nil }
	var kept *durable.Future[int]
	for want, fn := range map[string]func(durable.Context) (int, error){
		`perdure: durable.Go "x": the function is nil`: func(ctx durable.Context) (int, error) {
			return durable.Go[int](ctx, "x", nil).Result(ctx)
		},
		`perdure: durable.Go "é": the name has`: func(ctx durable.Context) (int, error) {
			return durable.Go(ctx, "é", nothing).Result(ctx)
		},
		`perdure: durable.Go "x": an option is nil`: func(ctx durable.Context) (int, error) {
			return durable.All1(durable.All(ctx, "all", durable.Go(ctx, "x", nothing, nil)))
		},
		`perdure: durable.Race "r": there are no futures to choose from`: func(ctx durable.Context) (int, error) {
			return durable.Race[int](ctx, "r")
		},
		`perdure: durable.Select "s": future 1 is not from durable.Go`: func(ctx durable.Context) (int, error) {
			return durable.Select(ctx, "s", durable.Go(ctx, "x", nothing), (*durable.Future[string])(nil))
		},
		`perdure: Future.Result "x": ctx is not a durable context`: func(ctx durable.Context) (int, error) {
			return durable.Go(ctx, "x", nothing).Result(nil)
		},
		`MisuseError: perdure: Future.Result "x": its context is in use by another operation`: func(ctx durable.Context) (int, error) {
			f := durable.Go(ctx, "x", nothing)
			return durable.RunInChildContext(ctx, "child", func(durable.Context) (int, error) { return f.Result(ctx) })
		},
		`MisuseError: perdure: durable.All "all": the future belongs to another invocation`: func(ctx durable.Context) (int, error) {
			return durable.All1(durable.All(ctx, "all", kept))
		},
		`MisuseError: perdure: Future.Result "kept": the future belongs to another invocation`: func(ctx durable.Context) (int, error) {
			return kept.Result(ctx)
		},
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				svc.run(handle(svc, func(ctx durable.Context) (int, error) {
					kept = durable.Go(ctx, "kept", nothing)
					return 0, nil
				}))
				svc = newService(t, "{}")
				if out := svc.run(handle(svc, fn)); !strings.Contains(out.errorText(), want) {
					t.Errorf("got %q, want %q in it", out.errorText(), want)
				}
			})
		})
	}
}

func TestDeadlock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		h := handle(svc, func(ctx durable.Context) (int, error) {
			futures := make(chan *durable.Future[int], 1)
			a := durable.Go(ctx, "a", func(ctx durable.Context) (int, error) {
				durable.Wait(ctx, "w", time.Second)
				return (<-futures).Result(ctx)
			})
			b := durable.Go(ctx, "b", func(ctx durable.Context) (int, error) { return a.Result(ctx) })
			futures <- b
			durable.Wait(ctx, "w", time.Second)
			return durable.Race(ctx, "race", a, b)
		})
		want := `DeadlockError: perdure: deadlock: nothing is pending, and all that is under way waits for each other: ` +
			`context "a" (operation 1) waits for future "b"; context "b" (operation 2) waits for future "a"; ` +
			`the handler waits for durable.Race "race"`
		if out := svc.run(h); out.errorText() != want {
			t.Errorf("got %s %q\nwant %q", out.Status, out.errorText(), want)
		}
	})
}

func TestFutureNonDeterminism(t *testing.T) {
	run := func(names ...string) func(ctx durable.Context) (int, error) {
		return func(ctx durable.Context) (int, error) {
			var futures []*durable.Future[int]
			for _, name := range names {
				futures = append(futures, durable.Go(ctx, name, after(name, time.Second, 1)))
			}
			if _, err := durable.All(ctx, "all", futures...); err != nil {
				return 0, err
			}
			return 0, durable.Wait(ctx, "w", time.Second)
		}
	}
	for want, names := range map[string][]string{
		`operation 1: recorded CONTEXT/RunInChildContext "a", but the code now does CONTEXT/RunInChildContext "x"`:   {"x", "b"},
		`operation 2: recorded CONTEXT/RunInChildContext "b", but the code now does CONTEXT/RunInChildContext "all"`: {"a"},
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				svc.invoke(handle(svc, run("a", "b")))
				svc.sleep()
				svc.invoke(handle(svc, run("a", "b")))
				if out := svc.run(handle(svc, run(names...))); !strings.Contains(out.errorText(), want) {
					t.Errorf("got %q, want %q in it", out.errorText(), want)
				}
			})
		})
	}
}

// A race that decided before the crash decides the same after it.
func TestRaceReplaysItsDecision(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var seen []string
		h := handle(svc, func(ctx durable.Context) (string, error) {
			slow := durable.Go(ctx, "slow", func(ctx durable.Context) (string, error) {
				return "slow", durable.Wait(ctx, "", 2*time.Second)
			})
			fast := durable.Go(ctx, "fast", func(ctx durable.Context) (string, error) {
				return strings.Repeat("fast", 100_000), durable.Wait(ctx, "", time.Second)
			})
			i, err := durable.Select(ctx, "s", slow, fast)
			if err != nil {
				return "", err
			}
			seen = append(seen, fmt.Sprint(i))
			text, err := fast.Result(ctx)
			if err != nil {
				return "", err
			}
			if _, err := slow.Result(ctx); err != nil {
				return "", err
			}
			return fmt.Sprint(len(text)), durable.Wait(ctx, "w", time.Second)
		})
		if out := svc.run(h); out.result() != `"400000"` || !slices.Equal(seen, []string{"1", "1", "1"}) {
			t.Errorf("got %s %s, selected %v", out.result(), out.errorText(), seen)
		}
	})
}

// Virtual futures are recorded nowhere, and still replay as they ended.
func TestVirtualFutures(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		beyond := 0
		h := handle(svc, func(ctx durable.Context) (int, error) {
			text, err := durable.RunInChildContext(ctx, "large", func(ctx durable.Context) (string, error) {
				slow := durable.Go(ctx, "slow", func(ctx durable.Context) (int, error) {
					durable.Wait(ctx, "slow", time.Hour)
					beyond++
					return 1, nil
				}, durable.WithVirtual())
				fast := durable.Go(ctx, "fast", after("fast", time.Second, 2), durable.WithVirtual())
				durable.Go(ctx, "left", after("left", time.Hour, 2), durable.WithVirtual())
				n, err := durable.Race(ctx, "race", slow, fast)
				if err != nil {
					return "", err
				}
				if _, err := slow.Result(ctx); !errors.Is(err, durable.ErrCanceled) {
					t.Errorf("the loser ended with %v", err)
				}
				return strings.Repeat("x", n<<20), durable.Wait(ctx, "w", time.Second)
			})
			if err != nil {
				return 0, err
			}
			return len(text), durable.Wait(ctx, "w", time.Second)
		})
		out := svc.run(h)
		if out.result() != fmt.Sprint(2<<20) || beyond != 0 || svc.invocations != 4 {
			t.Errorf("got %s %s in %d invocations; the loser got beyond its wait %d times", out.result(), out.errorText(), svc.invocations, beyond)
		}
	})
}

// What is cancelled already, and not heard of yet, is not cancelled again: the
// service would refuse it, and all the rest with it.
func TestCancelledOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		svc.after = func(int, *protocol.CheckpointReply) error {
			if svc.invocations == 2 {
				time.Sleep(time.Second) // on the way back
			}
			return nil
		}
		out := svc.run(handle(svc, func(ctx durable.Context) (int, error) {
			return durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (int, error) {
				durable.Go(ctx, "outer", func(ctx durable.Context) (int, error) {
					durable.Go(ctx, "inner", after("inner", time.Hour, 1))
					return 1, durable.Wait(ctx, "first", time.Second)
				})
				err := durable.Wait(ctx, "second", time.Second)
				time.Sleep(time.Second / 2)
				return 1, err
			})
		}))
		cancels := 0
		for _, call := range svc.calls {
			for _, u := range call {
				if u.Action == protocol.ActionCancel {
					cancels++
				}
			}
		}
		if out.result() != "1" || cancels != 1 {
			t.Errorf("got %s %s, %d cancels; want 1", out.result(), out.errorText(), cancels)
		}
	})
}

// A future whose result was too large to be recorded has ended all the same:
// while it runs again to get the result back it cannot be canceled.
func TestLargeFutureIsNotCanceled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		svc.before = func(int) error {
			if svc.invocations == 2 && slices.Contains(svc.events, "ContextFailed bad") {
				return errNowhere // the combinator's end
			}
			return nil
		}
		large := strings.Repeat("x", 300<<10)
		out := svc.run(handle(svc, func(ctx durable.Context) (bool, error) {
			f := durable.Go(ctx, "large", func(ctx durable.Context) (string, error) {
				time.Sleep(time.Second)
				return large, nil
			})
			bad := durable.Go(ctx, "bad", func(ctx durable.Context) (string, error) {
				return "", errors.Join(durable.Wait(ctx, "w", 5*time.Second), errItem)
			})
			_, err := durable.All(ctx, "all", f, bad)
			if err == nil {
				t.Error("All succeeded")
			}
			v, err := f.Result(ctx)
			return v == large, err
		}))
		if out.result() != "true" || svc.invocations < 3 {
			t.Errorf("got %s %s in %d invocations, want true in 3", out.result(), out.errorText(), svc.invocations)
		}
	})
}

// A future that is recorded nowhere, and was left behind while it waited for one
// that is, waits there again when the context around it runs for its result.
func TestVirtualFutureLeftBehindAtAnother(t *testing.T) {
	for name, use := range map[string]func(durable.Context, *durable.Future[int]) error{
		"result": func(ctx durable.Context, f *durable.Future[int]) error { return second(f.Result(ctx)) },
		"cancel": func(ctx durable.Context, f *durable.Future[int]) error {
			if err := durable.Wait(ctx, "before", time.Hour); err != nil {
				return err
			}
			return f.Cancel(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				out := svc.run(handle(svc, func(ctx durable.Context) (int, error) {
					text, err := durable.RunInChildContext(ctx, "large", func(ctx durable.Context) (string, error) {
						durable.Go(ctx, "virtual", func(ctx durable.Context) (int, error) {
							f := durable.Go(ctx, "recorded", after("recorded", 2*time.Hour, 1))
							err := use(ctx, f)
							t.Errorf("the code left behind went on with %v", err)
							return 0, err
						}, durable.WithVirtual())
						return strings.Repeat("x", 300<<10), durable.Wait(ctx, "short", time.Second)
					})
					return len(text), errors.Join(err, durable.Wait(ctx, "after", time.Second))
				}))
				if out.result() != fmt.Sprint(300<<10) {
					t.Errorf("got %s %s", out.result(), out.errorText())
				}
			})
		})
	}
}

// A wait that passes while its CANCEL is queued behind another call is not
// cancelled any more.
func TestCancelIsTakenBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		svc.before = func(int) error {
			if slices.Contains(svc.events, "StepStarted first") && !slices.Contains(svc.events, "StepSucceeded first") {
				time.Sleep(3 * time.Second) // on the way there
			}
			return nil
		}
		out := svc.run(handle(svc, func(ctx durable.Context) (int, error) {
			beside := durable.Go(ctx, "beside", after("beside", 2*time.Second, 1))
			durable.Go(ctx, "other", func(ctx durable.Context) (int, error) {
				return durable.Step(ctx, "first", func(context.Context) (int, error) { time.Sleep(time.Second); return 1, nil })
			})
			time.Sleep(1500 * time.Millisecond)
			return 1, beside.Cancel(ctx)
		}))
		if out.result() != "1" {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
		if op := svc.find("1-1"); op.Status != protocol.StatusSucceeded {
			t.Errorf("the wait is %s", op.Status)
		}
	})
}
