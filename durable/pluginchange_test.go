package durable_test

import (
	"context"
	"errors"
	"fmt"
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

// listed is operations in short, each with how often it was replayed.
func listed(ops []*plugin.Operation) string {
	var list []string
	for _, op := range ops {
		list = append(list, fmt.Sprintf("%s %s %d%s", op.Name, op.Status, op.Attempt, mark(op.Replayed, " replayed")))
	}
	return strings.Join(list, ", ")
}

// A change is told with what it left, each operation once, when the map of all
// has it, and before the end of anything in it.
func TestPluginHearsChanges(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var heard []string
		plugin := &plugin.Plugin{
			InvocationStart: func(_ context.Context, inv *plugin.Invocation) context.Context {
				var updated []string
				for _, op := range inv.Updated {
					updated = append(updated, op.Name)
				}
				heard = append(heard, fmt.Sprint("starts with ", inv.Operations.Len(), ", updated ", updated))
				return nil
			},
			OperationChange: func(_ context.Context, c *plugin.Change) {
				for _, op := range c.Updated {
					if all := c.Invocation.Operations.Get(op.ID); all != op.Operation {
						t.Errorf("got %v among all operations, want %v", all, op.Operation)
					}
				}
				heard = append(heard, listed(c.Updated))
			},
			OperationEnd: func(_ context.Context, op *plugin.Operation) {
				heard = append(heard, op.Name+" ends"+mark(op.Replayed, " replayed"))
			},
			InvocationEnd: func(_ context.Context, end *plugin.Outcome) {
				heard = append(heard, fmt.Sprint("ends ", end.Status, " with ", end.Operations.Len()))
			},
		}
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			durable.Step(ctx, "flaky", func(ctx context.Context) (any, error) {
				if durable.Attempt(ctx) == 1 {
					return nil, errors.New("not yet")
				}
				return nil, nil
			}, durable.WithRetry(retry.Fixed(2, time.Second)))
			durable.Wait(ctx, "w", time.Second)
			_, err := durable.Step(ctx, "failing", func(context.Context) (any, error) { return nil, errors.New("no") },
				durable.WithRetry(retry.None()))
			return nil, err
		}, durable.WithClient(svc), durable.WithPlugins(plugin))
		svc.run(h)
		want := []string{
			"starts with 1, updated []",
			"flaky PENDING 1",
			"ends PENDING with 2",
			"starts with 2, updated [flaky]",
			"flaky SUCCEEDED 2 replayed",
			"flaky ends replayed",
			"w STARTED 0",
			"ends PENDING with 3",
			"starts with 3, updated [w]",
			"w ends replayed",
			"failing FAILED 1",
			"failing ends",
			"ends FAILED with 4",
		}
		if diff := cmp.Diff(want, heard); diff != "" {
			t.Errorf("what the plugin heard (-want +got):\n%s", diff)
		}
	})
}

// A service that answers with no more than the token leaves the rest to the
// updates: what is told is the same.
func TestPluginHearsChangesOfAQuietService(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var last *plugin.Invocation
		plugin := &plugin.Plugin{InvocationEnd: func(_ context.Context, end *plugin.Outcome) { last = end.Invocation }}
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (any, error) { return durable.Step(ctx, "s", nothing) })
			durable.Step(ctx, "retried", func(context.Context) (any, error) { return nil, errors.New("no") },
				durable.WithRetry(retry.Fixed(2, time.Minute)))
			return nil, nil
		}, durable.WithClient(quiet{}), durable.WithPlugins(plugin))
		if _, err := h.Invoke(t.Context(), finished(0, "")); err != nil {
			t.Fatal(err)
		}
		var got []string
		for op := range last.Operations.All() {
			got = append(got, fmt.Sprintf("%s %s %s in %q, attempt %d, ended %t, next %v",
				op.ID, op.Name, op.Status, op.ParentID, op.Attempt, op.End != 0, op.NextAttempt != 0))
		}
		want := []string{
			`exec  STARTED in "", attempt 0, ended false, next false`,
			`1 c SUCCEEDED in "", attempt 0, ended true, next false`,
			`1-1 s SUCCEEDED in "1", attempt 1, ended true, next false`,
			`2 retried PENDING in "", attempt 1, ended false, next true`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("operations at the end (-want +got):\n%s", diff)
		}
	})
}

// quiet is a service that accepts everything and tells nothing.
type quiet struct{ nowhere }

func (quiet) Checkpoint(context.Context, *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	return &protocol.CheckpointReply{Token: "t"}, nil
}

// The start and the end of an invocation tell the same of it.
func TestPluginSeesInvocations(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var started []*plugin.Invocation
		plugin := &plugin.Plugin{
			InvocationStart: func(_ context.Context, inv *plugin.Invocation) context.Context {
				started = append(started, inv)
				return nil
			},
			InvocationEnd: func(ctx context.Context, end *plugin.Outcome) {
				if end.Invocation != started[len(started)-1] || end.RequestID != "r1" || ctx.Err() != nil {
					t.Errorf("got end %+v under a context with error %v, want that of %+v", end.Invocation, ctx.Err(), started)
				}
			},
		}
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			return nil, durable.Wait(ctx, "w", time.Second)
		}, durable.WithClient(svc), durable.WithPlugins(plugin))
		ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "r1"})
		svc.invokeWith(ctx, h)
		svc.invokeWith(ctx, h)
		if len(started) != 2 || !started[0].First || started[1].First {
			t.Errorf("got %d starts: %+v", len(started), started)
		}
	})
}

// Attempts have a number and times, and say whether the step began earlier.
func TestPluginSeesAttempts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		var heard []string
		began := time.Now()
		note := func(what string, a *plugin.Attempt) {
			end := "-"
			if op := a.Operation; op.Error != nil || op.Payload != nil || op.NextAttempt != 0 || op.Attempt != a.Number {
				t.Errorf("got %+v, with something of the attempt before", op.Operation)
			}
			if !a.End.IsZero() {
				end = a.End.Sub(began).String()
			}
			heard = append(heard, fmt.Sprintf("%s %d of %s %s: %v to %s, %v%s", what, a.Number, a.Operation.Name, a.Operation.Status,
				a.Start.Sub(began), end, a.Err, mark(a.Operation.Replayed, ", replayed")))
		}
		plugin := &plugin.Plugin{
			AttemptStart: func(_ context.Context, a *plugin.Attempt) context.Context {
				note("start", a)
				return nil
			},
			AttemptEnd: func(_ context.Context, a *plugin.Attempt) { note("end", a) },
		}
		h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
			return durable.Step(ctx, "s", func(ctx context.Context) (any, error) {
				time.Sleep(2 * time.Second)
				if durable.Attempt(ctx) == 1 {
					panic("not yet")
				}
				return nil, nil
			}, durable.WithRetry(retry.Fixed(2, 10*time.Second)))
		}, durable.WithClient(svc), durable.WithPlugins(plugin))
		svc.run(h)
		want := []string{
			"start 1 of s STARTED: 0s to -, <nil>",
			"end 1 of s STARTED: 0s to 2s, panic: not yet",
			"start 2 of s STARTED: 12s to -, <nil>, replayed",
			"end 2 of s STARTED: 12s to 14s, <nil>, replayed",
		}
		if diff := cmp.Diff(want, heard); diff != "" {
			t.Errorf("what the plugin heard (-want +got):\n%s", diff)
		}
	})
}

// A context whose result was too large runs again, with what plugins add to its
// context: code in it sees the same on every run.
func TestPluginHearsContextsRebuilt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hears(t, newService(t, "{}"), func(ctx durable.Context, _ any) (any, error) {
			durable.RunInChildContext(ctx, "large", func(ctx durable.Context) (string, error) {
				durable.Step(ctx, "s", nothing)
				return strings.Repeat("x", protocol.MaxInlineResult+1), nil
			})
			return nil, durable.Wait(ctx, "w", time.Second)
		},
			"invocation starts, first true, 1 operations",
			"1 RunInChildContext large starts",
			"1 RunInChildContext large runs",
			"1-1 Step s starts",
			"1-1 Step s attempt 1 starts",
			"1-1 Step s attempt 1 ends well",
			"1-1 Step s ends SUCCEEDED",
			"1 RunInChildContext large returns well",
			"1 RunInChildContext large ends SUCCEEDED",
			"2 Wait w starts",
			"invocation ends PENDING",
			"invocation starts, first false, 4 operations",
			"2 Wait w ends SUCCEEDED",
			"1 RunInChildContext large runs, replaying",
			"1 RunInChildContext large returns well, only replayed",
			"invocation ends SUCCEEDED null",
		)
	})
}

// Operations may be read from anywhere while the invocation goes on.
func TestPluginReadsOperationsAnywhere(t *testing.T) {
	svc := simulated("{}")
	var readers sync.WaitGroup
	plugin := &plugin.Plugin{OperationChange: func(_ context.Context, c *plugin.Change) {
		all := c.Invocation.Operations
		n := all.Len()
		readers.Go(func() {
			ids := make(map[string]bool)
			for op := range all.All() {
				if ids[op.ID] || all.Get(op.ID) == nil {
					t.Errorf("operation %s is there twice, or not at all", op.ID)
				}
				ids[op.ID] = true
			}
			if len(ids) < n {
				t.Errorf("got %d operations, want the %d that were there", len(ids), n)
			}
		})
	}}
	h := durable.NewHandler(func(ctx durable.Context, _ any) (any, error) {
		_, err := durable.Map(ctx, "m", slices.Repeat([]int{1}, 50), func(ctx durable.Context, n, _ int) (int, error) {
			return durable.Step(ctx, "s", func(context.Context) (int, error) { return n, nil })
		})
		return nil, err
	}, durable.WithClient(svc), durable.WithPlugins(plugin))
	if out := svc.run(h); out.Status != protocol.InvocationSucceeded {
		t.Errorf("got %s %s", out.Status, out.errorText())
	}
	readers.Wait()
}
