package durableotel_test

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/durableotel"
	"github.com/perdure/perdure/durable/plugin"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/durabletest"
)

const (
	xrayHeader = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	xrayTrace  = "5759e988bd862e3fe1be46a994272793"
	xrayParent = "53995c3f42cd8ad8"
)

// traced is the plugin under test, with a provider for each invocation, as if
// each ran in a process of its own. What an invocation exported must have
// arrived by its end.
func (c *collector) traced(cfg durableotel.Config, opts ...sdktrace.TracerProviderOption) durable.HandlerOption {
	return durable.WithPlugins(afresh(func() *plugin.Plugin {
		provider := c.provider(c.t, opts...)
		p := durableotel.New(provider, cfg)
		end := p.InvocationEnd
		p.InvocationEnd = func(ctx context.Context, o *plugin.Outcome) {
			end(ctx, o)
			arrived := len(c.received())
			if err := provider.Shutdown(context.WithoutCancel(ctx)); err != nil {
				c.t.Error(err)
			}
			if n := len(c.received()); n != arrived {
				c.t.Errorf("%d spans were not sent before the invocation's end", n-arrived)
			}
		}
		return p
	}))
}

type freshKey struct{}

// afresh is a plugin that is another one in each invocation.
func afresh(fresh func() *plugin.Plugin) *plugin.Plugin {
	of := func(ctx context.Context) *plugin.Plugin { return ctx.Value(freshKey{}).(*plugin.Plugin) }
	return &plugin.Plugin{
		InvocationStart: func(ctx context.Context, inv *plugin.Invocation) context.Context {
			p := fresh()
			return context.WithValue(p.InvocationStart(ctx, inv), freshKey{}, p)
		},
		OperationStart:  func(ctx context.Context, op *plugin.Operation) { of(ctx).OperationStart(ctx, op) },
		OperationResume: func(ctx context.Context, op *plugin.Operation) { of(ctx).OperationResume(ctx, op) },
		OperationEnd:    func(ctx context.Context, op *plugin.Operation) { of(ctx).OperationEnd(ctx, op) },
		AttemptStart: func(ctx context.Context, a *plugin.Attempt) context.Context {
			return of(ctx).AttemptStart(ctx, a)
		},
		AttemptEnd: func(ctx context.Context, a *plugin.Attempt) { of(ctx).AttemptEnd(ctx, a) },
		ContextStart: func(ctx context.Context, run *plugin.ContextRun) context.Context {
			return of(ctx).ContextStart(ctx, run)
		},
		ContextEnd: func(ctx context.Context, run *plugin.ContextRun) { of(ctx).ContextEnd(ctx, run) },
		TraceHeader: func(ctx context.Context, op *plugin.Operation) string {
			if header := of(ctx).TraceHeader; header != nil {
				return header(ctx, op)
			}
			return ""
		},
		InvocationEnd: func(ctx context.Context, o *plugin.Outcome) { of(ctx).InvocationEnd(ctx, o) },
	}
}

func step(ctx durable.Context, name string) {
	durable.Step(ctx, name, func(context.Context) (any, error) { return nil, nil })
}

// fulfil has operations of all sorts, in four invocations.
func fulfil(ctx durable.Context, _ any) (any, error) {
	step(ctx, "reserve")
	durable.Step(ctx, "charge", func(ctx context.Context) (any, error) {
		if durable.Attempt(ctx) == 1 {
			return nil, errors.New("no connection")
		}
		return nil, nil
	}, durable.WithRetry(retry.Fixed(2, time.Second)))
	durable.RunInChildContext(ctx, "pack", func(ctx durable.Context) (any, error) {
		durable.Wait(ctx, "cool", time.Minute)
		step(ctx, "wrap")
		return nil, nil
	})
	return durable.RunInChildContext(ctx, "quick", func(ctx durable.Context) (any, error) {
		return nil, durable.Wait(ctx, "", time.Second)
	}, durable.WithVirtual())
}

func compare(t *testing.T, c *collector, want ...string) {
	t.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(want, c.traces().lines()); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}

// In the ExecutionView each span comes once, whatever the number of invocations.
func TestExecutionView(t *testing.T) {
	c := newCollector(t)
	durabletest.Run(t, fulfil, nil, c.traced(durableotel.Config{}))
	compare(t, c,
		"DurableExecutionRoot",
		"Workflow < DurableExecutionRoot",
		"Invocation[PENDING] < DurableExecutionRoot",
		"Invocation[PENDING] < DurableExecutionRoot",
		"Invocation[PENDING] < DurableExecutionRoot",
		"Invocation[SUCCEEDED] < DurableExecutionRoot",
		"reserve < Workflow -> Invocation[PENDING]",
		"reserve attempt 1 < reserve -> Invocation[PENDING]",
		"charge < Workflow -> Invocation[PENDING]",
		"charge attempt 1 < charge -> Invocation[PENDING] !no connection",
		"charge attempt 2 < charge -> Invocation[PENDING]",
		"pack < Workflow -> Invocation[PENDING]",
		"cool < pack -> Invocation[PENDING]",
		"wrap < pack -> Invocation[PENDING]",
		"wrap attempt 1 < wrap -> Invocation[PENDING]",
		"quick < Workflow -> Invocation[SUCCEEDED]",
		"Wait < Workflow -> Invocation[SUCCEEDED]",
	)
	tr := c.traces()
	if cool := tr.span(t, "cool"); length(cool) != time.Minute {
		t.Errorf("the span of a minute's wait is %v long", length(cool))
	}
	if all := tr.span(t, "Workflow"); length(all) < time.Minute+2*time.Second {
		t.Errorf("the span of the execution is %v long", length(all))
	}
	for _, s := range tr.spans {
		parent := tr.span(t, "Workflow")
		if title(s) != "Invocation[PENDING]" && s.Name != "DurableExecutionRoot" &&
			(s.StartTimeUnixNano < parent.StartTimeUnixNano || s.EndTimeUnixNano > parent.EndTimeUnixNano) {
			t.Errorf("%s is outside of the execution's time", title(s))
		}
	}
}

func length(s *tracepb.Span) time.Duration {
	return time.Duration(s.EndTimeUnixNano - s.StartTimeUnixNano)
}

// In the InvocationView an operation has a span in each invocation that it is
// open in.
func TestInvocationView(t *testing.T) {
	c := newCollector(t)
	durabletest.Run(t, fulfil, nil, c.traced(durableotel.Config{View: durableotel.InvocationView}))
	compare(t, c,
		"DurableExecutionRoot",
		"Workflow < DurableExecutionRoot",
		"Invocation[PENDING] < DurableExecutionRoot",
		"Invocation[PENDING] < DurableExecutionRoot",
		"Invocation[PENDING] < DurableExecutionRoot",
		"Invocation[SUCCEEDED] < DurableExecutionRoot",
		"reserve < Invocation[PENDING] -> Workflow",
		"reserve attempt 1 < reserve -> Workflow",
		"charge[STARTED] < Invocation[PENDING] -> Workflow",
		"charge attempt 1 < charge[STARTED] -> Workflow !no connection",
		"charge < Invocation[PENDING] -> charge[STARTED] -> Workflow",
		"charge attempt 2 < charge -> Workflow",
		"pack[STARTED] < Invocation[PENDING] -> Workflow",
		"pack < Invocation[PENDING] -> pack[STARTED] -> Workflow",
		"cool[STARTED] < pack[STARTED] -> Workflow",
		"cool < pack -> cool[STARTED] -> Workflow",
		"wrap < pack -> Workflow",
		"wrap attempt 1 < wrap -> Workflow",
		"quick < Invocation[SUCCEEDED] -> Workflow",
		"Wait[STARTED] < Invocation[PENDING] -> Workflow",
		"Wait < Invocation[SUCCEEDED] -> Wait[STARTED] -> Workflow",
	)
}

func TestAttributes(t *testing.T) {
	c := newCollector(t)
	result := durabletest.Run(t, func(ctx durable.Context, _ any) (any, error) {
		return durable.Step(ctx, "charge", func(ctx context.Context) (any, error) { return nil, errors.New("declined") },
			durable.WithRetry(retry.None()))
	}, nil, c.traced(durableotel.Config{}))
	tr := c.traces()
	arn := tr.attributes(t, "Workflow")["durable.execution.arn"]
	if !strings.Contains(arn, ":durable-execution/") && !strings.Contains(arn, "/durable-execution/") {
		t.Errorf("got ARN %q", arn)
	}
	request := tr.attributes(t, "Invocation[FAILED]")["faas.invocation_id"]
	operation := map[string]string{
		"durable.execution.arn": arn, "durable.operation.id": "1", "durable.operation.type": "STEP",
		"durable.operation.subtype": "Step", "durable.operation.name": "charge", "durable.attempt.number": "1",
	}
	for span, want := range map[string]map[string]string{
		"Workflow": {"durable.execution.arn": arn, "durable.execution.status": "FAILED"},
		"Invocation[FAILED]": {"durable.execution.arn": arn, "durable.invocation.first": "true", "durable.invocation.status": "FAILED",
			"faas.invocation_id": request},
		"charge":           with(operation, "durable.operation.status", "FAILED"),
		"charge attempt 1": with(operation, "durable.attempt.outcome", "FAILED"),
	} {
		if diff := cmp.Diff(want, tr.attributes(t, span)); diff != "" {
			t.Errorf("attributes of %s (-want +got):\n%s", span, diff)
		}
		if s := tr.span(t, span); s.Status.Code != tracepb.Status_STATUS_CODE_ERROR || len(s.Events) != 1 ||
			s.Events[0].Name != "exception" {
			t.Errorf("%s has status %v and events %v, want a failure and one exception", span, s.Status, s.Events)
		}
	}
	if result.Status != durabletest.Failed {
		t.Errorf("got %s", result.Status)
	}
}

func with(m map[string]string, key, value string) map[string]string {
	more := map[string]string{key: value}
	for k, v := range m {
		more[k] = v
	}
	return more
}

// The header that Lambda passes on decides about trace, parent and sampling.
func TestTraceHeader(t *testing.T) {
	for header, want := range map[string]struct{ trace, parent string }{
		xrayHeader: {xrayTrace, xrayParent},
		"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8": {xrayTrace, xrayParent},
		"Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1":               {xrayTrace, ""},
		"00-" + xrayTrace + "-" + xrayParent + "-01":                       {xrayTrace, xrayParent},
		"":                  {},
		"Root=1-5759e988;x": {},
	} {
		t.Run(header, func(t *testing.T) {
			t.Setenv("_X_AMZN_TRACE_ID", header)
			c := newCollector(t)
			durabletest.Run(t, func(ctx durable.Context, _ any) (any, error) {
				step(ctx, "a")
				durable.Wait(ctx, "w", time.Second)
				step(ctx, "b")
				return nil, nil
			}, nil, c.traced(durableotel.Config{}))
			tr := c.traces()
			workflow := tr.span(t, "Workflow")
			for _, s := range tr.spans {
				if got := hex.EncodeToString(s.TraceId); got != hex.EncodeToString(workflow.TraceId) ||
					want.trace != "" && got != want.trace {
					t.Errorf("%s is in trace %s, want all in one: %s", title(s), got, want.trace)
				}
			}
			if got := hex.EncodeToString(workflow.ParentSpanId); want.parent != "" && got != want.parent || got == "" {
				t.Errorf("Workflow's parent is %s, want %s", got, want.parent)
			}
			if roots := strings.Count(strings.Join(tr.lines(), "\n"), "DurableExecutionRoot\n"); want.parent != "" && roots != 0 {
				t.Errorf("there is a root of our own besides the header's parent")
			}
		})
	}
}

func TestNotSampled(t *testing.T) {
	for name, test := range map[string]struct {
		header  string
		sampler sdktrace.Sampler
	}{
		"X-Ray": {strings.Replace(xrayHeader, "Sampled=1", "Sampled=0", 1), nil},
		"W3C":   {"00-" + xrayTrace + "-" + xrayParent + "-00", nil},
		"root":  {"Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0", nil},
		"ours":  {"", sdktrace.ParentBased(sdktrace.NeverSample())},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("_X_AMZN_TRACE_ID", test.header)
			var opts []sdktrace.TracerProviderOption
			if test.sampler != nil {
				opts = append(opts, sdktrace.WithSampler(test.sampler))
			}
			c := newCollector(t)
			durabletest.Run(t, fulfil, nil, c.traced(durableotel.Config{}, opts...))
			compare(t, c)
		})
	}
}

// An invocation that crashes leaves no half of a span; what the next does again
// has the same ids.
func TestCrash(t *testing.T) {
	c := newCollector(t)
	durabletest.Drive(t, func(ctx durable.Context, _ any) (any, error) {
		step(ctx, "a")
		step(ctx, "b")
		return nil, nil
	}, nil, func(t *testing.T, x *durabletest.Execution) {
		x.CrashBefore("b")
	}, c.traced(durableotel.Config{}))
	ids := make(map[string]string)
	for _, s := range c.received() {
		if s.Name == "Invocation" {
			continue
		}
		id := hex.EncodeToString(s.SpanId)
		if before := ids[s.Name]; before != "" && before != id {
			t.Errorf("%s came with the ids %s and %s", s.Name, before, id)
		}
		ids[s.Name] = id
	}
	for _, want := range []string{"Workflow", "a", "a attempt 1", "b", "b attempt 1"} {
		if ids[want] == "" {
			t.Errorf("there is no span %s in %q", want, c.traces().lines())
		}
	}
}

// Spans of the user's own lie below what they are made in.
func TestSpansOfTheUser(t *testing.T) {
	for view, name := range map[durableotel.View]string{durableotel.ExecutionView: "execution", durableotel.InvocationView: "invocation"} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t)
			span := func(ctx context.Context, name string) {
				_, s := trace.SpanFromContext(ctx).TracerProvider().Tracer("test").Start(ctx, name)
				s.End()
			}
			durabletest.Run(t, func(ctx durable.Context, _ any) (any, error) {
				span(ctx, "of handler")
				return durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (any, error) {
					return durable.Step(ctx, "s", func(ctx context.Context) (any, error) {
						span(ctx, "of step")
						span(ctx, "of step, too")
						return nil, nil
					})
				})
			}, nil, c.traced(durableotel.Config{View: view}))
			lines := strings.Join(c.traces().lines(), "\n")
			for _, want := range []string{"of handler < Invocation[SUCCEEDED]", "of step < s attempt 1", "of step, too < s attempt 1"} {
				if !strings.Contains(lines, want) {
					t.Errorf("got\n%s\nwant in it %s", lines, want)
				}
			}
		})
	}
}

func TestParallel(t *testing.T) {
	c := newCollector(t)
	durabletest.Run(t, func(ctx durable.Context, _ any) (any, error) {
		_, err := durable.Map(ctx, "each", make([]int, 30), func(ctx durable.Context, _, i int) (int, error) {
			step(ctx, "s")
			return i, durable.Wait(ctx, "w", time.Duration(1+i%2)*time.Second)
		})
		return nil, err
	}, nil, c.traced(durableotel.Config{}))
	counts := make(map[string]int)
	for _, line := range c.traces().lines() {
		counts[line]++
	}
	for line, n := range map[string]int{"s attempt 1 < s -> Invocation[PENDING]": 30, "each < Workflow -> Invocation[SUCCEEDED]": 1} {
		if counts[line] != n {
			t.Errorf("got %d spans %q, want %d: %v", counts[line], line, n, counts)
		}
	}
	if n := len(c.received()); n != 1+1+3+1+30*4 {
		t.Errorf("got %d spans, want %d", n, 1+1+3+1+30*4)
	}
}

func TestWaitForCallback(t *testing.T) {
	c := newCollector(t)
	durabletest.Drive(t, func(ctx durable.Context, _ any) (string, error) {
		return durable.WaitForCallback[string](ctx, "approval", func(context.Context, string) error { return nil })
	}, nil, func(t *testing.T, x *durabletest.Execution) {
		x.FailCallback(x.Callback("approval"), "Rejected", "not today")
	}, c.traced(durableotel.Config{}))
	compare(t, c,
		"DurableExecutionRoot",
		`Workflow < DurableExecutionRoot !not today`,
		"Invocation[PENDING] < DurableExecutionRoot",
		`Invocation[FAILED] < DurableExecutionRoot !not today`,
		"approval < Workflow -> Invocation[FAILED] !not today",
		"approval-callback < approval -> Invocation[FAILED] !not today",
		"approval-submitter < approval -> Invocation[PENDING]",
		"approval-submitter attempt 1 < approval-submitter -> Invocation[PENDING]",
	)
}

// A chained invoke passes on its own span as the parent, unless it is told not to.
func TestChainedInvoke(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  durableotel.Config
		want bool
	}{"joined": {durableotel.Config{}, true}, "detached": {durableotel.Config{Detached: true}, false}} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("_X_AMZN_TRACE_ID", xrayHeader)
			c := newCollector(t)
			var sent string
			plugin := afresh(func() *plugin.Plugin {
				provider := c.provider(t)
				p := durableotel.New(provider, test.cfg)
				if header := p.TraceHeader; header != nil {
					p.TraceHeader = func(ctx context.Context, op *plugin.Operation) string {
						sent = header(ctx, op)
						return sent
					}
				}
				end := p.InvocationEnd
				p.InvocationEnd = func(ctx context.Context, o *plugin.Outcome) {
					end(ctx, o)
					provider.Shutdown(context.WithoutCancel(ctx))
				}
				return p
			})
			durabletest.Drive(t, func(ctx durable.Context, _ any) (any, error) {
				return durable.Invoke(ctx, "other", durable.Function[any, any]{Name: "other"}, nil)
			}, nil, func(t *testing.T, x *durabletest.Execution) {
				durabletest.Stub(x, "other", func(context.Context, any) (any, error) { return nil, nil })
			}, durable.WithPlugins(plugin))
			want := ""
			if test.want {
				want = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=" + hex.EncodeToString(c.traces().span(t, "other").SpanId) +
					";Sampled=1"
			}
			if sent != want {
				t.Errorf("the trace header is %q, want %q", sent, want)
			}
		})
	}
}

// Code of a context lies below the context's span, also when it runs again for a
// result that was too large to be recorded.
func TestContextThatRunsAgain(t *testing.T) {
	c := newCollector(t)
	var below []string
	durabletest.Run(t, func(ctx durable.Context, _ any) (any, error) {
		durable.RunInChildContext(ctx, "large", func(ctx durable.Context) (string, error) {
			below = append(below, trace.SpanContextFromContext(ctx).SpanID().String())
			return strings.Repeat("x", 300_000), nil
		})
		return nil, durable.Wait(ctx, "w", time.Second)
	}, nil, c.traced(durableotel.Config{})).Output()
	span := hex.EncodeToString(c.traces().span(t, "large").SpanId)
	if want := []string{span, span}; !slices.Equal(below, want) {
		t.Errorf("the code was below the spans %v, want %v", below, want)
	}
}

// stuck is an exporter that gets nothing done.
type stuck struct{}

func (stuck) ExportSpans(ctx context.Context, _ []sdktrace.ReadOnlySpan) error {
	<-ctx.Done()
	return ctx.Err()
}

func (stuck) Shutdown(context.Context) error { return nil }

// A collector that does not answer takes no more of the function's time than it may.
func TestFlushIsBounded(t *testing.T) {
	for name, test := range map[string]struct {
		cfg           durableotel.Config
		timeout, want time.Duration
	}{
		"default":         {durableotel.Config{}, time.Minute, 5 * time.Second},
		"configured":      {durableotel.Config{FlushTimeout: time.Second}, time.Minute, time.Second},
		"little time":     {durableotel.Config{}, 4 * time.Second, 2 * time.Second},
		"no time to lose": {durableotel.Config{}, 100 * time.Millisecond, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			var took time.Duration
			plugin := afresh(func() *plugin.Plugin {
				provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(stuck{}), durableotel.WithIDs())
				p := durableotel.New(provider, test.cfg)
				end := p.InvocationEnd
				p.InvocationEnd = func(ctx context.Context, o *plugin.Outcome) {
					ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), test.timeout)
					defer cancel()
					start := time.Now()
					end(ctx, o)
					took = time.Since(start)
					provider.Shutdown(context.WithoutCancel(ctx))
				}
				return p
			})
			result := durabletest.Run(t, func(ctx durable.Context, _ any) (any, error) {
				step(ctx, "a")
				return nil, nil
			}, nil, durable.WithPlugins(plugin))
			result.Output()
			if took != test.want {
				t.Errorf("the flush took %v, want %v", took, test.want)
			}
			if len(result.Logs) != 1 || result.Logs[0].Message != "some spans were not exported" {
				t.Errorf("got log %v, want one line that tells", result.Logs)
			}
		})
	}
}

// A provider that was not made for it is noticed, and leaves the execution alone.
func TestProviderWithoutIDs(t *testing.T) {
	c := newCollector(t)
	result := durabletest.Run(t, func(ctx durable.Context, _ any) (string, error) {
		step(ctx, "a")
		return "well", nil
	}, nil, c.traced(durableotel.Config{}, sdktrace.WithIDGenerator(someIDs{})))
	result.Output()
	if len(result.Logs) != 1 || !strings.Contains(result.Logs[0].Message, "WithIDs") {
		t.Errorf("got log %v, want one line that says what is missing", result.Logs)
	}
}

type someIDs struct{}

func (someIDs) NewIDs(context.Context) (trace.TraceID, trace.SpanID) {
	return trace.TraceID{1}, trace.SpanID{1}
}

func (someIDs) NewSpanID(context.Context, trace.TraceID) trace.SpanID { return trace.SpanID{2} }

func TestNilProvider(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("New accepted no provider")
		}
	}()
	durableotel.New(nil, durableotel.Config{})
}
