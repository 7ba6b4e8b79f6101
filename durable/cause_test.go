package durable_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
)

// Code that fails on a replay before it comes to what is recorded says why: in
// the error, in the history, in the log.
func TestCauseOfNotReachingWhatIsRecorded(t *testing.T) {
	missing := errors.New("TABLE is not set")
	step := func(ctx durable.Context) (int, error) { return durable.Step(ctx, "charge", zero) }
	// with runs check before the step, in whichever context.
	with := map[string]func(ctx durable.Context, check func() error) error{
		"handler": func(ctx durable.Context, check func() error) error {
			if err := check(); err != nil {
				return err
			}
			return errors.Join(second(step(ctx)), durable.Wait(ctx, "pause", time.Second))
		},
		"child": func(ctx durable.Context, check func() error) error {
			return second(durable.RunInChildContext(ctx, "c", inContext(check, step)))
		},
		"child with a deadline": func(ctx durable.Context, check func() error) error {
			return second(durable.RunInChildContext(ctx, "c", inContext(check, step), durable.WithTimeout(time.Hour)))
		},
		"virtual child": func(ctx durable.Context, check func() error) error {
			return second(durable.RunInChildContext(ctx, "c", inContext(check, step), durable.WithVirtual()))
		},
		"future": func(ctx durable.Context, check func() error) error {
			return second(durable.Go(ctx, "c", inContext(check, step)).Result(ctx))
		},
		"item": func(ctx durable.Context, check func() error) error {
			return second(durable.Map(ctx, "m", []int{1},
				func(ctx durable.Context, _, _ int) (int, error) { return inContext(check, step)(ctx) }))
		},
		"flat item": func(ctx durable.Context, check func() error) error {
			return second(durable.Map(ctx, "m", []int{1},
				func(ctx durable.Context, _, _ int) (int, error) { return inContext(check, step)(ctx) }, durable.WithFlat()))
		},
		"branch": func(ctx durable.Context, check func() error) error {
			return second(durable.Parallel(ctx, "p", []durable.Branch[int]{{Func: inContext(check, step)}}))
		},
		"attempt": func(ctx durable.Context, check func() error) error {
			return second(durable.Retry(ctx, "r", func(ctx durable.Context, _ int) (int, error) { return inContext(check, step)(ctx) }))
		},
		"task": func(ctx durable.Context, check func() error) error {
			g := new(durable.Graph)
			durable.AddTask(g, "t", inContext(check, step))
			return g.Run(ctx, "g")
		},
		"saga": func(ctx durable.Context, check func() error) error {
			return second(durable.RunSaga(ctx, "s", func(ctx durable.Context, _ *durable.Saga) (int, error) {
				return inContext(check, step)(ctx)
			}))
		},
	}
	for name, run := range with {
		for how, fail := range map[string]func() error{
			"error": func() error { return fmt.Errorf("starting: %w", missing) },
			"panic": func() error { panic(missing) },
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					svc := newService(t, "{}")
					var log bytes.Buffer
					check := func() error { return nil }
					h := handle(svc, func(ctx durable.Context) (any, error) {
						return nil, run(ctx, func() error { return check() })
					}, durable.WithLogger(slog.New(slog.NewJSONHandler(&log, nil))))
					if _, err := svc.invoke(h); err != nil {
						t.Fatal(err)
					}
					svc.sleep()
					check = fail
					out, err := svc.invoke(h)
					if err != nil || out.Error == nil || out.Error.ErrorType != "NonDeterminismError" {
						t.Fatalf("got %s %+v %v", out.Status, out.Error, err)
					}
					for _, want := range []string{`recorded STEP/Step "charge", but the code now fails without reaching it: `,
						missing.Error()} {
						if !strings.Contains(out.Error.ErrorMessage, want) {
							t.Errorf("got %s\nwant in it %s", out.Error.ErrorMessage, want)
						}
						if !strings.Contains(strings.ReplaceAll(log.String(), `\"`, `"`), want) {
							t.Errorf("logged %s\nwant in it %s", log.String(), want)
						}
					}
					if how == "panic" && (!strings.Contains(fmt.Sprint(out.Error.StackTrace), "cause_test.go") ||
						!strings.Contains(log.String(), "cause_test.go")) {
						t.Errorf("the stack is %q\nlogged %s", out.Error.StackTrace, log.String())
					}
				})
			})
		}
	}
}

// inContext is work in which something is checked before it is done.
func inContext(check func() error, step func(durable.Context) (int, error)) func(durable.Context) (int, error) {
	return func(ctx durable.Context) (int, error) {
		if err := check(); err != nil {
			return 0, err
		}
		n, err := step(ctx)
		return n, errors.Join(err, durable.Wait(ctx, "pause", time.Second))
	}
}

// The cause is in the error's chain, and does not give it another name.
func TestCauseIsInTheChain(t *testing.T) {
	err := durable.NonDeterminism(errShop)
	if !errors.Is(err, errShop) || !strings.Contains(err.Error(), "but the code now fails without reaching it: "+errShop.Error()) {
		t.Errorf("got %v", err)
	}
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		runs := 0
		out := svc.run(handle(svc, func(ctx durable.Context) (any, error) {
			if runs++; runs > 1 {
				return nil, &cardDeclined{Code: 3}
			}
			return nil, durable.Wait(ctx, "w", time.Second)
		}, durable.WithErrors(durable.ErrorType[*cardDeclined]("CardDeclined"))))
		if out.Error.ErrorType != "NonDeterminismError" {
			t.Errorf("got %s", out.errorText())
		}
	})
}

// The input of an execution may be one that the new code cannot read.
func TestCauseIsTheInput(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{"n":1}`)
		if _, err := svc.invoke(durable.NewHandler(func(ctx durable.Context, _ struct{ N int }) (any, error) {
			return nil, durable.Wait(ctx, "w", time.Second)
		}, durable.WithClient(svc))); err != nil {
			t.Fatal(err)
		}
		out := svc.run(durable.NewHandler(func(ctx durable.Context, _ struct{ N string }) (any, error) { return nil, nil },
			durable.WithClient(svc)))
		want := "cannot encode or decode the execution's input: json: cannot unmarshal number"
		if !strings.Contains(out.errorText(), want) {
			t.Errorf("got %s, want %s in it", out.errorText(), want)
		}
	})
}

// A condition of a graph that fails on a replay is named, too.
func TestCauseIsACondition(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		runs := 0
		out := svc.run(handle(svc, func(ctx durable.Context) (any, error) {
			runs++
			g := new(durable.Graph)
			durable.AddTask(g, "t", func(ctx durable.Context) (int, error) {
				return 0, durable.Wait(ctx, "w", time.Second)
			}).When(func() bool {
				if runs > 1 {
					panic("no answer")
				}
				return true
			})
			return nil, g.Run(ctx, "g")
		}))
		if want := `recorded CONTEXT/DagTask "t", but the code now fails without reaching it: panic: no answer`; !strings.Contains(out.errorText(), want) {
			t.Errorf("got %s, want %s in it", out.errorText(), want)
		}
	})
}

// A deferred function that cleans up is what meets the record first. The panic
// that it runs for is not forgotten.
func TestCauseBehindADeferredOperation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		runs := 0
		out := svc.run(handle(svc, func(ctx durable.Context) (any, error) {
			defer durable.Step(ctx, "clean-up", zero)
			if runs++; runs > 1 {
				panic("no table")
			}
			return nil, durable.Wait(ctx, "w", time.Second)
		}))
		want := `recorded WAIT/Wait "w", but the code now does STEP/Step "clean-up" (at `
		if text := out.errorText(); !strings.Contains(text, want) || !strings.Contains(text, "because it panics at ") ||
			!strings.Contains(fmt.Sprint(out.Error.StackTrace), "cause_test.go") {
			t.Errorf("got %s\n%q", text, out.Error.StackTrace)
		}
	})
}

// A choice that is made anew on each run is told with what was recorded, what the
// code does now, and where.
func TestChoicesMadeAnewAreNamed(t *testing.T) {
	var first bool
	var file string
	var line int
	here := func() { _, file, line, _ = runtime.Caller(1) }
	for name, test := range map[string]struct {
		code func(ctx durable.Context) (any, error)
		want string
	}{
		"step": {func(ctx durable.Context) (any, error) {
			if first {
				return durable.Step(ctx, "a", zero)
			}
			here()
			return durable.Step(ctx, "b", zero)
		}, `recorded STEP/Step "a", but the code now does STEP/Step "b"`},
		"name that is bad": {func(ctx durable.Context) (any, error) {
			name := "a"
			if !first {
				name = "\x00"
			}
			here()
			return durable.Step(ctx, name, zero)
		}, `recorded STEP/Step "a", but the code now does STEP/Step "\x00"`},
		"order": {func(ctx durable.Context) (any, error) {
			names := []string{"a", "b"}
			if !first {
				names = []string{"b", "a"}
			}
			here()
			r, err := durable.Map(ctx, "m", names, func(_ durable.Context, name string, _ int) (string, error) { return name, nil },
				durable.WithItemNames(func(i int) string { return names[i] }))
			return r.Values(), err
		}, `item 0 is called "b", but "a" was recorded`},
		"number": {func(ctx durable.Context) (any, error) {
			n := 3
			if !first {
				n = 4
			}
			here()
			r, err := durable.Map(ctx, "m", make([]int, n), func(durable.Context, int, int) (string, error) { return "", nil })
			return r.Values(), err
		}, `there are 4 items, but 3 were recorded`},
		"in a context": {func(ctx durable.Context) (any, error) {
			return durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (any, error) {
				if first {
					return nil, durable.Wait(ctx, "a", time.Minute)
				}
				here()
				return nil, durable.WaitUntil(ctx, "b", time.Now().Add(time.Minute))
			})
		}, `recorded WAIT/Wait "a", but the code now does WAIT/Wait "b"`},
		"in a future": {func(ctx durable.Context) (any, error) {
			return durable.Go(ctx, "c", func(ctx durable.Context) (any, error) {
				if first {
					return durable.Invoke(ctx, "a", durable.Function[int, int]{Name: "echo:1"}, 1)
				}
				here()
				return durable.CreateCallback[int](ctx, "a")
			}).Result(ctx)
		}, `recorded CHAINED_INVOKE/ChainedInvoke "a", but the code now does CALLBACK/Callback "a"`},
		"fewer futures": {func(ctx durable.Context) (any, error) {
			fs := []*durable.Future[int]{durable.Go(ctx, "a", func(durable.Context) (int, error) { return 0, nil })}
			if !first {
				fs = []*durable.Future[int]{nil}
			}
			here()
			return durable.Race(ctx, "r", fs...)
		}, `future 0 is not from durable.Go`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				svc.targets = map[string]func(string) settling{"echo:1": func(string) settling { return succeeds(time.Minute, "1") }}
				first = true
				h := handle(svc, func(ctx durable.Context) (any, error) {
					if _, err := test.code(ctx); err != nil {
						return nil, err
					}
					return nil, durable.Wait(ctx, "after", time.Second)
				})
				if out, err := svc.invoke(h); err != nil || out.Status != "PENDING" {
					t.Fatal(out.Status, out.errorText(), err)
				}
				first = false
				out, err := svc.invoke(h)
				where := fmt.Sprintf("(at %s:%d)", file, line+1)
				if text := out.errorText(); err != nil || !strings.HasPrefix(text, "NonDeterminismError: ") ||
					!strings.Contains(text, test.want) || !strings.Contains(text, where) {
					t.Errorf("got %s %v\nwant %s %s", text, err, test.want, where)
				}
			})
		})
	}
}

// hostile is a logger's handler that panics on all that the SDK says.
type hostile struct{ slog.Handler }

func (h hostile) Handle(context.Context, slog.Record) error { panic("no log") }
func (h hostile) WithAttrs([]slog.Attr) slog.Handler        { return h }

func TestLogThatPanics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		runs := 0
		out := svc.run(handle(svc, func(ctx durable.Context) (any, error) {
			if runs++; runs > 1 {
				return nil, errShop
			}
			return nil, durable.Wait(ctx, "w", time.Second)
		}, durable.WithLogger(slog.New(hostile{slog.DiscardHandler}))))
		if !strings.Contains(out.errorText(), errShop.Error()) {
			t.Errorf("got %s", out.errorText())
		}
	})
}
