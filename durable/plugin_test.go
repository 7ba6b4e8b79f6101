package durable_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/plugin"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

// witness is a plugin that writes down what it hears.
type witness struct {
	mu    sync.Mutex
	lines []string
}

func (w *witness) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// heard returns what was noted since the last call.
func (w *witness) heard() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.lines
	w.lines = nil
	return lines
}

func opText(op *plugin.Operation) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", op.ID, op.SubType, op.Name))
}

// plugin tells starts, ends and outcomes; changes are for tests of their own.
func (w *witness) plugin() *plugin.Plugin {
	return &plugin.Plugin{
		Name: "witness",
		InvocationStart: func(_ context.Context, inv *plugin.Invocation) context.Context {
			w.note("invocation starts, first %t, %d operations", inv.First, inv.Operations.Len())
			return nil
		},
		OperationStart:  func(_ context.Context, op *plugin.Operation) { w.note("%s starts", opText(op)) },
		OperationResume: func(_ context.Context, op *plugin.Operation) { w.note("%s resumes %s", opText(op), op.Status) },
		OperationEnd:    func(_ context.Context, op *plugin.Operation) { w.note("%s ends %s", opText(op), op.Status) },
		AttemptStart: func(_ context.Context, a *plugin.Attempt) context.Context {
			w.note("%s attempt %d starts", opText(a.Operation), a.Number)
			return nil
		},
		AttemptEnd: func(_ context.Context, a *plugin.Attempt) {
			w.note("%s attempt %d ends %s", opText(a.Operation), a.Number, errorText(a.Err))
		},
		ContextStart: func(_ context.Context, run *plugin.ContextRun) context.Context {
			w.note("%s runs%s", opText(run.Operation), mark(run.ReplaysChildren, ", replaying"))
			return nil
		},
		ContextEnd: func(_ context.Context, run *plugin.ContextRun) {
			w.note("%s returns %s%s", opText(run.Operation), errorText(run.Err), mark(run.OnlyReplayed, ", only replayed"))
		},
		InvocationEnd: func(_ context.Context, o *plugin.Outcome) {
			switch {
			case o.Fault != nil:
				w.note("invocation ends %s: %v", o.Status, o.Fault)
			case o.Error != nil:
				w.note("invocation ends %s: %s", o.Status, o.Error.ErrorMessage)
			default:
				w.note("invocation ends %s %s", o.Status, o.Result)
			}
		},
	}
}

func mark(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

func errorText(err error) string {
	if err == nil {
		return "well"
	}
	return err.Error()
}

// hears compares what a plugin hears of an execution with what it should.
func hears(t *testing.T, svc *service, handler func(durable.Context, any) (any, error), want ...string) {
	t.Helper()
	w := new(witness)
	svc.run(durable.NewHandler(handler, durable.WithClient(svc), durable.WithPlugins(w.plugin())))
	if diff := cmp.Diff(want, w.heard()); diff != "" {
		t.Errorf("what the plugin heard (-want +got):\n%s", diff)
	}
}

func TestPluginHearsStep(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hears(t, newService(t, "{}"), func(ctx durable.Context, _ any) (any, error) {
			return durable.Step(ctx, "s", nothing)
		},
			"invocation starts, first true, 1 operations",
			"1 Step s starts",
			"1 Step s attempt 1 starts",
			"1 Step s attempt 1 ends well",
			"1 Step s ends SUCCEEDED",
			"invocation ends SUCCEEDED null",
		)
	})
}

// What is replayed is not told again, and what ended between two invocations
// is told by the second.
func TestPluginHearsOverSuspensions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hears(t, newService(t, "{}"), func(ctx durable.Context, _ any) (any, error) {
			durable.Step(ctx, "s", nothing)
			durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (any, error) {
				durable.Wait(ctx, "w", time.Second)
				return nil, durable.Wait(ctx, "w2", time.Second)
			})
			return nil, errors.New("in the end it failed")
		},
			"invocation starts, first true, 1 operations",
			"1 Step s starts",
			"1 Step s attempt 1 starts",
			"1 Step s attempt 1 ends well",
			"1 Step s ends SUCCEEDED",
			"2 RunInChildContext c starts",
			"2 RunInChildContext c runs",
			"2-1 Wait w starts",
			"invocation ends PENDING",
			"invocation starts, first false, 4 operations",
			"2 RunInChildContext c resumes STARTED",
			"2-1 Wait w ends SUCCEEDED",
			"2 RunInChildContext c runs, replaying",
			"2-2 Wait w2 starts",
			"invocation ends PENDING",
			"invocation starts, first false, 5 operations",
			"2 RunInChildContext c resumes STARTED",
			"2-2 Wait w2 ends SUCCEEDED",
			"2 RunInChildContext c runs, replaying",
			"2 RunInChildContext c returns well",
			"2 RunInChildContext c ends SUCCEEDED",
			"invocation ends FAILED: in the end it failed",
		)
	})
}

func TestPluginHearsAttempts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		often := durable.WithRetry(retry.Fixed(3, time.Second))
		hears(t, newService(t, "{}"), func(ctx durable.Context, _ any) (any, error) {
			durable.Step(ctx, "s", func(ctx context.Context) (any, error) {
				switch durable.Attempt(ctx) {
				case 1:
					panic("oh")
				case 2:
					<-ctx.Done()
				}
				return nil, context.Cause(ctx)
			}, often, durable.WithTimeout(time.Second))
			return durable.WaitForCondition(ctx, "c", 0, func(_ context.Context, n int) (int, bool, error) {
				return n + 1, n == 1, nil
			}, durable.WithPolling(retry.Fixed(2, time.Second)))
		},
			"invocation starts, first true, 1 operations",
			"1 Step s starts",
			"1 Step s attempt 1 starts",
			"1 Step s attempt 1 ends panic: oh",
			"invocation ends PENDING",
			"invocation starts, first false, 2 operations",
			"1 Step s resumes READY",
			"1 Step s attempt 2 starts",
			`1 Step s attempt 2 ends attempt 2 of step "s" took longer than 1s: attempt 2 of step "s" took longer than 1s:`,
			"invocation ends PENDING",
			"invocation starts, first false, 2 operations",
			"1 Step s resumes READY",
			"1 Step s attempt 3 starts",
			"1 Step s attempt 3 ends well",
			"1 Step s ends SUCCEEDED",
			"2 WaitForCondition c starts",
			"2 WaitForCondition c attempt 1 starts",
			"2 WaitForCondition c attempt 1 ends well",
			"invocation ends PENDING",
			"invocation starts, first false, 3 operations",
			"2 WaitForCondition c resumes READY",
			"2 WaitForCondition c attempt 2 starts",
			"2 WaitForCondition c attempt 2 ends well",
			"2 WaitForCondition c ends SUCCEEDED",
			"invocation ends SUCCEEDED 2",
		)
	})
}

// A virtual context is told of each time that its function runs, but its end
// only once.
func TestPluginHearsVirtualContexts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hears(t, newService(t, "{}"), func(ctx durable.Context, _ any) (any, error) {
			durable.RunInChildContext(ctx, "v", func(ctx durable.Context) (any, error) {
				return nil, durable.Wait(ctx, "w", time.Second)
			}, durable.WithVirtual())
			return nil, durable.Wait(ctx, "w2", time.Second)
		},
			"invocation starts, first true, 1 operations",
			"1 RunInChildContext v runs",
			"1-1 Wait w starts",
			"invocation ends PENDING",
			"invocation starts, first false, 2 operations",
			"1-1 Wait w ends SUCCEEDED",
			"1 RunInChildContext v runs, replaying",
			"1 RunInChildContext v returns well",
			"2 Wait w2 starts",
			"invocation ends PENDING",
			"invocation starts, first false, 3 operations",
			"2 Wait w2 ends SUCCEEDED",
			"1 RunInChildContext v runs, replaying",
			"1 RunInChildContext v returns well, only replayed",
			"invocation ends SUCCEEDED null",
		)
	})
}

// Of an operation that closes while others run, the plugins hear before the
// workflow does.
func TestPluginHearsBeforeTheWorkflow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc, w := newService(t, "{}"), new(witness)
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			f := durable.Go(ctx, "busy", func(ctx durable.Context) (any, error) {
				return durable.Step(ctx, "sleep", func(context.Context) (any, error) {
					time.Sleep(3 * time.Second)
					return nil, nil
				})
			})
			durable.Wait(ctx, "w", time.Second)
			w.note("the workflow goes on")
			return f.Result(ctx)
		}, durable.WithClient(svc), durable.WithPlugins(w.plugin()))
		if out := svc.run(h); out.Status != protocol.InvocationSucceeded || svc.invocations != 1 {
			t.Fatalf("got %s %s after %d invocations", out.Status, out.errorText(), svc.invocations)
		}
		heard := strings.Join(w.heard(), "\n")
		if want := "2 Wait w ends SUCCEEDED\nthe workflow goes on\n"; !strings.Contains(heard, want) {
			t.Errorf("got\n%s\nwant in it\n%s", heard, want)
		}
	})
}

// Each operation of branches that run at the same time is told of once: first
// its start, last its end.
func TestPluginHearsBranches(t *testing.T) {
	for name, opt := range map[string]durable.BatchOption{
		"nested": durable.WithMaxConcurrency(3),
		"flat":   durable.WithFlat(),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc, w := newService(t, "{}"), new(witness)
				h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
					_, err := durable.Map(ctx, "m", make([]int, 20), func(ctx durable.Context, _, i int) (int, error) {
						durable.Step(ctx, "s", nothing)
						return i, durable.Wait(ctx, "w", time.Duration(i%3+1)*time.Second)
					}, opt)
					return nil, err
				}, durable.WithClient(svc), durable.WithPlugins(w.plugin()))
				if out := svc.run(h); out.Status != protocol.InvocationSucceeded {
					t.Fatalf("got %s %s", out.Status, out.errorText())
				}
				first, last := make(map[string]string), make(map[string]string)
				for _, line := range w.heard() {
					op, what, _ := strings.Cut(line, " ")
					if strings.HasSuffix(what, " starts") && !strings.Contains(what, "attempt") {
						what = "starts"
					}
					if strings.HasSuffix(what, " ends SUCCEEDED") {
						what = "ends"
					}
					switch {
					case op == "invocation":
					case what == "starts" && first[op] != "", what == "ends" && last[op] == "ends":
						t.Errorf("operation %s %s twice", op, what)
					case first[op] == "":
						first[op] = what
					}
					last[op] = what
				}
				for _, op := range svc.ops {
					if first[op.ID] != "starts" || last[op.ID] != "ends" {
						t.Errorf("operation %s %s first and %s last", op.ID, first[op.ID], last[op.ID])
					}
				}
			})
		})
	}
}

// The losers of a race end too.
func TestPluginHearsCancellations(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc, w := newService(t, "{}"), new(witness)
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			long := durable.Go(ctx, "long", func(ctx durable.Context) (any, error) { return nil, durable.Wait(ctx, "hour", time.Hour) })
			short := durable.Go(ctx, "short", func(ctx durable.Context) (any, error) { return nil, durable.Wait(ctx, "second", time.Second) })
			return durable.Race(ctx, "race", long, short)
		}, durable.WithClient(svc), durable.WithPlugins(w.plugin()))
		svc.run(h)
		heard := strings.Join(w.heard(), "\n")
		for _, want := range []string{"1-1 Wait hour ends CANCELLED", "1 RunInChildContext long ends FAILED", "3 RunInChildContext race ends SUCCEEDED"} {
			if strings.Count(heard, want) != 1 {
				t.Errorf("got\n%s\nwant once\n%s", heard, want)
			}
		}
	})
}

// After an invocation that failed, the service tells its successor again what
// it told that one.
func TestPluginHearsAgainAfterAFault(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		svc.before = func(call int) error {
			if call == 2 {
				return errNowhere
			}
			return nil
		}
		hears(t, svc, func(ctx durable.Context, _ any) (any, error) {
			durable.Step(ctx, "a", nothing)
			return durable.Step(ctx, "b", nothing)
		},
			"invocation starts, first true, 1 operations",
			"1 Step a starts",
			"1 Step a attempt 1 starts",
			"1 Step a attempt 1 ends well",
			"1 Step a ends SUCCEEDED",
			"2 Step b starts",
			"2 Step b attempt 1 starts",
			"2 Step b attempt 1 ends well",
			"invocation ends RETRY: perdure: checkpoint: connection refused",
			"invocation starts, first false, 2 operations",
			"1 Step a ends SUCCEEDED",
			"2 Step b starts",
			"2 Step b attempt 1 starts",
			"2 Step b attempt 1 ends well",
			"2 Step b ends SUCCEEDED",
			"invocation ends SUCCEEDED null",
		)
	})
}

// What a plugin does wrong is its own affair: each call that panics is lost, and
// logged, and nothing else is.
func TestPluginsCannotHarm(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc, log, after := newService(t, "{}"), captureLog(), new(witness)
		faulty := &plugin.Plugin{
			Name:            "faulty",
			InvocationStart: func(context.Context, *plugin.Invocation) context.Context { panic("invocation start") },
			OperationStart:  func(context.Context, *plugin.Operation) { panic("start") },
			OperationResume: func(context.Context, *plugin.Operation) { panic("resume") },
			OperationChange: func(context.Context, *plugin.Change) { panic("change") },
			OperationEnd:    func(context.Context, *plugin.Operation) { panic(errors.New("end")) },
			AttemptStart:    func(context.Context, *plugin.Attempt) context.Context { panic("attempt") },
			AttemptEnd:      func(context.Context, *plugin.Attempt) { panic("attempt end") },
			ContextStart:    func(context.Context, *plugin.ContextRun) context.Context { panic("context") },
			ContextEnd:      func(context.Context, *plugin.ContextRun) { panic("context end") },
			TraceHeader:     func(context.Context, *plugin.Operation) string { panic(nil) },
			InvocationEnd:   func(context.Context, *plugin.Outcome) { panic(panicsAsText{}) },
		}
		h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
			return durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (string, error) {
				durable.Wait(ctx, "w", time.Second)
				durable.Invoke(ctx, "i", durable.Function[int, any]{Name: "f"}, 1)
				return durable.Step(ctx, "s", func(ctx context.Context) (string, error) { return "fine", ctx.Err() })
			})
		}, durable.WithClient(svc), durable.WithLogger(log.logger()), durable.WithPlugins(faulty, new(plugin.Plugin), after.plugin()))
		if out := svc.run(h); out.result() != `"fine"` {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
		panics := make(map[any]int)
		for _, line := range log.lines() {
			if line["plugin"] != "faulty" {
				t.Errorf("got a line without the plugin's name: %v", line)
			}
			panics[line["hook"]]++
		}
		want := map[any]int{
			"InvocationStart": 2, "InvocationEnd": 2, "OperationStart": 4, "OperationResume": 1, "OperationChange": 4, "OperationEnd": 4,
			"AttemptStart": 1, "AttemptEnd": 1, "ContextStart": 2, "ContextEnd": 1, "TraceHeader": 1,
		}
		if diff := cmp.Diff(want, panics); diff != "" {
			t.Errorf("panics that were logged (-want +got):\n%s", diff)
		}
		if n := len(after.heard()); n != 18 {
			t.Errorf("the plugin after the faulty ones heard of %d things, want 18", n)
		}
	})
}

// panicsAsText cannot even be printed.
type panicsAsText struct{}

func (panicsAsText) Error() string { panic("no text") }

// A hook that leaves its goroutine ends the invocation; nothing waits for ever.
func TestPluginGoexit(t *testing.T) {
	for name, leaving := range map[string]*plugin.Plugin{
		"on the workflow's goroutine": {OperationStart: func(context.Context, *plugin.Operation) { runtime.Goexit() }},
		"on the one that records":     {OperationEnd: func(context.Context, *plugin.Operation) { runtime.Goexit() }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
					return durable.Step(ctx, "s", nothing)
				}, durable.WithClient(svc), durable.WithPlugins(leaving))
				if _, err := svc.invokeWith(t.Context(), h); err == nil || !strings.Contains(err.Error(), "runtime.Goexit") {
					t.Errorf("got error %v, want one that names runtime.Goexit", err)
				}
			})
		})
	}
}

// What a plugin adds to a context is values; the workflow does not end with a
// context of its.
func TestPluginsContextsEndNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		ended := func(ctx context.Context) context.Context {
			ctx, cancel := context.WithCancel(context.WithValue(ctx, pluginKey("k"), "v"))
			cancel()
			return ctx
		}
		plugin := &plugin.Plugin{
			InvocationStart: func(ctx context.Context, _ *plugin.Invocation) context.Context { return ended(ctx) },
			AttemptStart:    func(ctx context.Context, _ *plugin.Attempt) context.Context { return ended(ctx) },
			ContextStart:    func(context.Context, *plugin.ContextRun) context.Context { return ended(context.Background()) },
		}
		h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
			return durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (string, error) {
				return durable.Step(ctx, "s", func(ctx context.Context) (string, error) {
					return ctx.Value(pluginKey("k")).(string), ctx.Err()
				}, durable.WithTimeout(time.Minute))
			})
		}, durable.WithClient(svc), durable.WithPlugins(plugin))
		if out := svc.run(h); out.result() != `"v"` {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
	})
}

// Nothing is told before every plugin has heard of the start.
func TestPluginHearsTheStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var heard []string
		plugin := func(name string) *plugin.Plugin {
			return &plugin.Plugin{
				InvocationStart: func(ctx context.Context, _ *plugin.Invocation) context.Context {
					heard = append(heard, fmt.Sprint(name, " starts after ", ctx.Value(pluginKey("a"))))
					return context.WithValue(ctx, pluginKey(name), name)
				},
				OperationEnd: func(ctx context.Context, op *plugin.Operation) {
					heard = append(heard, fmt.Sprint(ctx.Value(pluginKey(name)), " hears the end of ", op.Name))
				},
			}
		}
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			return nil, durable.Wait(ctx, "w", time.Second)
		}, durable.WithClient(svc), durable.WithPlugins(plugin("a"), plugin("b")))
		svc.run(h)
		start := []string{"a starts after <nil>", "b starts after a"}
		want := slices.Concat(start, start, []string{"a hears the end of w", "b hears the end of w"})
		if diff := cmp.Diff(want, heard); diff != "" {
			t.Errorf("what the plugins heard (-want +got):\n%s", diff)
		}
	})
}

type pluginKey string

// The contexts that hooks make reach the code that they are for.
func TestPluginContexts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		with := func(key pluginKey) *plugin.Plugin {
			return &plugin.Plugin{
				InvocationStart: func(ctx context.Context, inv *plugin.Invocation) context.Context {
					return context.WithValue(ctx, key, "invocation "+inv.RequestID)
				},
				AttemptStart: func(ctx context.Context, a *plugin.Attempt) context.Context {
					return context.WithValue(ctx, key, fmt.Sprint(ctx.Value(key), ", attempt ", a.Number, " of ", a.Operation.Name))
				},
				ContextStart: func(ctx context.Context, run *plugin.ContextRun) context.Context {
					return context.WithValue(ctx, key, fmt.Sprint(ctx.Value(key), ", context ", run.Operation.Name))
				},
				TraceHeader: func(ctx context.Context, op *plugin.Operation) string {
					return fmt.Sprint(key, " ", op.Name, " in ", ctx.Value(key))
				},
			}
		}
		var got []any
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			got = append(got, ctx.Value(pluginKey("a")))
			durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (any, error) {
				return durable.Step(ctx, "s", func(ctx context.Context) (any, error) {
					got = append(got, ctx.Value(pluginKey("a")), ctx.Value(pluginKey("b")), durable.Attempt(ctx))
					return nil, nil
				}, durable.WithTimeout(time.Second))
			})
			return durable.Invoke(ctx, "i", durable.Function[int, any]{Name: "f"}, 1)
		}, durable.WithClient(svc), durable.WithPlugins(with("a"), with("b")))
		ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "r1"})
		if _, err := svc.invokeWith(ctx, h); err != nil {
			t.Fatal(err)
		}
		inside := "invocation r1, context c, attempt 1 of s"
		if diff := cmp.Diff([]any{"invocation r1", inside, inside, 1}, got); diff != "" {
			t.Errorf("values of contexts (-want +got):\n%s", diff)
		}
		last := svc.calls[len(svc.calls)-1]
		if got := last[len(last)-1].ChainedInvokeOptions.XAmznTraceID; got != "a i in invocation r1" {
			t.Errorf("got trace header %q, want that of the first plugin", got)
		}
	})
}

// What is told of an operation is what is recorded of it.
func TestPluginSeesOperations(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `"input"`)
		var ended []*protocol.Operation
		plugin := &plugin.Plugin{
			InvocationStart: func(_ context.Context, inv *plugin.Invocation) context.Context {
				for op := range inv.Operations.All() {
					if op.Type != protocol.TypeExecution || *op.Payload != `"input"` {
						t.Errorf("got %+v first, want the EXECUTION and its input", op)
					}
					break
				}
				if inv.ExecutionARN != testARN || !inv.ExecutionStart.Equal(svc.x.Started().Time()) {
					t.Errorf("got ARN %s, start %v", inv.ExecutionARN, inv.ExecutionStart)
				}
				return nil
			},
			OperationEnd: func(_ context.Context, op *plugin.Operation) { ended = append(ended, op.Operation) },
		}
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			return durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (any, error) {
				durable.Wait(ctx, "w", time.Second)
				return durable.Step(ctx, "s", func(context.Context) (any, error) { return nil, errors.New("no") }, durable.WithRetry(retry.None()))
			})
		}, durable.WithClient(svc), durable.WithPlugins(plugin))
		svc.run(h)
		recorded := map[string]*protocol.Operation{}
		for _, op := range svc.ops {
			recorded[op.ID] = op
		}
		if len(ended) != 3 {
			t.Fatalf("got %d ends, want 3", len(ended))
		}
		for _, op := range ended {
			if diff := cmp.Diff(recorded[op.ID], op); diff != "" {
				t.Errorf("operation %s (-recorded +told):\n%s", op.ID, diff)
			}
		}
	})
}

// timings is a plugin that prints how long the steps of an execution took.
var timings = &plugin.Plugin{
	Name: "timings",
	OperationEnd: func(_ context.Context, op *plugin.Operation) {
		if op.Type == "STEP" {
			fmt.Println("step", op.Name, op.Status, "after", op.Attempt, "attempts")
		}
	},
	InvocationEnd: func(_ context.Context, end *plugin.Outcome) {
		fmt.Println("invocation", end.Status, "first", end.First, "operations", end.Operations.Len())
	},
}

func ExampleWithPlugins() {
	svc := simulated("{}")
	h := durable.NewHandler(func(ctx durable.Context, _ any) (string, error) {
		return durable.Step(ctx, "charge", func(ctx context.Context) (string, error) {
			if durable.Attempt(ctx) == 1 {
				return "", errors.New("try again")
			}
			return "charged", nil
		})
	}, durable.WithClient(svc), durable.WithPlugins(timings))
	simulate(h, svc)
	// Output:
	// invocation PENDING first true operations 2
	// step charge SUCCEEDED after 2 attempts
	// invocation SUCCEEDED first false operations 2
	// succeeded: "charged"
}

// Plugins cost replay nothing.
func TestReplayUnderPluginsAllocatesNoMore(t *testing.T) {
	const n = 1000
	allocs := func(opts ...durable.HandlerOption) (result float64) {
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			result = testing.AllocsPerRun(n-1, func() {
				if _, err := durable.Step(ctx, "charge-card", func(context.Context) (int, error) { return 0, nil }); err != nil {
					t.Error(err)
				}
			})
			return nil, nil
		}, append(opts, durable.WithClient(nowhere{}))...)
		if _, err := h.Invoke(t.Context(), finished(n, "1")); err != nil {
			t.Fatal(err)
		}
		return result
	}
	if without, with := allocs(), allocs(durable.WithPlugins(new(plugin.Plugin))); with > without {
		t.Errorf("got %v allocations for a replayed step, without a plugin %v", with, without)
	}
}
