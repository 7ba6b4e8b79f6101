package durable_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// outcomes is a Map whose items end as the letters say: s succeeds, f fails.
func outcomes(ctx durable.Context, letters string, opts ...durable.BatchOption) (durable.BatchResult[int], error) {
	return durable.Map(ctx, "batch", []byte(letters), func(_ durable.Context, letter byte, i int) (int, error) {
		if letter == 'f' {
			return 0, errItem
		}
		return i * 10, nil
	}, opts...)
}

func TestBatchCompletion(t *testing.T) {
	one := durable.WithMaxConcurrency(1)
	for name, test := range map[string]struct {
		letters string
		opts    []durable.BatchOption
		want    string
	}{
		"all succeed":                      {"ss", nil, "ALL_COMPLETED SUCCEEDED 2 0 2 [0 10] <nil>"},
		"none":                             {"", nil, "ALL_COMPLETED SUCCEEDED 0 0 0 [] <nil>"},
		"fail fast is the default":         {"sfs", nil, "FAILURE_TOLERANCE_EXCEEDED FAILED 1 1 2 [0] BatchError"},
		"fail fast, asked for":             {"sfs", opts(durable.WithToleratedFailures(0)), "FAILURE_TOLERANCE_EXCEEDED FAILED 1 1 2 [0] BatchError"},
		"last item fails":                  {"sf", nil, "FAILURE_TOLERANCE_EXCEEDED FAILED 1 1 2 [0] BatchError"},
		"minimum reached":                  {"ssss", opts(durable.WithMinSuccessful(2)), "MIN_SUCCESSFUL_REACHED SUCCEEDED 2 0 2 [0 10] <nil>"},
		"minimum tolerates failures":       {"ffss", opts(durable.WithMinSuccessful(1)), "MIN_SUCCESSFUL_REACHED FAILED 1 2 3 [20] <nil>"},
		"minimum not reached":              {"sfs", opts(durable.WithMinSuccessful(3)), "ALL_COMPLETED FAILED 2 1 3 [0 20] BatchError"},
		"within tolerance":                 {"sfs", opts(durable.WithToleratedFailures(1)), "ALL_COMPLETED FAILED 2 1 3 [0 20] <nil>"},
		"tolerance exceeded":               {"ffs", opts(durable.WithToleratedFailures(1)), "FAILURE_TOLERANCE_EXCEEDED FAILED 0 2 2 [] BatchError"},
		"all tolerated":                    {"fff", opts(durable.WithToleratedFailures(3)), "ALL_COMPLETED FAILED 0 3 3 [] <nil>"},
		"percentage at the boundary":       {"fsss", opts(durable.WithToleratedFailurePercentage(25)), "ALL_COMPLETED FAILED 3 1 4 [10 20 30] <nil>"},
		"percentage exceeded":              {"ffss", opts(durable.WithToleratedFailurePercentage(25)), "FAILURE_TOLERANCE_EXCEEDED FAILED 0 2 2 [] BatchError"},
		"combined":                         {"ffss", opts(durable.WithMinSuccessful(3), durable.WithToleratedFailures(1)), "FAILURE_TOLERANCE_EXCEEDED FAILED 0 2 2 [] BatchError"},
		"custom, success":                  {"sss", opts(judge(2, durable.CustomCompletionSucceeded)), "CUSTOM_COMPLETION_SUCCEEDED SUCCEEDED 2 0 2 [0 10] <nil>"},
		"custom, failure":                  {"sss", opts(judge(1, durable.CustomCompletionFailed)), "CUSTOM_COMPLETION_FAILED FAILED 1 0 1 [0] BatchError"},
		"custom tolerates all, to the end": {"fsf", opts(judge(9, durable.CustomCompletionFailed)), "ALL_COMPLETED FAILED 1 2 3 [10] <nil>"},
	} {
		for mode, more := range map[string][]durable.BatchOption{"nested": {one}, "flat": {one, durable.WithFlat()}} {
			t.Run(name+", "+mode, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					svc := newService(t, "{}")
					runs := 0
					h := handle(svc, func(ctx durable.Context) (any, error) {
						runs++
						r, err := outcomes(ctx, test.letters, append(more, test.opts...)...)
						status := protocol.StatusSucceeded
						if r.Err() != nil {
							status = protocol.StatusFailed
						}
						got := fmt.Sprint(r.Reason, " ", status, " ", len(r.Only(protocol.StatusSucceeded)), " ", len(r.Only(protocol.StatusFailed)), " ", len(r.Items), " ", r.Values(), " ", kindOf(err))
						if got != test.want {
							t.Errorf("run %d: got  %s\nwant %s", runs, got, test.want)
						}
						if (r.Err() != nil) != (len(r.Only(protocol.StatusFailed)) > 0 || r.Reason == durable.CustomCompletionFailed) || len(r.Only(protocol.StatusFailed)) > 0 && !errors.Is(r.Err(), errItem) {
							t.Errorf("Err is %v", r.Err())
						}
						return nil, durable.Wait(ctx, "w", time.Second)
					}, durable.WithErrors(durable.ErrorValue("Item", errItem)))
					if out := svc.run(h); out.Status != protocol.InvocationSucceeded || runs != 2 {
						t.Errorf("got %s after %d runs", out.errorText(), runs)
					}
				})
			})
		}
	}
}

func opts(list ...durable.BatchOption) []durable.BatchOption { return list }

// judge decides once n items have ended.
func judge(n int, v durable.CompletionReason) durable.BatchOption {
	return durable.WithCompletion(func(p durable.BatchProgress) durable.CompletionReason {
		if p.Succeeded+p.Failed >= n {
			return v
		}
		return ""
	})
}

func kindOf(err error) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", err), "*durable.")
}

func TestMapHistory(t *testing.T) {
	for mode, test := range map[string]struct {
		opts []durable.BatchOption
		want []string
	}{
		"nested": {opts(), []string{
			"ContextStarted map", "ContextStarted map-item-0", "StepStarted greet", "StepSucceeded greet", "ContextSucceeded map-item-0",
			"ContextStarted map-item-1", "StepStarted greet", "StepSucceeded greet", "ContextSucceeded map-item-1", "ContextSucceeded map",
		}},
		"flat": {opts(durable.WithFlat()), []string{
			"ContextStarted map", "StepStarted greet", "StepSucceeded greet", "StepStarted greet", "StepSucceeded greet", "ContextSucceeded map",
		}},
		"named": {opts(durable.WithItemNames(func(i int) string { return fmt.Sprint([]string{"World", "Kiro"}[i], "-", i) })), []string{
			"ContextStarted map", "ContextStarted World-0", "StepStarted greet", "StepSucceeded greet", "ContextSucceeded World-0",
			"ContextStarted Kiro-1", "StepStarted greet", "StepSucceeded greet", "ContextSucceeded Kiro-1", "ContextSucceeded map",
		}},
	} {
		t.Run(mode, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				h := handle(svc, func(ctx durable.Context) ([]string, error) {
					r, err := durable.Map(ctx, "map", []string{"World", "Kiro"}, func(ctx durable.Context, item string, _ int) (string, error) {
						return durable.Step(ctx, "greet", func(context.Context) (string, error) { return "Hello, " + item + "!", nil })
					}, append(test.opts, durable.WithMaxConcurrency(1))...)
					return r.Values(), err
				})
				if out := svc.run(h); out.result() != `["Hello, World!","Hello, Kiro!"]` {
					t.Errorf("got %s %s", out.result(), out.errorText())
				}
				if diff := cmp.Diff(test.want, svc.events); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				if mode == "nested" {
					want := `{"all":[{"index":0,"name":"map-item-0","status":"SUCCEEDED","result":"Hello, World!"},{"index":1,"name":"map-item-1","status":"SUCCEEDED","result":"Hello, Kiro!"}],"completionReason":"ALL_COMPLETED"}`
					if got := *svc.find("1").Payload; got != want {
						t.Errorf("recorded %s\nwant     %s", got, want)
					}
					if svc.find("1-2-1").ParentID != "1-2" || svc.find("1-2").SubType != "MapIteration" || svc.find("1").SubType != "Map" {
						t.Errorf("operations: %q", svc.shapes())
					}
				} else if mode == "flat" && svc.find("1-2-1").ParentID != "1" {
					t.Errorf("operations: %q", svc.shapes())
				}
			})
		})
	}
}

// Items that wait are suspended together, and what is done is not done again.
func TestMapSuspends(t *testing.T) {
	for mode, more := range map[string][]durable.BatchOption{"nested": nil, "flat": {durable.WithFlat()}} {
		t.Run(mode, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				var bodies atomic.Int32
				h := handle(svc, func(ctx durable.Context) ([]int, error) {
					r, err := durable.Map(ctx, "map", make([]struct{}, 50), func(ctx durable.Context, _ struct{}, i int) (int, error) {
						if err := durable.Wait(ctx, "w", time.Duration(1+i%3)*time.Second); err != nil {
							return 0, err
						}
						return durable.Step(ctx, "s", func(context.Context) (int, error) { bodies.Add(1); return i, nil })
					}, more...)
					return r.Values()[48:], err
				})
				start := time.Now()
				if out := svc.run(h); out.result() != "[48,49]" || bodies.Load() != 50 {
					t.Errorf("got %s %s after %d bodies", out.result(), out.errorText(), bodies.Load())
				}
				if d := time.Since(start); d != 3*time.Second || svc.invocations != 4 {
					t.Errorf("took %v and %d invocations, want 3s and 4", d, svc.invocations)
				}
			})
		})
	}
}

// The limit holds while items are suspended.
func TestMaxConcurrency(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		h := handle(svc, func(ctx durable.Context) (int, error) {
			r, err := durable.Map(ctx, "map", make([]int, 7), func(ctx durable.Context, _, i int) (int, error) {
				return 0, durable.Wait(ctx, "w", 10*time.Second)
			}, durable.WithMaxConcurrency(3))
			return len(r.Only(protocol.StatusSucceeded)), err
		})
		start := time.Now()
		if out := svc.run(h); out.result() != "7" {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
		if d := time.Since(start); d != 30*time.Second {
			t.Errorf("took %v, want 30s: three rounds", d)
		}
	})
}

// A batch that ends early leaves items behind: they are unwound, their waits
// cancelled, and they move nothing that comes after.
func TestEarlyCompletion(t *testing.T) {
	for mode, more := range map[string][]durable.BatchOption{"nested": nil, "flat": {durable.WithFlat()}} {
		t.Run(mode, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				var beyond atomic.Int32
				var cause error
				h := handle(svc, func(ctx durable.Context) (string, error) {
					r, err := durable.Map(ctx, "map", []int{1, 3600, 2, 7200, 0}, func(ctx durable.Context, seconds, i int) (int, error) {
						if seconds == 0 {
							return durable.Step(ctx, "long", func(ctx context.Context) (int, error) {
								<-ctx.Done()
								if !errors.Is(context.Cause(ctx), durable.ErrSuspended) {
									cause = context.Cause(ctx)
								}
								return 0, nil
							})
						}
						err := durable.Wait(ctx, "w", time.Duration(seconds)*time.Second)
						if seconds > 10 {
							beyond.Add(1)
						}
						return i, err
					}, append(more, durable.WithMinSuccessful(2))...)
					if err != nil {
						return "", err
					}
					if _, err := durable.Step(ctx, "after", zero); err != nil {
						return "", err
					}
					var names []string
					for _, item := range r.Only(protocol.StatusStarted) {
						names = append(names, item.Name)
					}
					return fmt.Sprint(r.Values(), names, r.Reason), durable.Wait(ctx, "pause", 3*time.Hour)
				})
				want := `"[0 2] [map-item-1 map-item-3 map-item-4]MIN_SUCCESSFUL_REACHED"`
				if out := svc.run(h); out.result() != want {
					t.Errorf("got %s %s, want %s", out.result(), out.errorText(), want)
				}
				if beyond.Load() != 0 || svc.find("2").Name != "after" || cause == nil || svc.invocations != 2 {
					t.Errorf("%d items got beyond their wait; cause %v; %d invocations; %q", beyond.Load(), cause, svc.invocations, svc.shapes())
				}
			})
		})
	}
}

// What does not fit into one record is gathered from the items.
func TestLargeBatch(t *testing.T) {
	for mode, more := range map[string][]durable.BatchOption{"nested": nil, "flat": {durable.WithFlat()}} {
		t.Run(mode, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				var runs atomic.Int32
				h := handle(svc, func(ctx durable.Context) (string, error) {
					r, err := durable.Map(ctx, "map", []int{70_000, 80_000, 300_000, 0, 90_000, -1}, func(ctx durable.Context, size, i int) (string, error) {
						runs.Add(1)
						if size < 0 {
							return "", durable.Wait(ctx, "w", time.Hour)
						}
						if size == 0 {
							return "", errItem
						}
						if _, err := durable.Step(ctx, "s", zero); err != nil {
							return "", err
						}
						return strings.Repeat("x", size), durable.Wait(ctx, "w", 2*time.Second)
					}, append(more, durable.WithCompletion(func(p durable.BatchProgress) durable.CompletionReason {
						if p.Succeeded == 4 && p.Failed == 1 {
							return durable.CustomCompletionSucceeded
						}
						return ""
					}))...)
					if err != nil {
						return "", err
					}
					sum := 0
					for _, v := range r.Values() {
						sum += len(v)
					}
					return fmt.Sprint(sum, len(r.Only(protocol.StatusSucceeded)), len(r.Only(protocol.StatusFailed)), len(r.Only(protocol.StatusStarted)), errors.Is(r.Err(), errItem)), durable.Wait(ctx, "w", time.Second)
				}, durable.WithErrors(durable.ErrorValue("Item", errItem)))
				if out := svc.run(h); out.result() != `"540000 4 1 1 true"` {
					t.Errorf("got %s %s", out.result(), out.errorText())
				}
				op := svc.find("1")
				want := `{"type":"MapResult","totalCount":6,"successCount":4,"failureCount":1,"startedCount":1,"completionReason":"CUSTOM_COMPLETION_SUCCEEDED","status":"FAILED","itemStatuses":"SSSFS-"}`
				if !op.ReplayChildren || *op.Payload != want {
					t.Errorf("recorded %v %s", op.ReplayChildren, *op.Payload)
				}
				if n := runs.Load(); mode == "nested" && n != 6+5+1 && n != 6+4+1 {
					t.Errorf("items ran %d times, want 11 or 12: the last time only the one over the limit", n)
				}
			})
		})
	}
}

func TestBatchReplayDetectsChanges(t *testing.T) {
	type job = func(ctx durable.Context) (int, error)
	batch := func(n int, size int, more ...durable.BatchOption) job {
		return func(ctx durable.Context) (int, error) {
			r, err := durable.Map(ctx, "map", make([]int, n), func(ctx durable.Context, _, i int) (string, error) {
				return strings.Repeat("x", size), durable.Wait(ctx, "w", time.Second)
			}, more...)
			if err != nil {
				return 0, err
			}
			return len(r.Items), durable.Wait(ctx, "w", time.Second)
		}
	}
	other := durable.WithItemNames(func(i int) string { return fmt.Sprint("other-", i) })
	for want, test := range map[string]struct {
		before, now job
		invocations int
	}{
		`operation 1-3: recorded CONTEXT/MapIteration "map-item-2", but the code returned without reaching it`:            {batch(3, 1), batch(2, 1), 1},
		`operation 1-1: recorded CONTEXT/MapIteration "map-item-0", but the code now does CONTEXT/MapIteration "other-0"`: {batch(3, 1), batch(3, 1, other), 1},
		`there are 2 items, but one with index 2 was recorded`:                                                            {batch(3, 1), batch(2, 1), 2},
		`there are 2 items, but 3 were recorded`:                                                                          {batch(3, 100_000, durable.WithFlat()), batch(2, 100_000, durable.WithFlat()), 2},
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				for range test.invocations {
					svc.invoke(handle(svc, test.before))
					svc.sleep()
				}
				if out := svc.run(handle(svc, test.now)); !strings.Contains(out.errorText(), want) {
					t.Errorf("got %q, want %q in it", out.errorText(), want)
				}
			})
		})
	}
	// More items than before is a change too, but items that were not begun are none.
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		svc.invoke(handle(svc, batch(5, 1, durable.WithMaxConcurrency(2))))
		svc.sleep()
		if out := svc.run(handle(svc, batch(5, 1, durable.WithMaxConcurrency(4)))); out.result() != "5" {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
	})
}

func TestBatchBadInput(t *testing.T) {
	call := func(opts ...durable.BatchOption) func(durable.Context) error {
		return func(ctx durable.Context) error {
			_, err := outcomes(ctx, "ss", opts...)
			return err
		}
	}
	parallel := func(branches []durable.Branch[int], opts ...durable.BatchOption) func(durable.Context) error {
		return func(ctx durable.Context) error {
			_, err := durable.Parallel(ctx, "p", branches, opts...)
			return err
		}
	}
	nothing := func(durable.Context) (int, error) { return 0, nil }
	for want, fn := range map[string]func(durable.Context) error{
		`durable.Map "batch": an option is nil`:                                   call(nil),
		`durable.Map "batch": WithMaxConcurrency is 0`:                            call(durable.WithMaxConcurrency(0)),
		`durable.Map "batch": WithMinSuccessful is 0`:                             call(durable.WithMinSuccessful(0)),
		`durable.Map "batch": WithMinSuccessful is 3, but there are only 2 items`: call(durable.WithMinSuccessful(3)),
		`durable.Map "batch": WithToleratedFailures is -1`:                        call(durable.WithToleratedFailures(-1)),
		`durable.Map "batch": WithToleratedFailurePercentage is 101`:              call(durable.WithToleratedFailurePercentage(101)),
		`durable.Map "batch": the function of WithCompletion is nil`:              call(durable.WithCompletion(nil)),
		`durable.Map "batch": WithCompletion decides alone`:                       call(judge(1, durable.CustomCompletionSucceeded), durable.WithMinSuccessful(1)),
		`durable.Map "batch": the function of WithItemNames is nil`:               call(durable.WithItemNames(nil)),
		`durable.Map "batch": item 1: the name has 'é' at byte 0`:                 call(durable.WithItemNames(func(i int) string { return []string{"a", "é"}[i] })),
		`durable.Map "m": the function is nil`: func(ctx durable.Context) error {
			_, err := durable.Map[int, int](ctx, "m", nil, nil)
			return err
		},
		`durable.Parallel "p": branch 1: the function is nil`: parallel([]durable.Branch[int]{{Func: nothing}, {}}),
		`durable.Parallel "p": branch 0: the name has`:        parallel([]durable.Branch[int]{{Name: "\n", Func: nothing}}),
		`durable.Parallel "p": branch 0: the name has 'é'`:    parallel([]durable.Branch[int]{{Func: nothing}}, durable.WithItemNames(func(int) string { return "é" })),
		`durable.Parallel "p": WithMaxConcurrency is 0`:       parallel([]durable.Branch[int]{{Func: nothing}}, durable.WithMaxConcurrency(0)),
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				out := svc.run(handle(svc, func(ctx durable.Context) (any, error) { return nil, fn(ctx) }))
				if !strings.Contains(out.errorText(), want) || len(svc.ops) != 0 {
					t.Errorf("got %q and %d operations\nwant %q", out.errorText(), len(svc.ops), want)
				}
			})
		})
	}
}

func TestParallel(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		h := handle(svc, func(ctx durable.Context) ([]string, error) {
			r, err := durable.Parallel(ctx, "outer", []durable.Branch[[]string]{{Func: func(ctx durable.Context) ([]string, error) {
				r, err := durable.Parallel(ctx, "inner", []durable.Branch[string]{
					{"first", after("first", 2*time.Second, "i1")},
					{"", after("second", time.Second, "i2")},
				})
				return r.Values(), err
			}}})
			if err != nil {
				return nil, err
			}
			item := r.Items[0]
			if item.Name != "parallel-branch-0" || item.Index != 0 {
				t.Errorf("the branch was not found: %+v", r)
			}
			return item.Value, nil
		})
		if out := svc.run(h); out.result() != `["i1","i2"]` {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
		want := []string{
			"1 in : outer SUCCEEDED", "1-1 in 1: parallel-branch-0 SUCCEEDED", "1-1-1 in 1-1: inner SUCCEEDED",
			"1-1-1-1 in 1-1-1: first SUCCEEDED", "1-1-1-1-1 in 1-1-1-1: first-wait SUCCEEDED", "1-1-1-1-2 in 1-1-1-1: first-step SUCCEEDED",
			"1-1-1-2 in 1-1-1: parallel-branch-1 SUCCEEDED", "1-1-1-2-1 in 1-1-1-2: second-wait SUCCEEDED", "1-1-1-2-2 in 1-1-1-2: second-step SUCCEEDED",
		}
		if diff := cmp.Diff(sorted(want), sorted(svc.shapes())); diff != "" {
			t.Errorf("operations (-want +got):\n%s", diff)
		}
	})
}

// Branches may have a name from the option where they have none of their own.
func TestParallelNames(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		one := func(durable.Context) (int, error) { return 1, nil }
		svc.run(handle(svc, func(ctx durable.Context) (any, error) {
			r, err := durable.Parallel(ctx, "p", []durable.Branch[int]{{Name: "own", Func: one}, {Func: one}},
				durable.WithItemNames(func(i int) string { return fmt.Sprint("branch ", i) }))
			if err != nil || r.Items[0].Name != "own" || r.Items[1].Name != "branch 1" {
				t.Errorf("got %+v, %v", r, err)
			}
			return nil, nil
		}))
	})
}

// rawly is a branch whose result is of a type of its own.
func rawly[T any](name string, fn func(durable.Context) (T, error)) durable.Branch[json.RawMessage] {
	return durable.Branch[json.RawMessage]{Name: name, Func: func(ctx durable.Context) (json.RawMessage, error) {
		v, err := fn(ctx)
		if err != nil {
			return nil, err
		}
		return json.Marshal(v)
	}}
}

// Branches of different types, in a batch that ends early: what each came to is
// read as what it is.
func TestParallelOfDifferentTypes(t *testing.T) {
	type offer struct{ Price int }
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		h := handle(svc, func(ctx durable.Context) (any, error) {
			r, err := durable.Parallel(ctx, "mixed", []durable.Branch[json.RawMessage]{
				rawly("hello", func(durable.Context) (string, error) { return "hello", nil }),
				rawly("", after("answer", time.Second, 42)),
				rawly("offer", func(durable.Context) (offer, error) { return offer{7}, nil }),
				rawly("broken", func(durable.Context) (offer, error) { return offer{7}, errItem }),
				rawly("late", after("late", time.Hour, 1)),
			}, durable.WithMinSuccessful(3))
			if err != nil {
				return nil, err
			}
			var o offer
			if err := json.Unmarshal(r.Items[2].Value, &o); err != nil || o != (offer{7}) {
				t.Errorf("got %v, %v", o, err)
			}
			if !errors.Is(r.Items[3].Err, errItem) || r.Items[4].Status != protocol.StatusStarted {
				t.Errorf("the broken branch ended with %v and the late one is %s", r.Items[3].Err, r.Items[4].Status)
			}
			return r.Values(), durable.Wait(ctx, "w", time.Second)
		}, durable.WithErrors(durable.ErrorValue("Item", errItem)))
		if out := svc.run(h); out.result() != `["hello",42,{"Price":7}]` {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
		if got, want := *svc.ops[0].Payload, `{"all":[{"index":0,"name":"hello","status":"SUCCEEDED","result":"hello"},`; !strings.HasPrefix(got, want) {
			t.Errorf("recorded %s", got)
		}
	})
}

// wrapped is a Serdes of strings.
type wrapped struct{}

func (wrapped) Marshal(_ context.Context, v any) ([]byte, error) {
	return []byte("wrapped:" + v.(string)), nil
}

func (wrapped) Unmarshal(_ context.Context, data []byte, v any) error {
	text, ok := strings.CutPrefix(string(data), "wrapped:")
	if !ok {
		return fmt.Errorf("%q is not wrapped", data)
	}
	*v.(*string) = text
	return nil
}

// joined is a Serdes of whole results.
type joined struct{}

func (joined) Marshal(_ context.Context, v any) ([]byte, error) {
	return []byte("OPSERDE:" + strings.Join(v.(durable.BatchResult[string]).Values(), ",")), nil
}

func (joined) Unmarshal(_ context.Context, data []byte, v any) error {
	var items []durable.BatchItem[string]
	for i, text := range strings.Split(strings.TrimPrefix(string(data), "OPSERDE:"), ",") {
		items = append(items, durable.BatchItem[string]{Index: i, Status: protocol.StatusSucceeded, Value: text})
	}
	*v.(*durable.BatchResult[string]) = durable.BatchResult[string]{Items: items, Reason: durable.AllCompleted}
	return nil
}

func TestBatchSerdes(t *testing.T) {
	for name, test := range map[string]struct {
		opt         durable.BatchOption
		handler     []durable.HandlerOption
		item, batch string
	}{
		"of the items":   {durable.WithItemSerdes(wrapped{}), nil, "wrapped:X", `{"all":[{"index":0,"name":"map-item-0","status":"SUCCEEDED","encoded":"wrapped:X"},{"index":1,"name":"map-item-1","status":"SUCCEEDED","encoded":"wrapped:Y"}],"completionReason":"ALL_COMPLETED"}`},
		"of the result":  {durable.WithSerdes(joined{}), nil, `"X"`, "OPSERDE:X,Y"},
		"of the handler": {durable.WithMaxConcurrency(1), []durable.HandlerOption{durable.WithSerdes(wrapped{})}, "wrapped:X", `{"all":[{"index":0,"name":"map-item-0","status":"SUCCEEDED","encoded":"wrapped:X"},{"index":1,"name":"map-item-1","status":"SUCCEEDED","encoded":"wrapped:Y"}],"completionReason":"ALL_COMPLETED"}`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				h := handle(svc, func(ctx durable.Context) ([]string, error) {
					r, err := durable.Map(ctx, "map", []string{"x", "y"}, func(_ durable.Context, item string, _ int) (string, error) {
						return strings.ToUpper(item), nil
					}, test.opt)
					if err != nil {
						return nil, err
					}
					return r.Values(), durable.Wait(ctx, "w", time.Second)
				}, test.handler...)
				if out := svc.run(h); out.result() != `["X","Y"]` {
					t.Errorf("got %s %s", out.result(), out.errorText())
				}
				if got := *svc.find("1-1").Payload; got != test.item {
					t.Errorf("recorded of the item: %s", got)
				}
				if got := *svc.find("1").Payload; got != test.batch {
					t.Errorf("recorded: %s", got)
				}
			})
		})
	}
}

// A batch's items may be cancelled with the work around them.
func TestBatchIsCanceled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		h := handle(svc, func(ctx durable.Context) (string, error) {
			batch := durable.Go(ctx, "batch", func(ctx durable.Context) (string, error) {
				r, err := durable.Map(ctx, "map", make([]int, 5), func(ctx durable.Context, _, i int) (int, error) {
					return i, durable.Wait(ctx, "w", time.Hour)
				}, durable.WithMaxConcurrency(2))
				return fmt.Sprint(r.Values()), err
			})
			timeout := durable.Go(ctx, "timeout", after("timeout", time.Minute, "timed out"))
			s, err := durable.Race(ctx, "race", batch, timeout)
			if err != nil {
				return "", err
			}
			return s, durable.Wait(ctx, "w", 2*time.Hour)
		})
		if out := svc.run(h); out.result() != `"timed out"` || svc.invocations != 3 {
			t.Errorf("got %s %s in %d invocations", out.result(), out.errorText(), svc.invocations)
		}
		cancelled := slices.DeleteFunc(svc.shapes(), func(s string) bool { return !strings.HasSuffix(s, "CANCELLED") })
		if len(cancelled) != 2 {
			t.Errorf("cancelled: %q, want two waits", cancelled)
		}
	})
}

func TestJudgePanics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		h := handle(svc, func(ctx durable.Context) (any, error) {
			_, err := outcomes(ctx, "ss", durable.WithCompletion(func(durable.BatchProgress) durable.CompletionReason { panic("oh") }))
			return nil, err
		})
		if out := svc.run(h); !strings.Contains(out.errorText(), `the completion of durable.Map "batch": panic: oh`) {
			t.Errorf("got %q", out.errorText())
		}
	})
}

// A result is written as JSON in the form in which it is recorded.
func TestBatchResultAsJSON(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		h := handle(svc, func(ctx durable.Context) (durable.BatchResult[int], error) {
			return outcomes(ctx, "sf", durable.WithToleratedFailures(1))
		})
		out := svc.run(h)
		want := `{"all":[{"index":0,"name":"map-item-0","status":"SUCCEEDED","result":0},{"index":1,"name":"map-item-1","status":"FAILED","error":{"ErrorMessage":"bad item","ErrorType":"Error"}}],"completionReason":"ALL_COMPLETED"}`
		if out.result() != want || *svc.find("1").Payload != want {
			t.Errorf("got      %s\nrecorded %s\nwant     %s", out.result(), *svc.find("1").Payload, want)
		}
		var r durable.BatchResult[int]
		if err := json.Unmarshal([]byte(want), &r); err != nil || len(r.Items) != 2 || len(r.Only(protocol.StatusFailed)) != 1 {
			t.Errorf("read back: %+v %v", r, err)
		}
		if got := r.Err().Error(); got != `batch "": 1 items failed, 1 succeeded (ALL_COMPLETED); the first: "map-item-1" (item 1) failed: bad item` {
			t.Errorf("got %s", got)
		}
		var item *durable.ItemError
		if !errors.As(r.Err(), &item) || item.Index != 1 {
			t.Errorf("got %v, want an ItemError of item 1", r.Err())
		}
	})
}

// onlyInts is a Serdes that can write ints.
type onlyInts struct{}

func (onlyInts) Marshal(_ context.Context, v any) ([]byte, error) {
	if n, ok := v.(int); ok {
		return []byte(fmt.Sprint(n)), nil
	}
	return nil, fmt.Errorf("%T is no int", v)
}

func (onlyInts) Unmarshal(_ context.Context, data []byte, v any) error {
	_, err := fmt.Sscan(string(data), v)
	return err
}

// A result that cannot be written is an error that replay returns too; one that
// cannot be read any more ends the run.
func TestBatchSerdesFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var seen []string
		svc.run(handle(svc, func(ctx durable.Context) (any, error) {
			_, err := outcomes(ctx, "s", durable.WithSerdes(onlyInts{}))
			var serdes *durable.SerdesError
			if !errors.As(err, &serdes) {
				t.Errorf("got %v, want a SerdesError", err)
			}
			seen = append(seen, err.Error())
			return nil, durable.Wait(ctx, "w", time.Second)
		}))
		if len(seen) != 2 || seen[0] != seen[1] {
			t.Errorf("the handler saw %q", seen)
		}
	})
	type text struct{ Text string }
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		svc.invoke(handle(svc, func(ctx durable.Context) (any, error) {
			_, err := outcomes(ctx, "s")
			return nil, errors.Join(err, durable.Wait(ctx, "w", time.Second))
		}))
		out := svc.run(handle(svc, func(ctx durable.Context) (any, error) {
			_, err := durable.Map(ctx, "batch", []int{1}, func(durable.Context, int, int) (text, error) { return text{}, nil })
			t.Errorf("Map returned %v", err)
			return nil, nil
		}))
		if want := `cannot encode or decode the result of item "map-item-0"`; !strings.Contains(out.errorText(), want) {
			t.Errorf("got %q, want %q in it", out.errorText(), want)
		}
	})
}

// An item may go on after its batch has ended, and return: into nothing.
func TestAbandonedItemReturns(t *testing.T) {
	for name, opts := range map[string][]durable.BatchOption{"nested": nil, "flat": {durable.WithFlat()}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				h := handle(svc, func(ctx durable.Context) (int, error) {
					r, err := durable.Map(ctx, "m", make([]int, 100), func(ctx durable.Context, _, i int) (string, error) {
						if i == 0 {
							return "first", nil
						}
						<-ctx.Done()
						return "late", nil
					}, append(opts, durable.WithMinSuccessful(1))...)
					return len(r.Only(protocol.StatusSucceeded)), err
				})
				if out := svc.run(h); out.result() != "1" {
					t.Errorf("got %s %s", out.result(), out.errorText())
				}
			})
		})
	}
}

// Whether items were under way when a batch ended does not depend on a crash
// before that was recorded, and what waited in them is cancelled all the same.
func TestBatchEndsAgainAfterACrash(t *testing.T) {
	for name, opts := range map[string][]durable.BatchOption{"nested": nil, "flat": {durable.WithFlat()}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				h := handle(svc, func(ctx durable.Context) (string, error) {
					r, err := durable.Map(ctx, "m", []int{0, 1, 2}, func(ctx durable.Context, _, i int) (int, error) {
						if i == 0 {
							return i, durable.Wait(ctx, "short", time.Second)
						}
						return i, durable.Wait(ctx, "long", time.Hour)
					}, append(opts, durable.WithMinSuccessful(1))...)
					return fmt.Sprint(len(r.Only(protocol.StatusSucceeded)), len(r.Only(protocol.StatusStarted))), err
				})
				svc.before = func(int) error {
					if slices.ContainsFunc(svc.calls[len(svc.calls)-1], func(u protocol.Update) bool { return u.ID == "1" && u.Action == protocol.ActionSucceed }) && svc.invocations < 4 {
						return errNowhere
					}
					return nil
				}
				if out := svc.run(h); out.result() != `"1 2"` {
					t.Errorf("got %s %s, want 1 success and 2 started", out.result(), out.errorText())
				}
				for _, op := range svc.ops {
					if op.Type == protocol.TypeWait && !op.Status.Closed() {
						t.Errorf("wait %s %q was left behind", op.ID, op.Name)
					}
				}
			})
		})
	}
}
