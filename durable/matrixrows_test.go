package durable_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/offload"
	"github.com/perdure/perdure/durable/retry"
)

// Why cells are left out.
const (
	noBody      = "it has no body that could fail"
	noPanic     = "its body runs elsewhere, and its panic is a failure there"
	noValue     = "it has no value of the code's"
	neverBlocks = "it never suspends, so it can neither lose a race nor come too late"
	notRecorded = "it is not recorded but derived, and moves nothing"
	noName      = "it has no name of the code's"
	virtual     = "a virtual context has no record of its own: see the cells of what is in it"
)

// without makes the map of cells that are left out: pairs of a reason and the
// cells.
func without(reason string, cells ...string) map[string]string {
	m := map[string]string{}
	for _, c := range cells {
		m[c] = reason
	}
	return m
}

func and(maps ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range maps {
		for cell, reason := range m {
			all[cell] = reason
		}
	}
	return all
}

func matrixRows() []*operationRow {
	rows := singleRows()
	rows = append(rows, contextRows()...)
	rows = append(rows, futureRows()...)
	return append(rows, valueRows()...)
}

// suspendable is a step's body that fails once if the world has a delay: a
// step is suspended only between attempts. The rest of that is the policy.
func (w *world) suspendable(ctx context.Context) (string, error) {
	if w.delay > 0 && durable.Attempt(ctx) == 1 {
		return "", errors.New("not yet")
	}
	return w.body(ctx)
}

func (w *world) policy() retry.Policy {
	if w.delay > 0 {
		return retry.Fixed(2, w.delay)
	}
	return retry.None()
}

// singleRows are the operations that are one record each.
func singleRows() []*operationRow {
	function := durable.Function[string, string]{Name: "function:1"}
	return []*operationRow{
		{
			name: "Step", covers: []string{"Step"}, call: "durable.Step",
			run: func(ctx durable.Context, w *world) (string, error) {
				return durable.Step(ctx, w.name, w.suspendable, durable.WithRetry(w.policy()))
			},
			records:     `STEP/Step op SUCCEEDED`,
			failed:      `STEP/Step op FAILED`,
			failure:     `*durable.OperationError: step "op" failed: boom`,
			hugeFailure: `*durable.OperationError: step "op" failed: perdure: the result of durable.Step "op" is 6291459 bytes long, over the limit of 1048576; store it elsewhere and return a reference`,
			bodies:      1, bodiesFailed: 1,
		},
		{
			name: "Step, at most once", covers: []string{"Step"}, call: "durable.Step",
			run: func(ctx durable.Context, w *world) (string, error) {
				policy := retry.Fixed(3, max(w.delay, time.Second))
				policy.RetryIf = func(err error) bool {
					return !errors.Is(err, errBoom) && !strings.Contains(err.Error(), "boom") && !isLimit(err)
				}
				return durable.Step(ctx, w.name, w.suspendable, durable.WithRetry(policy), durable.WithAtMostOncePerRetry())
			},
			records:     `STEP/Step op SUCCEEDED`,
			failed:      `STEP/Step op FAILED`,
			failure:     `*durable.OperationError: step "op" failed: boom`,
			hugeFailure: `*durable.OperationError: step "op" failed: perdure: the result of durable.Step "op" is 6291459 bytes long, over the limit of 1048576; store it elsewhere and return a reference`,
			bodies:      1, bodiesFailed: 1,
			not: without("a lost call counts as an attempt: see TestInterruptedAtMostOnce", "lost calls"),
		},
		{
			name: "Step, with Offload", covers: []string{"Step"}, call: "durable.Step",
			run: func(ctx durable.Context, w *world) (string, error) {
				return durable.Step(ctx, w.name, w.suspendable, durable.WithRetry(w.policy()),
					durable.WithSerdes(offload.Values{Store: &w.store}))
			},
			records: `STEP/Step op SUCCEEDED`,
			failed:  `STEP/Step op FAILED`,
			failure: `*durable.OperationError: step "op" failed: boom`,
			bodies:  1, bodiesFailed: 1,
		},
		{
			name: "Wait", covers: []string{"Wait"}, call: "durable.Wait",
			run: func(ctx durable.Context, w *world) (string, error) {
				return "v", durable.Wait(ctx, w.name, max(w.delay, time.Second))
			},
			records: `WAIT/Wait op SUCCEEDED`,
			not:     and(without(noBody, "failure", "panic"), without(noValue, "large value", "huge value")),
		},
		{
			name: "WaitUntil", covers: []string{"WaitUntil"}, call: "durable.WaitUntil",
			run: func(ctx durable.Context, w *world) (string, error) {
				return "v", durable.WaitUntil(ctx, w.name, ctx.StartTime().Add(max(w.delay, time.Second)))
			},
			records: `WAIT/Wait op SUCCEEDED`,
			not:     and(without(noBody, "failure", "panic"), without(noValue, "large value", "huge value")),
		},
		{
			name: "Invoke", covers: []string{"Invoke"}, call: "durable.Invoke",
			run: func(ctx durable.Context, w *world) (string, error) {
				return durable.Invoke(ctx, w.name, function, w.value())
			},
			records:     `CHAINED_INVOKE/ChainedInvoke op SUCCEEDED`,
			failed:      `CHAINED_INVOKE/ChainedInvoke op FAILED`,
			failure:     `*durable.OperationError: invoke "op" of function function:1 failed: boom`,
			hugeFailure: `*durable.LimitError: perdure: the payload of durable.Invoke "op" is 6291459 bytes long, over the limit of 1048576; store it elsewhere and return a reference`,
			not:         without(noPanic, "panic"),
		},
		{
			name: "Function.Invoke", covers: []string{"Function.Invoke"}, call: "durable.Invoke",
			run: func(ctx durable.Context, w *world) (string, error) {
				return function.Invoke(ctx, w.name, w.value())
			},
			records:     `CHAINED_INVOKE/ChainedInvoke op SUCCEEDED`,
			failed:      `CHAINED_INVOKE/ChainedInvoke op FAILED`,
			failure:     `*durable.OperationError: invoke "op" of function function:1 failed: boom`,
			hugeFailure: `*durable.LimitError: perdure: the payload of durable.Invoke "op" is 6291459 bytes long, over the limit of 1048576; store it elsewhere and return a reference`,
			not:         without(noPanic, "panic"),
		},
		{
			name: "CreateCallback", covers: []string{"CreateCallback", "Callback.Result"}, call: "durable.CreateCallback",
			run: func(ctx durable.Context, w *world) (string, error) {
				callback, err := durable.CreateCallback[string](ctx, w.name)
				if err != nil {
					return "", err
				}
				return callback.Result(ctx)
			},
			records: `CALLBACK/Callback op SUCCEEDED`,
			failed:  `CALLBACK/Callback op FAILED`,
			failure: `*durable.OperationError: callback "op" failed: boom`,
			not:     and(without(noPanic, "panic"), without("the service takes no such value from others", "huge value")),
		},
		{
			name: "WaitForCondition", covers: []string{"WaitForCondition"}, call: "durable.WaitForCondition",
			run: func(ctx durable.Context, w *world) (string, error) {
				return durable.WaitForCondition(ctx, w.name, "", func(ctx context.Context, state string) (string, bool, error) {
					if w.delay > 0 && durable.Attempt(ctx) == 1 {
						return "begun", false, nil
					}
					v, err := w.body(ctx)
					return v, true, err
				}, durable.WithPolling(retry.Fixed(2, max(w.delay, time.Second))))
			},
			records:     `STEP/WaitForCondition op SUCCEEDED`,
			failed:      `STEP/WaitForCondition op FAILED`,
			failure:     `*durable.OperationError: waiting for condition "op" ended at attempt 1: boom`,
			hugeFailure: `*durable.OperationError: waiting for condition "op" ended at attempt 1: perdure: the state of durable.WaitForCondition "op" is 6291459 bytes long, over the limit of 1048576; store it elsewhere and return a reference`,
			bodies:      1, bodiesFailed: 1,
		},
	}
}

// contextRows are the operations that run one piece of code in a context.
func contextRows() []*operationRow {
	return []*operationRow{
		{
			name: "WaitForCallback", covers: []string{"WaitForCallback"}, call: "durable.WaitForCallback",
			run: func(ctx durable.Context, w *world) (string, error) {
				return durable.WaitForCallback[string](ctx, w.name, func(context.Context, string) error { return w.begun() },
					durable.WithRetry(retry.None()))
			},
			records: `CALLBACK/Callback op-callback SUCCEEDED, CONTEXT/WaitForCallback op SUCCEEDED, STEP/Step op-submitter SUCCEEDED`,
			failed:  `CALLBACK/Callback op-callback FAILED, CONTEXT/WaitForCallback op FAILED, STEP/Step op-submitter FAILED`,
			failure: `*durable.OperationError: callback "op" failed: its submitter failed: boom`,
			bodies:  1, bodiesFailed: 1,
			not: without("the service takes no such value from others", "huge value"),
		},
		{
			name: "RunInChildContext", covers: []string{"RunInChildContext"}, call: "durable.RunInChildContext",
			run: func(ctx durable.Context, w *world) (string, error) {
				return durable.RunInChildContext(ctx, w.name, w.work)
			},
			records: `CONTEXT/RunInChildContext op SUCCEEDED, STEP/Step work SUCCEEDED`,
			failed:  `CONTEXT/RunInChildContext op FAILED, STEP/Step work FAILED`,
			failure: `*durable.OperationError: child context "op" failed: step "work" failed: boom`,
			bodies:  1, bodiesFailed: 1,
		},
		{
			name: "RunInChildContext, with a deadline", covers: []string{"RunInChildContext"}, call: "durable.RunInChildContext",
			run: func(ctx durable.Context, w *world) (string, error) {
				return durable.RunInChildContext(ctx, w.name, w.work, durable.WithTimeout(200*24*time.Hour))
			},
			records: `CONTEXT/RunInChildContext op SUCCEEDED, STEP/Step work SUCCEEDED, WAIT/Deadline op CANCELLED`,
			failed:  `CONTEXT/RunInChildContext op FAILED, STEP/Step work FAILED, WAIT/Deadline op CANCELLED`,
			failure: `*durable.OperationError: child context "op" failed: step "work" failed: boom`,
			bodies:  1, bodiesFailed: 1,
		},
		{
			name: "RunInChildContext, virtual", covers: []string{"RunInChildContext"}, call: "durable.RunInChildContext",
			run: func(ctx durable.Context, w *world) (string, error) {
				return durable.RunInChildContext(ctx, w.name, w.work, durable.WithVirtual())
			},
			records: `STEP/Step work SUCCEEDED`,
			failed:  `STEP/Step work FAILED`,
			failure: `*durable.OperationError: child context "op" failed: step "work" failed: boom`,
			bodies:  1, bodiesFailed: 1, known: "work",
		},
		{
			name: "RunSaga", covers: []string{"RunSaga"}, call: "durable.RunSaga",
			run: func(ctx durable.Context, w *world) (string, error) {
				return durable.RunSaga(ctx, w.name, func(ctx durable.Context, saga *durable.Saga) (string, error) {
					saga.Compensate("undo", func(context.Context) error { return nil })
					return w.work(ctx)
				})
			},
			records: `CONTEXT/RunInChildContext op SUCCEEDED, STEP/Step work SUCCEEDED`,
			failed:  `CONTEXT/RunInChildContext op FAILED, STEP/Step undo SUCCEEDED, STEP/Step work FAILED`,
			failure: `*durable.OperationError: child context "op" failed: step "work" failed: boom`,
			bodies:  1, bodiesFailed: 1,
		},
		{
			name: "Retry", covers: []string{"Retry"}, call: "durable.Retry",
			run: func(ctx durable.Context, w *world) (string, error) {
				return durable.Retry(ctx, w.name, func(ctx durable.Context, attempt int) (string, error) {
					if w.delay > 0 && attempt == 1 {
						return "", errors.New("not yet")
					}
					return w.quick(ctx)
				}, durable.WithRetry(w.policy()))
			},
			records: `CONTEXT/RunInChildContext op-attempt-1 SUCCEEDED, STEP/Step work SUCCEEDED`,
			failed:  `CONTEXT/RunInChildContext op-attempt-1 FAILED, STEP/Step work FAILED`,
			failure: `*durable.OperationError: "op" failed after 1 attempts: child context "op-attempt-1" failed: step "work" failed: boom`,
			bodies:  1, bodiesFailed: 1,
		},
		{
			name: "Graph", covers: []string{"Graph.Run"}, call: "Graph.Run",
			run: func(ctx durable.Context, w *world) (string, error) {
				g := new(durable.Graph)
				a := durable.AddTask(g, "a", w.work).Compensate(func(durable.Context, string) error { return nil })
				b := durable.AddTask(g, "b", w.quick).After(a)
				if err := g.Run(ctx, w.name); err != nil {
					return "", err
				}
				return a.Value() + b.Value(), nil
			},
			records: `CONTEXT/Dag op SUCCEEDED, CONTEXT/DagTask a SUCCEEDED, CONTEXT/DagTask b SUCCEEDED, STEP/Step work SUCCEEDED, STEP/Step work SUCCEEDED`,
			failed:  `CONTEXT/Dag op FAILED, CONTEXT/DagTask a FAILED, STEP/Step work FAILED`,
			failure: `*durable.GraphError: graph "op": task "a" failed: child context "a" failed: step "work" failed: boom`,
			copies:  2, bodies: 2, bodiesFailed: 1,
		},
	}
}

// items is what the rows of Map are about.
var items = []string{"x", "y"}

func joinedValues(r durable.BatchResult[string], err error) (string, error) {
	return strings.Join(r.Values(), ""), err
}

func mapRow(name string, loose bool, records, failed string, opts ...durable.BatchOption) *operationRow {
	return &operationRow{
		name: name, covers: []string{"Map"}, call: "durable.Map",
		run: func(ctx durable.Context, w *world) (string, error) {
			return joinedValues(durable.Map(ctx, w.name, items, func(ctx durable.Context, _ string, i int) (string, error) {
				return [](func(durable.Context) (string, error)){w.work, w.second}[i](ctx)
			}, opts...))
		},
		records: records, failed: failed,
		failure: `*durable.BatchError: batch "op": 1 items failed, 0 succeeded (FAILURE_TOLERANCE_EXCEEDED); the first: "map-item-0" (item 0) failed: step "work" failed: boom`,
		loose:   loose,
		copies:  2, bodies: 2, bodiesFailed: 1,
	}
}

// second is work beside other work: where that fails, it comes too late.
func (w *world) second(ctx durable.Context) (string, error) {
	if err := w.late(ctx); err != nil {
		return "", err
	}
	return w.work(ctx)
}

func (w *world) late(ctx durable.Context) error {
	if w.fail || w.panics {
		return durable.Wait(ctx, "late-wait", time.Hour)
	}
	return nil
}

// futureRows are the operations that do several things at the same time.
func futureRows() []*operationRow {
	begin := func(ctx durable.Context, w *world, name string, opts ...durable.ChildOption) *durable.Future[string] {
		return durable.Go(ctx, name, w.work, opts...)
	}
	const contexts = `CONTEXT/Map op SUCCEEDED, CONTEXT/MapIteration map-item-0 SUCCEEDED, CONTEXT/MapIteration map-item-1 SUCCEEDED, STEP/Step work SUCCEEDED, STEP/Step work SUCCEEDED`
	return []*operationRow{
		mapRow("Map", true, contexts, `CONTEXT/Map op SUCCEEDED, CONTEXT/MapIteration map-item-0 FAILED, STEP/Step work FAILED`),
		mapRow("Map, flat", true, `CONTEXT/Map op SUCCEEDED, STEP/Step work SUCCEEDED, STEP/Step work SUCCEEDED`,
			`CONTEXT/Map op SUCCEEDED, STEP/Step work FAILED`, durable.WithFlat()),
		mapRow("Map, one at a time", false, contexts,
			`CONTEXT/Map op SUCCEEDED, CONTEXT/MapIteration map-item-0 FAILED, STEP/Step work FAILED`, durable.WithMaxConcurrency(1)),
		{
			name: "Parallel", covers: []string{"Parallel"}, call: "durable.Parallel",
			run: func(ctx durable.Context, w *world) (string, error) {
				return joinedValues(durable.Parallel(ctx, w.name, []durable.Branch[string]{{Func: w.work}, {Name: "b", Func: w.second}}))
			},
			records: `CONTEXT/Parallel op SUCCEEDED, CONTEXT/ParallelBranch b SUCCEEDED, CONTEXT/ParallelBranch parallel-branch-0 SUCCEEDED, STEP/Step work SUCCEEDED, STEP/Step work SUCCEEDED`,
			failed:  `CONTEXT/Parallel op SUCCEEDED, CONTEXT/ParallelBranch parallel-branch-0 FAILED, STEP/Step work FAILED`,
			failure: `*durable.BatchError: batch "op": 1 items failed, 0 succeeded (FAILURE_TOLERANCE_EXCEEDED); the first: "parallel-branch-0" (item 0) failed: step "work" failed: boom`,
			loose:   true,
			copies:  2, bodies: 2, bodiesFailed: 1,
		},
		{
			name: "Go", covers: []string{"Go", "Future.Result"}, call: "durable.Go",
			run: func(ctx durable.Context, w *world) (string, error) {
				return begin(ctx, w, w.name).Result(ctx)
			},
			records: `CONTEXT/RunInChildContext op SUCCEEDED, STEP/Step work SUCCEEDED`,
			failed:  `CONTEXT/RunInChildContext op FAILED, STEP/Step work FAILED`,
			failure: `*durable.OperationError: child context "op" failed: step "work" failed: boom`,
			bodies:  1, bodiesFailed: 1,
		},
		{
			name: "Go, virtual", covers: []string{"Go"}, call: "durable.Go",
			run: func(ctx durable.Context, w *world) (string, error) {
				return begin(ctx, w, w.name, durable.WithVirtual()).Result(ctx)
			},
			records: `STEP/Step work SUCCEEDED`,
			failed:  `STEP/Step work FAILED`,
			failure: `*durable.OperationError: child context "op" failed: step "work" failed: boom`,
			bodies:  1, bodiesFailed: 1, known: "work",
		},
		{
			name: "Future.Cancel", covers: []string{"Future.Cancel"}, call: "durable.Go",
			run: func(ctx durable.Context, w *world) (string, error) {
				f := durable.Go(ctx, w.name, func(ctx durable.Context) (string, error) {
					return "", durable.Wait(ctx, "for-ever", 300*24*time.Hour)
				})
				if err := durable.Wait(ctx, "meanwhile", max(w.delay, time.Second)); err != nil {
					return "", err
				}
				if err := f.Cancel(ctx); err != nil {
					return "", err
				}
				if _, err := f.Result(ctx); !errors.Is(err, durable.ErrCanceled) {
					return "", fmt.Errorf("it is not canceled: %w", err)
				}
				return "v", nil
			},
			records: `CONTEXT/RunInChildContext op FAILED, WAIT/Wait for-ever CANCELLED, WAIT/Wait meanwhile SUCCEEDED`,
			not:     and(without(noBody, "failure", "panic"), without(noValue, "large value", "huge value")),
		},
		{
			name: "All", covers: []string{"All"}, call: "durable.All",
			run: func(ctx durable.Context, w *world) (string, error) {
				values, err := durable.All(ctx, w.name, begin(ctx, w, "a"), durable.Go(ctx, "b", w.second))
				return strings.Join(values, ""), err
			},
			records: `CONTEXT/RunInChildContext a SUCCEEDED, CONTEXT/RunInChildContext b SUCCEEDED, CONTEXT/RunInChildContext op SUCCEEDED, STEP/Step work SUCCEEDED, STEP/Step work SUCCEEDED`,
			failed:  `CONTEXT/RunInChildContext a FAILED, CONTEXT/RunInChildContext op FAILED, STEP/Step work FAILED`,
			failure: `*durable.OperationError: child context "a" failed: step "work" failed: boom`,
			loose:   true,
			copies:  2, bodies: 2, bodiesFailed: 1,
		},
		{
			name: "AllSettled", covers: []string{"AllSettled"}, call: "durable.AllSettled",
			run: func(ctx durable.Context, w *world) (string, error) {
				ends, err := durable.AllSettled(ctx, w.name, begin(ctx, w, "a"), begin(ctx, w, "b"))
				if err != nil {
					return "", err
				}
				return ends[0].Value + ends[1].Value, ends[1].Err
			},
			records: `CONTEXT/RunInChildContext a SUCCEEDED, CONTEXT/RunInChildContext b SUCCEEDED, CONTEXT/RunInChildContext op SUCCEEDED, STEP/Step work SUCCEEDED, STEP/Step work SUCCEEDED`,
			failed:  `CONTEXT/RunInChildContext a FAILED, CONTEXT/RunInChildContext b FAILED, CONTEXT/RunInChildContext op SUCCEEDED, STEP/Step work FAILED, STEP/Step work FAILED`,
			failure: `*durable.OperationError: child context "b" failed: step "work" failed: boom`,
			copies:  2, bodies: 2, bodiesFailed: 2,
		},
		{
			name: "Any", covers: []string{"Any"}, call: "durable.Any",
			run: func(ctx durable.Context, w *world) (string, error) {
				broken := durable.Go(ctx, "broken", func(durable.Context) (string, error) { return "", errors.New("broken") })
				return durable.Any(ctx, w.name, begin(ctx, w, "a"), broken)
			},
			records: `CONTEXT/RunInChildContext a SUCCEEDED, CONTEXT/RunInChildContext broken FAILED, CONTEXT/RunInChildContext op SUCCEEDED, STEP/Step work SUCCEEDED`,
			failed:  `CONTEXT/RunInChildContext a FAILED, CONTEXT/RunInChildContext broken FAILED, CONTEXT/RunInChildContext op FAILED, STEP/Step work FAILED`,
			failure: `*durable.AllFailedError: all 2 futures of "op" failed, the first with: child context "a" failed: step "work" failed: boom`,
			bodies:  1, bodiesFailed: 1,
		},
		{
			name: "Race", covers: []string{"Race"}, call: "durable.Race",
			run: func(ctx durable.Context, w *world) (string, error) {
				return durable.Race(ctx, w.name, forever(ctx), begin(ctx, w, "a"))
			},
			records: `CONTEXT/RunInChildContext a SUCCEEDED, CONTEXT/RunInChildContext forever FAILED, CONTEXT/RunInChildContext op SUCCEEDED, STEP/Step work SUCCEEDED`,
			failed:  `CONTEXT/RunInChildContext a FAILED, CONTEXT/RunInChildContext forever FAILED, CONTEXT/RunInChildContext op FAILED, STEP/Step work FAILED`,
			failure: `*durable.OperationError: child context "a" failed: step "work" failed: boom`,
			loose:   true,
			bodies:  1, bodiesFailed: 1,
		},
		{
			name: "Join", covers: []string{"Join"}, call: "durable.Join",
			run: func(ctx durable.Context, w *world) (string, error) {
				a, b := begin(ctx, w, "a"), durable.Go(ctx, "b", func(durable.Context) (int, error) { return w.size, nil })
				if err := durable.Join(ctx, w.name, a, b); err != nil {
					return "", err
				}
				return a.Result(ctx)
			},
			records: `CONTEXT/RunInChildContext a SUCCEEDED, CONTEXT/RunInChildContext b SUCCEEDED, CONTEXT/RunInChildContext op SUCCEEDED, STEP/Step work SUCCEEDED`,
			failed:  `CONTEXT/RunInChildContext a FAILED, CONTEXT/RunInChildContext op FAILED, STEP/Step work FAILED`,
			failure: `*durable.OperationError: child context "a" failed: step "work" failed: boom`,
			loose:   true,
			bodies:  1, bodiesFailed: 1,
		},
		{
			name: "Select", covers: []string{"Select"}, call: "durable.Select",
			run: func(ctx durable.Context, w *world) (string, error) {
				other, a := forever(ctx), begin(ctx, w, "a")
				if i, err := durable.Select(ctx, w.name, other, a); i != 1 || err != nil {
					return "", fmt.Errorf("future %d was first: %w", i, err)
				}
				return a.Result(ctx)
			},
			records: `CONTEXT/RunInChildContext a SUCCEEDED, CONTEXT/RunInChildContext forever STARTED, CONTEXT/RunInChildContext op SUCCEEDED, STEP/Step work SUCCEEDED, WAIT/Wait for-ever STARTED`,
			failed:  `CONTEXT/RunInChildContext a FAILED, CONTEXT/RunInChildContext forever STARTED, CONTEXT/RunInChildContext op SUCCEEDED, STEP/Step work FAILED, WAIT/Wait for-ever STARTED`,
			failure: `*durable.OperationError: child context "a" failed: step "work" failed: boom`,
			bodies:  1, bodiesFailed: 1,
		},
	}
}

// valueRows are the operations that only give a value that is always the same.
func valueRows() []*operationRow {
	row := func(name string, run func(ctx durable.Context, w *world) (string, error), not map[string]string) *operationRow {
		return &operationRow{
			name: name, covers: []string{name}, call: "durable." + name, run: run, copies: -1,
			not: and(not, without(noBody, "failure", "panic"), without(neverBlocks, "suspension", "loser of a race", "deadline"),
				without(noValue, "large value", "huge value")),
		}
	}
	now := row("Now", func(ctx durable.Context, _ *world) (string, error) {
		return durable.Now(ctx).Format(time.RFC3339Nano), nil
	}, without(noName, "bad name"))
	now.known, now.records = "now", "STEP/Now now SUCCEEDED"
	version := row("Version", func(ctx durable.Context, w *world) (string, error) {
		return fmt.Sprint(durable.Version(ctx, w.name, 3)), nil
	},
		without("it is there so that code can change: a call moves nothing; see TestVersionOfNewerCode", "non-determinism"))
	version.records = "STEP/Version op SUCCEEDED"
	return []*operationRow{
		now,
		version,
		row("UUID", func(ctx durable.Context, _ *world) (string, error) { return durable.UUID(ctx), nil },
			and(without(notRecorded, "non-determinism"), without(noName, "bad name"))),
		row("Rand", func(ctx durable.Context, _ *world) (string, error) { return fmt.Sprint(durable.Rand(ctx).Int64()), nil },
			and(without(notRecorded, "non-determinism"), without(noName, "bad name"))),
	}
}
