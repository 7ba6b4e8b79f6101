package durable_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// An execution that was recorded by one version of the code is replayed by another.
func TestNonDeterminism(t *testing.T) {
	recorded := func(ctx durable.Context, _ any) (int, error) {
		if _, err := durable.Step(ctx, "charge", zero); err != nil {
			return 0, err
		}
		return 0, durable.Wait(ctx, "pause", time.Second)
	}
	for want, now := range map[string]func(durable.Context, any) (int, error){
		`operation 1: recorded STEP/Step "charge", but the code now does STEP/Step "refund"`: func(ctx durable.Context, _ any) (int, error) {
			return durable.Step(ctx, "refund", zero)
		},
		`operation 1: recorded STEP/Step "charge", but the code now does WAIT/Wait "charge"`: func(ctx durable.Context, _ any) (int, error) {
			return 0, durable.Wait(ctx, "charge", time.Second)
		},
		`operation 2: recorded WAIT/Wait "pause", but the code returned without reaching it`: func(ctx durable.Context, _ any) (int, error) {
			return durable.Step(ctx, "charge", zero)
		},
		`operation 1: recorded STEP/Step "charge", but the code returned without reaching it`: func(durable.Context, any) (int, error) {
			return 0, nil
		},
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				if _, err := svc.invoke(durable.NewHandler(recorded, durable.WithClient(svc))); err != nil {
					t.Fatal(err)
				}
				out, err := svc.invoke(durable.NewHandler(now, durable.WithClient(svc)))
				if err != nil || !strings.HasPrefix(out.errorText(), "NonDeterminismError: ") || !strings.Contains(out.errorText(), want) {
					t.Errorf("got %q %v\nwant in it %s", out.errorText(), err, want)
				}
			})
		})
	}
}

func TestForeignOperationIDs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		svc.record(protocol.Update{ID: "c4ca4238a0b92382", Type: protocol.TypeStep, Action: protocol.ActionSucceed})
		out, err := svc.invoke(stepHandler(svc, zero))
		if err != nil || !strings.Contains(out.errorText(), `holds operation "c4ca4238a0b92382", which this SDK did not write`) {
			t.Errorf("got %q %v", out.errorText(), err)
		}
	})
}

func TestMisuse(t *testing.T) {
	var kept durable.Context
	for want, handler := range map[string]func(durable.Context, any) (int, error){
		`MisuseError: perdure: durable.Wait "w": its context is in use by another operation`: func(ctx durable.Context, _ any) (int, error) {
			return durable.Step(ctx, "s", func(context.Context) (int, error) { return 0, durable.Wait(ctx, "w", time.Second) })
		},
		`MisuseError: perdure: durable.Step "x": its context is over`: func(ctx durable.Context, _ any) (int, error) {
			if _, err := durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (int, error) {
				kept = ctx
				return 0, nil
			}); err != nil {
				return 0, err
			}
			return durable.Step(kept, "x", zero)
		},
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				out, err := svc.invoke(durable.NewHandler(handler, durable.WithClient(svc)))
				if err != nil || !strings.HasPrefix(out.errorText(), want) {
					t.Errorf("got %q %v, want %s", out.errorText(), err, want)
				}
			})
		})
	}
}

// A context that outlived its invocation fails the execution, rather than each
// of the invocations to come.
func TestContextOfAnEarlierInvocation(t *testing.T) {
	for call, use := range map[string]func(kept durable.Context){
		`durable.Step "x"`:    func(kept durable.Context) { durable.Step(kept, "x", zero) },
		`durable.Version "x"`: func(kept durable.Context) { durable.Version(kept, "x", 1) },
		`durable.UUID ""`:     func(kept durable.Context) { durable.UUID(kept) },
	} {
		t.Run(call, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				var kept durable.Context
				h := handle(svc, func(ctx durable.Context) (int, error) {
					if kept == nil {
						kept = ctx
					}
					if err := durable.Wait(ctx, "pause", time.Second); err != nil {
						return 0, err
					}
					use(kept)
					t.Error("the operation returned")
					return 0, nil
				})
				want := "perdure: " + call + ": its context is of an earlier invocation"
				if out := svc.run(h); !strings.Contains(out.errorText(), want) || svc.invocations != 2 {
					t.Errorf("got %s %q after %d invocations, want %q in it after 2", out.result(), out.errorText(), svc.invocations, want)
				}
			})
		})
	}
}

// Code that waits for a future under a context that is over would never hear
// of it.
func TestFutureUnderAContextThatIsOver(t *testing.T) {
	for call, use := range map[string]func(f *durable.Future[int], over durable.Context){
		`Future.Result "f"`: func(f *durable.Future[int], over durable.Context) { f.Result(over) },
		`Future.Cancel "f"`: func(f *durable.Future[int], over durable.Context) { f.Cancel(over) },
	} {
		t.Run(call, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				h := handle(svc, func(ctx durable.Context) (int, error) {
					f := durable.Go(ctx, "f", after("f", time.Hour, 1))
					var over durable.Context
					_, err := durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (int, error) {
						over = ctx
						return 0, nil
					})
					use(f, over)
					return 0, err
				})
				want := "MisuseError: perdure: " + call + ": its context is over"
				if out := svc.run(h); !strings.HasPrefix(out.errorText(), want) {
					t.Errorf("got %s %q, want %q", out.result(), out.errorText(), want)
				}
			})
		})
	}
}

// Ids must not change between releases: executions that sleep were recorded
// with them.
func TestOperationIDsGolden(t *testing.T) {
	deep := strings.TrimSuffix(strings.Repeat("1000-", 12), "-") // 59 bytes
	for _, test := range []struct {
		context string
		n       int
		want    string
	}{
		{"", 1, "1"},
		{"", 3000, "3000"},
		{"3", 1, "3-1"},
		{"3-1", 12, "3-1-12"},
		{deep, 1000, deep + "-1000"},
		{deep, 10000, "h4a6838d82bc031ee8e38ef94bebc4bb2"},
		{"h4a6838d82bc031ee8e38ef94bebc4bb2", 2, "h4a6838d82bc031ee8e38ef94bebc4bb2-2"},
	} {
		if got := durable.ChildID(test.context, test.n); got != test.want {
			t.Errorf("operation %d of %q: got id %q, want %q", test.n, test.context, got, test.want)
		}
	}
}

// Contexts nested so deeply that ids are hashed replay like any other.
func TestHashedIDsReplay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		runs := 0
		var nest func(ctx durable.Context, depth int) (int, error)
		nest = func(ctx durable.Context, depth int) (int, error) {
			if depth > 0 {
				return durable.RunInChildContext(ctx, "nest", func(ctx durable.Context) (int, error) { return nest(ctx, depth-1) })
			}
			if _, err := durable.Step(ctx, "deep", func(context.Context) (int, error) { runs++; return 0, nil }); err != nil {
				return 0, err
			}
			return 7, durable.Wait(ctx, "pause", time.Second)
		}
		h := durable.NewHandler(func(ctx durable.Context, _ any) (int, error) { return nest(ctx, 40) }, durable.WithClient(svc))
		if out := svc.run(h); out.result() != "7" || runs != 1 {
			t.Errorf("got %s %s after %d runs of the step, want 7 after one", out.result(), out.errorText(), runs)
		}
	})
}

// A recorded result that no longer fits its type fails the execution: code
// that got an error would compensate for a step that succeeded.
func TestResultTypeChanged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		first := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			durable.Step(ctx, "s", func(context.Context) (string, error) { return "text", nil })
			return nil, durable.Wait(ctx, "w", time.Second)
		}, durable.WithClient(svc))
		if _, err := svc.invoke(first); err != nil {
			t.Fatal(err)
		}
		out, err := svc.invoke(durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			durable.Step(ctx, "s", zero)
			t.Error("the step returned")
			return nil, nil
		}, durable.WithClient(svc)))
		if err != nil || !strings.HasPrefix(out.errorText(), `SerdesError: perdure: cannot encode or decode the result of durable.Step "s": json: cannot unmarshal string`) {
			t.Errorf("got %q %v", out.errorText(), err)
		}
	})
}
