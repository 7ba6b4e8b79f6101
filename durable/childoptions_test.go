package durable_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// A virtual context takes a number and nothing else: what is inside has ids of
// its own, and is recorded as the surrounding context's.
func TestVirtualContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		runs := 0
		h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
			n, err := durable.RunInChildContext(ctx, "group", func(ctx durable.Context) (int, error) {
				runs++
				n, err := durable.Step(ctx, "inner", one)
				if err != nil {
					return 0, err
				}
				m, err := durable.RunInChildContext(ctx, "real", func(ctx durable.Context) (int, error) { return durable.Step(ctx, "innermost", one) })
				return n + m, errors.Join(err, durable.Wait(ctx, "pause", time.Second))
			}, durable.WithVirtual())
			if err != nil {
				return 0, err
			}
			return n, durable.Wait(ctx, "after", time.Second)
		}, durable.WithClient(svc))
		if out := svc.run(h); out.result() != "2" || runs != 3 {
			t.Errorf("got %s %s in %d runs of the group, want 2 in 3", out.result(), out.errorText(), runs)
		}
		var ids []string
		for _, op := range svc.ops {
			ids = append(ids, op.ID+" in "+op.ParentID+": "+op.Name)
		}
		want := []string{"1-1 in : inner", "1-2 in : real", "1-2-1 in 1-2: innermost", "1-3 in : pause", "2 in : after"}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("operations (-want +got):\n%s", diff)
		}
	})
}

// Inside a context that is only rebuilt nothing new may happen, but what is
// recorded nowhere is no news.
func TestVirtualContextInLargeChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		group := func(ctx durable.Context) error {
			_, err := durable.RunInChildContext(ctx, "group", func(ctx durable.Context) (int, error) { return durable.Step(ctx, "s", one) }, durable.WithVirtual())
			return err
		}
		if out := svc.run(largeChild(svc, 300<<10, group)); out.result() != "307200" || svc.invocations != 2 {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
	})
}

func TestVirtualContextFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			_, err := durable.RunInChildContext(ctx, "group", func(durable.Context) (int, error) { return 0, &cardDeclined{Code: 5} }, durable.WithVirtual())
			_, isChild := durable.Failed(err, protocol.SubTypeRunInChildContext)
			var recorded *durable.RecordedError
			if !isChild || !errors.As(err, &recorded) || recorded.Type != "cardDeclined" {
				t.Errorf("got %v, want a ChildContextError as of a context that is recorded", err)
			}
			return nil, nil
		}, durable.WithClient(svc)))
	})
}

// Each line is written once, inside virtual contexts too.
func TestVirtualContextLogs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		var lines strings.Builder
		logger := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key != slog.MessageKey {
				return slog.Attr{}
			}
			return a
		}}))
		h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
			ctx.Logger().Info("1")
			_, err := durable.RunInChildContext(ctx, "", func(ctx durable.Context) (int, error) {
				ctx.Logger().Info("2")
				if err := durable.Wait(ctx, "", time.Second); err != nil {
					return 0, err
				}
				ctx.Logger().Info("3")
				return 0, nil
			}, durable.WithVirtual())
			ctx.Logger().Info("4")
			_, _ = durable.RunInChildContext(ctx, "", func(ctx durable.Context) (int, error) {
				ctx.Logger().Info("5")
				return 0, nil
			}, durable.WithVirtual())
			ctx.Logger().Info("6")
			if err := durable.Wait(ctx, "", time.Second); err != nil {
				return 0, err
			}
			ctx.Logger().Info("7")
			return 0, err
		}, durable.WithClient(svc), durable.WithLogger(logger))
		svc.run(h)
		if got, want := strings.Fields(strings.ReplaceAll(lines.String(), "msg=", "")), []string{"1", "2", "3", "4", "5", "6", "7"}; !cmp.Equal(got, want) {
			t.Errorf("got lines %v, want %v", got, want)
		}
	})
}

func TestSummary(t *testing.T) {
	for name, test := range map[string]struct {
		size int
		want string
	}{"small": {10, `"xxxxxxxxxx"`}, "large": {300 << 10, "307200 bytes"}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				out := svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
					s, err := durable.RunInChildContext(ctx, "c", durable.Summarized(
						func(durable.Context) (string, error) { return strings.Repeat("x", test.size), nil },
						func(s string) string { return fmt.Sprint(len(s), " bytes") }))
					return len(s), errors.Join(err, durable.Wait(ctx, "", time.Second))
				}, durable.WithClient(svc)))
				if got := *svc.ops[0].Payload; got != test.want || out.result() != fmt.Sprint(test.size) {
					t.Errorf("recorded %q, result %s, want %q, %d", got, out.result(), test.want, test.size)
				}
			})
		})
	}
}

func TestSummaryPanics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			_, err := durable.RunInChildContext(ctx, "c", durable.Summarized(
				func(durable.Context) (string, error) { return strings.Repeat("x", 300<<10), nil },
				func(string) string { panic("boom") }))
			if err == nil || !strings.Contains(err.Error(), `child context "c" failed: panic: boom`) {
				t.Errorf("got %v, want the panic", err)
			}
			return nil, nil
		}, durable.WithClient(svc)))
	})
}

// A summary goes with whatever is recorded as a context, and with nothing else.
func TestSummarizedWhere(t *testing.T) {
	large := func(durable.Context) (string, error) { return strings.Repeat("x", 300<<10), nil }
	brief := durable.Summarized(large, func(string) string { return "brief" })
	for name, test := range map[string]struct {
		run  func(ctx durable.Context) error
		want string // of the last payload, or in the error
	}{
		"future": {func(ctx durable.Context) error { _, err := durable.Go(ctx, "op", brief).Result(ctx); return err }, "brief"},
		"saga": {func(ctx durable.Context) error {
			_, err := durable.RunSaga(ctx, "op", func(ctx durable.Context, _ *durable.Saga) (string, error) { return brief(ctx) })
			return err
		}, "brief"},
		"derived context": {func(ctx durable.Context) error {
			_, err := durable.RunInChildContext(ctx, "op", func(ctx durable.Context) (string, error) { return brief(durable.With(ctx)) })
			return err
		}, "brief"},
		"virtual": {func(ctx durable.Context) error {
			_, err := durable.RunInChildContext(ctx, "op", brief, durable.WithVirtual())
			return err
		}, "a virtual context is not recorded, so it has no summary"},
		"nil": {func(ctx durable.Context) error {
			_, err := durable.RunInChildContext(ctx, "op", durable.Summarized[string](large, nil))
			return err
		}, "the function that Summarized should make a text with is nil"},
		"of nil": {func(ctx durable.Context) error {
			_, err := durable.RunInChildContext(ctx, "op", durable.Summarized(nil, func(string) string { return "" }))
			return err
		}, "the function is nil"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				var err error
				svc.run(handle(svc, func(ctx durable.Context) (any, error) { err = test.run(ctx); return nil, nil }))
				got := fmt.Sprint(err)
				if err == nil {
					got = *svc.ops[len(svc.ops)-1].Payload
				}
				if !strings.Contains(got, test.want) {
					t.Errorf("got %.100q, want %q", got, test.want)
				}
			})
		})
	}
}

func TestErrorMapping(t *testing.T) {
	for name, fn := range map[string]func(error) error{
		"mapped": func(err error) error { return fmt.Errorf("%w: %w", errShop, err) },
		"kept":   func(error) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				seen := 0
				svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
					_, err := durable.RunInChildContext(ctx, "c", func(durable.Context) (int, error) { return 0, errors.New("no") }, durable.WithErrorMapping(fn))
					seen++
					_, isChild := durable.Failed(err, protocol.SubTypeRunInChildContext)
					if errors.Is(err, errShop) != (name == "mapped") || !isChild {
						t.Errorf("got %v", err)
					}
					return nil, durable.Wait(ctx, "", time.Second)
				}, durable.WithClient(svc)))
				if seen != 2 {
					t.Errorf("seen %d times, want 2", seen)
				}
			})
		})
	}
}

// Wherever it runs, a mapping that panics is the failure of what it maps, which is
// still there to be found.
func TestErrorMappingPanics(t *testing.T) {
	mapping := durable.WithErrorMapping(func(error) error { panic("oh") })
	no := func(durable.Context) (int, error) { return 0, errors.New("no") }
	for want, call := range map[string]func(durable.Context) (int, error){
		`the error mapping of durable.RunInChildContext "c"`: func(ctx durable.Context) (int, error) { return durable.RunInChildContext(ctx, "c", no, mapping) },
		`the error mapping of durable.RunInChildContext "t"`: func(ctx durable.Context) (int, error) {
			return durable.RunInChildContext(ctx, "t", no, mapping, durable.WithTimeout(time.Minute))
		},
		`the error mapping of durable.Go "f"`: func(ctx durable.Context) (int, error) { return durable.Go(ctx, "f", no, mapping).Result(ctx) },
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				out := svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
					n, err := call(ctx)
					_, isChild := durable.Failed(err, protocol.SubTypeRunInChildContext)
					var panicked *durable.PanicError
					if !isChild || !errors.As(err, &panicked) {
						t.Errorf("got %v, want a ChildContextError and a PanicError", err)
					}
					return n, err
				}, durable.WithClient(svc)))
				if want += ": panic: oh"; !strings.HasSuffix(out.errorText(), " failed: no; "+want) {
					t.Errorf("got %s, want %s", out.errorText(), want)
				}
			})
		})
	}
}

func TestSubTypes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		svc.answers(succeeds(0, ""))
		own := durable.WithSubType("My-Own_1")
		out := svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
			_, err1 := durable.Step(ctx, "", one, own)
			_, err2 := durable.RunInChildContext(ctx, "", func(durable.Context) (int, error) { return 1, nil }, own)
			_, err3 := durable.CreateCallback[int](ctx, "", own)
			return 1, errors.Join(err1, err2, err3, durable.Wait(ctx, "", time.Second))
		}, durable.WithClient(svc)))
		for _, op := range svc.ops[:3] {
			if op.SubType != "My-Own_1" {
				t.Errorf("%s has subtype %q", op.Type, op.SubType)
			}
		}
		if out.result() != "1" || svc.invocations != 2 {
			t.Errorf("got %s %s in %d invocations", out.result(), out.errorText(), svc.invocations)
		}
	})
}

func TestSubTypeNonDeterminism(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		runs := 0
		out := svc.run(durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
			runs++
			_, err := durable.Step(ctx, "s", one, durable.WithSubType(fmt.Sprint("Run", runs)))
			return 1, errors.Join(err, durable.Wait(ctx, "", time.Second))
		}, durable.WithClient(svc)))
		if want := `recorded STEP/Run1 "s", but the code now does STEP/Run2 "s"`; !strings.Contains(out.errorText(), want) {
			t.Errorf("got %q, want %q", out.errorText(), want)
		}
	})
}

func TestChildOptionsBadInput(t *testing.T) {
	with := func(opts ...durable.ChildOption) func(durable.Context) error {
		return func(ctx durable.Context) error {
			_, err := durable.RunInChildContext(ctx, "x", func(durable.Context) (int, error) { return 1, nil }, opts...)
			return err
		}
	}
	for want, call := range map[string]func(durable.Context) error{
		"a virtual context is not recorded":              with(durable.WithVirtual(), durable.WithSubType("x")),
		"so it has neither Serdes":                       with(durable.WithVirtual(), durable.WithSerdes(durable.JSON)),
		"the function of WithErrorMapping is nil":        with(durable.WithErrorMapping(nil)),
		`the subtype "MapIteration" is one that the SDK`: with(durable.WithSubType("MapIteration")),
		"is not 1 to 32 letters":                         with(durable.WithSubType(strings.Repeat("x", 33))),
	} {
		refusedAtTheCall(t, "durable.RunInChildContext", want, call)
	}
}

// A virtual context groups operations without an operation of its own.
func ExampleWithVirtual() {
	svc := simulated(`{}`)
	handler := func(ctx durable.Context, _ struct{}) (int, error) {
		return durable.RunInChildContext(ctx, "group", func(ctx durable.Context) (int, error) {
			return durable.Step(ctx, "answer", func(context.Context) (int, error) { return 42, nil })
		}, durable.WithVirtual())
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	for _, op := range svc.ops {
		fmt.Println(op.ID, op.SubType, op.Name)
	}
	// Output:
	// succeeded: 42
	// 1-1 Step answer
}

// What is too large to be recorded is at least described.
func ExampleSummarized() {
	svc := simulated(`{}`)
	handler := func(ctx durable.Context, _ struct{}) (int, error) {
		report, err := durable.RunInChildContext(ctx, "report", durable.Summarized(func(durable.Context) (string, error) {
			return strings.Repeat("all is well. ", 40_000), nil
		}, func(report string) string { return fmt.Sprintf("%d bytes, good news", len(report)) }))
		return len(report), err
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	fmt.Println("recorded:", *svc.ops[0].Payload)
	// Output:
	// succeeded: 520000
	// recorded: 520000 bytes, good news
}

// A part of the workflow fails with the words of the whole.
func ExampleWithErrorMapping() {
	svc := simulated(`{}`)
	handler := func(ctx durable.Context, _ struct{}) (int, error) {
		return durable.RunInChildContext(ctx, "stock", func(ctx durable.Context) (int, error) {
			return 0, errors.New("shelf 7 is empty")
		}, durable.WithErrorMapping(func(err error) error { return fmt.Errorf("cannot deliver: %w", err) }))
	}
	simulate(durable.NewHandler(handler, durable.WithClient(svc)), svc)
	// Output: failed: ChildContextError: cannot deliver: child context "stock" failed: shelf 7 is empty
}
