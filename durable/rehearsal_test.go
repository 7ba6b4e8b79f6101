package durable_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// rehearsal is code that recorded an execution, code that is to take it over,
// and what is to be said of that.
type rehearsal struct {
	before, after func(durable.Context, any) (int, error)
	want          string // a status, or a part of the error
}

func mustNotRun(t *testing.T) func(context.Context) (int, error) {
	return func(context.Context) (int, error) {
		t.Error("a body ran in a rehearsal")
		return 0, nil
	}
}

// pausing does what it is given, and then waits.
func pausing(do func(durable.Context) error) func(durable.Context, any) (int, error) {
	return func(ctx durable.Context, _ any) (int, error) {
		if err := do(ctx); err != nil {
			return 0, err
		}
		return 0, durable.Wait(ctx, "pause", time.Hour)
	}
}

func TestRehearsal(t *testing.T) {
	boom := func(context.Context) (int, error) { return 0, errors.New("boom") }
	for name, test := range map[string]rehearsal{
		"the same":                {pausing(step("a", zero)), pausing(step("a", mustNotRun(t))), "PENDING"},
		"nothing is recorded yet": {nil, pausing(step("a", mustNotRun(t))), "PENDING"},
		"another step": {pausing(step("a", zero)), pausing(step("b", mustNotRun(t))),
			`recorded STEP/Step "a", but the code now does STEP/Step "b"`},
		"a step is gone": {pausing(step("a", zero)), pausing(empty),
			`recorded STEP/Step "a", but the code now does WAIT/Wait "pause"`},
		"all is gone": {pausing(step("a", zero)), func(durable.Context, any) (int, error) { return 0, nil },
			`recorded STEP/Step "a", but the code returned without reaching it`},
		"it ends, and reaches all": {pausing(step("a", boom)), func(ctx durable.Context, _ any) (int, error) {
			_, err := durable.Step(ctx, "a", mustNotRun(t))
			if err := durable.Wait(ctx, "pause", time.Hour); err != nil {
				t.Error("a wait that is not over returned in a rehearsal")
			}
			return 0, err
		}, "PENDING"},
		"new items of a map": {
			func(ctx durable.Context, _ any) (int, error) { return mapped(ctx, []string{"a"}, zero) },
			func(ctx durable.Context, _ any) (int, error) {
				return mapped(ctx, []string{"a", "b", "c"}, mustNotRun(t))
			},
			"PENDING",
		},
		"another item of a map": {
			func(ctx durable.Context, _ any) (int, error) { return mapped(ctx, []string{"a"}, zero) },
			func(ctx durable.Context, _ any) (int, error) { return mapped(ctx, []string{"b"}, mustNotRun(t)) },
			`recorded STEP/Step "a", but the code now does STEP/Step "b"`,
		},
		"a new version": {pausing(step("a", zero)), pausing(func(ctx durable.Context) error {
			if v := durable.Version(ctx, "change", 1); v != 0 {
				t.Errorf("got version %d before what is recorded, want 0", v)
			}
			return step("a", mustNotRun(t))(ctx)
		}), "PENDING"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { test.run(t) })
		})
	}
}

// mapped runs a step for each item, and an hour's wait behind it.
func mapped(ctx durable.Context, items []string, body func(context.Context) (int, error)) (int, error) {
	_, err := durable.Map(ctx, "items", items, func(ctx durable.Context, item string, _ int) (int, error) {
		return pausing(step(item, body))(ctx, nil)
	})
	return 0, err
}

// run records an execution and rehearses it.
func (r *rehearsal) run(t *testing.T) {
	svc := newService(t, "{}")
	if r.before != nil {
		if _, err := svc.invoke(durable.NewHandler(r.before, durable.WithClient(svc))); err != nil {
			t.Fatal(err)
		}
	}
	r.rehearse(t, svc)
}

func (r *rehearsal) rehearse(t *testing.T, svc *service) {
	calls := len(svc.calls)
	in, err := protocol.ReadInput(svc.envelope())
	if err != nil {
		t.Fatal(err)
	}
	in.CheckpointToken = protocol.RehearsalToken
	reply, err := durable.NewHandler(r.after, durable.WithClient(svc)).Invoke(t.Context(), protocol.AppendInput(nil, in))
	if err != nil {
		t.Fatal(err)
	}
	var out output
	if err := json.Unmarshal(reply, &out); err != nil {
		t.Fatalf("%s: %v", reply, err)
	}
	if got := string(out.Status) + " " + out.errorText(); !strings.Contains(got, r.want) {
		t.Errorf("got %q\nwant in it %s", got, r.want)
	}
	if len(svc.calls) != calls {
		t.Errorf("a rehearsal called the service %d times", len(svc.calls)-calls)
	}
}

// TestRehearsalOfInterruptedSteps: what was under way when a process died would
// run again, but not in a rehearsal.
func TestRehearsalOfInterruptedSteps(t *testing.T) {
	interrupted := func(ctx durable.Context, _ any) (int, error) { return durable.Step(ctx, "a", mustNotRun(t)) }
	step := protocol.Update{ID: "1", Type: protocol.TypeStep, SubType: protocol.SubTypeStep, Name: "a", Action: protocol.ActionStart}
	retry := func(seconds int64) protocol.Update {
		u := step
		u.Action, u.StepOptions = protocol.ActionRetry, &protocol.StepOptions{NextAttemptDelaySeconds: seconds}
		return u
	}
	for status, updates := range map[protocol.OperationStatus][]protocol.Update{
		protocol.StatusStarted: {step}, protocol.StatusReady: {step, retry(1)}, protocol.StatusPending: {step, retry(3600)},
	} {
		t.Run(string(status), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, "{}")
				svc.record(updates...)
				time.Sleep(time.Second)
				(&rehearsal{after: interrupted, want: "PENDING"}).rehearse(t, svc)
				if got := svc.find("1").Status; got != status {
					t.Errorf("the step was %s, want %s", got, status)
				}
			})
		})
	}
}

// TestRehearsalOfJoins: goroutines that wait for one that has halted are no deadlock.
func TestRehearsalOfJoins(t *testing.T) {
	joining := func(ctx durable.Context, _ any) (int, error) {
		f := durable.Go(ctx, "work", func(ctx durable.Context) (int, error) { return durable.Step(ctx, "a", mustNotRun(t)) })
		return f.Result(ctx)
	}
	bubble(t, func(t *testing.T) {
		(&rehearsal{after: joining, want: "PENDING"}).rehearse(t, newService(t, "{}"))
	})
}
