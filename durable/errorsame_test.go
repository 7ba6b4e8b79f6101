package durable_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

// Errors of other packages that have the names of the SDK's own. CanceledError is
// what every client of AWS has.
type (
	CanceledError          struct{ Err error }
	StepTimeoutError       struct{ Name string }
	StepInterruptedError   struct{ Name string }
	DeadlineError          struct{ Name string }
	CallbackTimeoutError   struct{ Heartbeat bool }
	ConditionNotMet        struct{}
	SerdesError            struct{ What string }
	LimitError             struct{ What string }
	PanicError             struct{ Value string }
	CallbackSubmitterError struct{ Attempts int }
	CompensationError      struct{ Failed []string }
	InvokeError            struct{ TimedOut bool }
	GraphError             struct{ Task string }
	RecordedError          struct{ Type string }
	NonDeterminismError    struct{ ID string }
)

func (e *CanceledError) Error() string       { return fmt.Sprintf("canceled, %v", e.Err) }
func (e *CanceledError) Unwrap() error       { return e.Err }
func (StepTimeoutError) Error() string       { return "foreign" }
func (StepInterruptedError) Error() string   { return "foreign" }
func (DeadlineError) Error() string          { return "foreign" }
func (CallbackTimeoutError) Error() string   { return "foreign" }
func (ConditionNotMet) Error() string        { return "foreign" }
func (SerdesError) Error() string            { return "foreign" }
func (LimitError) Error() string             { return "foreign" }
func (PanicError) Error() string             { return "foreign" }
func (CallbackSubmitterError) Error() string { return "foreign" }
func (CompensationError) Error() string      { return "foreign" }
func (InvokeError) Error() string            { return "foreign" }
func (GraphError) Error() string             { return "foreign" }
func (RecordedError) Error() string          { return "foreign" }
func (NonDeterminismError) Error() string    { return "foreign" }

// Errors whose methods do what they may not.
type (
	agrees  struct{}         // is whatever it is asked for
	panics  struct{ n int }  // on every question
	cyclic  struct{}         // wraps itself
	declare struct{ N *int } // panics when it is written, if it holds nothing
	Shop    struct{}         // is called like a value that is declared
)

func (agrees) Error() string                    { return "agrees" }
func (agrees) Is(error) bool                    { return true }
func (agrees) As(any) bool                      { return true }
func (p *panics) Error() string                 { return fmt.Sprint("panics ", p.n) }
func (p *panics) Unwrap() error                 { panic(p.n) }
func (p *panics) Is(error) bool                 { panic(p.n) }
func (p *panics) As(any) bool                   { panic(p.n) }
func (c cyclic) Error() string                  { return "cyclic" }
func (c cyclic) Unwrap() error                  { return c }
func (d *declare) Error() string                { return "declared" }
func (d *declare) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, `{"N":%d}`, *d.N), nil }
func (Shop) Error() string                      { return "called like it" }

// foreignErrors are none of ours, nor declared, whatever they are called.
var foreignErrors = map[string]error{
	"CanceledError": &CanceledError{context.Canceled}, "StepTimeoutError": StepTimeoutError{"n"}, "StepInterruptedError": StepInterruptedError{},
	"DeadlineError": DeadlineError{}, "CallbackTimeoutError": CallbackTimeoutError{}, "ConditionNotMet": ConditionNotMet{}, "SerdesError": SerdesError{},
	"LimitError": LimitError{}, "PanicError": PanicError{}, "CallbackSubmitterError": CallbackSubmitterError{}, "CompensationError": CompensationError{},
	"InvokeError": InvokeError{true}, "GraphError": GraphError{}, "RecordedError": RecordedError{}, "NonDeterminismError": NonDeterminismError{},
	"wrapped": fmt.Errorf("calling it: %w", &CanceledError{errors.New("cause")}), "joined": errors.Join(errors.New("a"), StepTimeoutError{}),
	"agrees": agrees{}, "panics": &panics{1}, "nil": (*panics)(nil), "nil, wrapped": fmt.Errorf("it: %w", (*CanceledError)(nil)), "cyclic": cyclic{},
	"not UTF-8": errors.New("a\xffb"), "long": errors.New(strings.Repeat("é\xff", 20<<10)), "called like what is declared": Shop{},
	"a nil one of ours": (*durable.StepTimeoutError)(nil), "empty": errors.New(""),
}

// ownErrors are the SDK's, or declared, and are found on all runs.
var ownErrors = map[string]error{
	"ErrCanceled": durable.ErrCanceled, "wrapped": fmt.Errorf("so: %w", durable.ErrCanceled), "joined": errors.Join(errors.New("a"), durable.ErrConditionNotMet),
	"StepTimeoutError": &durable.StepTimeoutError{Name: "\xff", Timeout: time.Second}, "shop": fmt.Errorf("so: %w", errShop), "declared": &cardDeclined{Code: 3},
	"InvokeError": durable.TimedOut("i", &cardDeclined{Code: 4}), "declared, panics": &declare{},
	"SubmitterError": &durable.OperationError{Kind: durable.KindSubmitter, Attempts: 2, Err: fmt.Errorf("x: %w", durable.ErrCanceled)},
}

// failingOperations fail with err, in whichever way code can have an operation do so.
func failingOperations(err error) map[string]func(ctx durable.Context) (any, error) {
	once := durable.WithRetry(retry.None())
	body := func(context.Context) (int, error) { return 0, err }
	work := func(durable.Context) (int, error) { return 0, err }
	item := func(durable.Context, int, int) (int, error) { return 0, err }
	return map[string]func(ctx durable.Context) (any, error){
		"Step": func(ctx durable.Context) (any, error) { return durable.Step(ctx, "op", body, once) },
		"Step, retried": func(ctx durable.Context) (any, error) {
			return durable.Step(ctx, "op", body, durable.WithRetry(retry.Fixed(2, time.Second)))
		},
		"RunInChildContext": func(ctx durable.Context) (any, error) { return durable.RunInChildContext(ctx, "op", work) },
		"virtual": func(ctx durable.Context) (any, error) {
			return durable.RunInChildContext(ctx, "op", work, durable.WithVirtual())
		},
		"mapped": func(ctx durable.Context) (any, error) {
			return durable.RunInChildContext(ctx, "op", work, durable.WithErrorMapping(func(err error) error { return fmt.Errorf("mapped: %w", err) }))
		},
		"passed on": func(ctx durable.Context) (any, error) {
			return durable.RunInChildContext(ctx, "op", func(ctx durable.Context) (int, error) {
				_, err := durable.Step(ctx, "op", body, once)
				var r *durable.RecordedError
				if errors.As(err, &r) {
					return 0, r
				}
				return 0, err
			})
		},
		"RunSaga": func(ctx durable.Context) (any, error) {
			return durable.RunSaga(ctx, "op", func(_ durable.Context, s *durable.Saga) (int, error) {
				s.Compensate("undo", func(context.Context) error { return err }, once)
				return 0, err
			})
		},
		"Retry": func(ctx durable.Context) (any, error) {
			return durable.Retry(ctx, "op", func(durable.Context, int) (int, error) { return 0, err }, once)
		},
		"Graph": func(ctx durable.Context) (any, error) {
			g := new(durable.Graph)
			a := durable.AddTask(g, "a", func(durable.Context) (int, error) { return 1, nil }).Compensate(func(durable.Context, int) error { return err })
			durable.AddTask(g, "b", work).After(a)
			return nil, g.Run(ctx, "op")
		},
		"Go":  func(ctx durable.Context) (any, error) { return durable.Go(ctx, "op", work).Result(ctx) },
		"All": func(ctx durable.Context) (any, error) { return durable.All(ctx, "op", durable.Go(ctx, "a", work)) },
		"Any": func(ctx durable.Context) (any, error) { return durable.Any(ctx, "op", durable.Go(ctx, "a", work)) },
		"Map": func(ctx durable.Context) (any, error) { return durable.Map(ctx, "op", []int{1}, item) },
		"Map, flat": func(ctx durable.Context) (any, error) {
			return durable.Map(ctx, "op", []int{1}, item, durable.WithFlat())
		},
		"Map, large": func(ctx durable.Context) (any, error) {
			return durable.Map(ctx, "op", []int{0, 1}, func(_ durable.Context, _, i int) (string, error) {
				if i == 1 {
					return "", err
				}
				return strings.Repeat("x", 300<<10), nil
			}, durable.WithToleratedFailures(0), durable.WithMaxConcurrency(1))
		},
		"Parallel": func(ctx durable.Context) (any, error) {
			return durable.Parallel(ctx, "op", []durable.Branch[int]{{Func: work}})
		},
		"WaitForCondition": func(ctx durable.Context) (any, error) {
			return durable.WaitForCondition(ctx, "op", 0, func(context.Context, int) (int, bool, error) { return 0, false, err })
		},
		"WaitForCallback": func(ctx durable.Context) (any, error) {
			return durable.WaitForCallback[int](ctx, "op", func(context.Context, string) error { return err }, once)
		},
		"an item that is passed on": func(ctx durable.Context) (any, error) {
			return durable.RunInChildContext(ctx, "op", func(ctx durable.Context) (durable.BatchResult[int], error) {
				r, _ := durable.Map(ctx, "op", []int{1}, item)
				return r, r.Items[0].Err
			})
		},
	}
}

var declaredErrors = durable.WithErrors(durable.ErrorValue("Shop", errShop), durable.ErrorType[*cardDeclined]("CardDeclined"), durable.ErrorType[*declare]("Declared"))

func TestForeignErrorsAreNotOurs(t *testing.T) {
	for what, err := range foreignErrors {
		for name, op := range failingOperations(err) {
			t.Run(what+"/"+name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					runs := allRuns(t, "", op, declaredErrors)
					checkForeign(t, runs)
				})
			})
		}
	}
}

// checkForeign checks that nothing in an error that the code got is one of the
// SDK's that it did not make.
func checkForeign(t *testing.T, runs []sight) {
	t.Helper()
	if len(runs) == 0 || runs[0].err == "" {
		t.Fatal("there is no error")
	}
	for line := range strings.Lines(runs[0].err) {
		line = strings.TrimSpace(line)
		for _, own := range []string{"is ", "*durable.StepTimeoutError ", "*durable.StepInterruptedError ", "*durable.DeadlineError ", "*durable.CallbackTimeoutError ",
			"*durable.SerdesError ", "*durable.LimitError ", "*durable.PanicError ", "*durable_test.cardDeclined ", "*errors.errorString shop"} {
			if strings.HasPrefix(line, own) && !strings.HasPrefix(line, "is Foreign") {
				t.Errorf("found %q in\n%s", line, runs[0].err)
			}
		}
	}
}

func TestOwnErrorsAreFoundOnAllRuns(t *testing.T) {
	for what, err := range ownErrors {
		for name, op := range failingOperations(err) {
			t.Run(what+"/"+name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					var target error
					for _, s := range []error{durable.ErrCanceled, durable.ErrConditionNotMet, durable.ErrTimeout, errShop} {
						if errors.Is(err, s) {
							target = s
						}
					}
					allRuns(t, "", func(ctx durable.Context) (any, error) {
						v, got := op(ctx)
						if target != nil && !errors.Is(got, target) {
							t.Errorf("got %s\nwant %v in it", dissected(got), target)
						}
						return v, got
					}, declaredErrors)
				})
			})
		}
	}
}

// What others send is theirs, even if it looks exactly like what the SDK records.
func TestErrorsOfOthersAreNotOurs(t *testing.T) {
	nested := `{"Error":{"TimedOut":true},"Cause":{"ErrorType":"CanceledError","ErrorData":"` + protocol.SDKErrorMark + `"}}`
	for _, errorType := range []string{"CanceledError", "ConditionNotMet", "StepTimeoutError", "DeadlineError", "CallbackTimeoutError", "SerdesError",
		"PanicError", "InvokeError", "CallbackSubmitterError", "CompensationError", "GraphError"} {
		for _, data := range []string{"", "{}", protocol.SDKErrorMark, protocol.SDKErrorMark + "{}", protocol.SDKErrorMark + nested, nested, "perdure:other:1 {}"} {
			sent := &protocol.ErrorObject{ErrorType: errorType, ErrorMessage: "sent", ErrorData: data}
			ops := map[string]func(ctx durable.Context) (any, error){
				"Callback": func(ctx durable.Context) (any, error) {
					c, err := durable.CreateCallback[int](ctx, "op")
					if err != nil {
						return nil, err
					}
					return c.Result(ctx)
				},
				"WaitForCallback": func(ctx durable.Context) (any, error) {
					return durable.WaitForCallback[int](ctx, "op", func(context.Context, string) error { return nil })
				},
				"Invoke": func(ctx durable.Context) (any, error) {
					return durable.Invoke(ctx, "op", durable.Function[int, int]{Name: "f:1"}, 1)
				},
			}
			for _, inner := range []string{"Callback", "Invoke"} {
				fn := ops[inner]
				ops[inner+" in a context"] = func(ctx durable.Context) (any, error) {
					return durable.RunInChildContext(ctx, "in", func(ctx durable.Context) (any, error) { return fn(ctx) })
				}
				ops[inner+" of which the cause is passed on"] = func(ctx durable.Context) (any, error) {
					return durable.RunInChildContext(ctx, "in", func(ctx durable.Context) (any, error) {
						_, err := fn(ctx)
						return nil, errors.Unwrap(err)
					})
				}
			}
			for name, op := range ops {
				t.Run(errorType+"/"+name+"/"+data, func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						svc := newService(t, "{}")
						svc.targets = map[string]func(string) settling{"f:1": func(string) settling { return settling{0, protocol.ExecutionFailed, nil, sent} }}
						svc.handedOut = func(op *protocol.Operation) { svc.settles(op, settling{0, protocol.ExecutionFailed, nil, sent}) }
						runs := allRunsOf(t, svc, op, declaredErrors)
						checkForeign(t, runs)
						if want := fmt.Sprintf("[%s|sent|%s|[]]", errorType, data); name != "Callback in a context" && !strings.Contains(runs[0].err, want) {
							t.Errorf("got %s\nwant in it %s", runs[0].err, want)
						}
					})
				})
			}
		}
	}
}

// Nobody outside is told of marks.
func TestReportedErrorsAreUnmarked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		out := svc.run(handle(svc, func(durable.Context) (any, error) { return nil, &durable.StepTimeoutError{Name: "s", Timeout: 1} }))
		if want := `{"Name":"s","Attempt":0,"Timeout":1,"Message":""}`; out.Error.ErrorData != want || out.Error.ErrorType != "StepTimeoutError" {
			t.Errorf("got %+v, want the data %s", out.Error, want)
		}
	})
}

// A future that is canceled fails with what its mapping makes of that, on the
// run that cancels it, too.
func TestCanceledFutureIsMappedOnAllRuns(t *testing.T) {
	mapping := durable.WithErrorMapping(func(err error) error { return fmt.Errorf("mapped: %w", err) })
	for name, op := range map[string]func(ctx durable.Context, f *durable.Future[int]) (any, error){
		"Cancel": func(ctx durable.Context, f *durable.Future[int]) (any, error) {
			if err := f.Cancel(ctx); err != nil {
				return nil, err
			}
			return f.Result(ctx)
		},
		"Race": func(ctx durable.Context, f *durable.Future[int]) (any, error) {
			if _, err := durable.Race(ctx, "race", f, durable.Go(ctx, "b", func(durable.Context) (int, error) { return 1, nil })); err != nil {
				return nil, err
			}
			return f.Result(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				runs := allRuns(t, "", func(ctx durable.Context) (any, error) {
					return op(ctx, durable.Go(ctx, "a", func(ctx durable.Context) (int, error) { return 0, durable.Wait(ctx, "w", time.Hour) }, mapping))
				})
				if !strings.Contains(runs[0].err, "mapped: ") || !strings.Contains(runs[0].err, "is ErrCanceled") {
					t.Errorf("got %s", runs[0].err)
				}
			})
		})
	}
}
