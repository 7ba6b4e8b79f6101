package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/durableotel"
	"github.com/perdure/perdure/durable/retry"
)

// scenarios are what the requirements for traces run, by their number; each
// view of the traces has the same.
var scenarios = []func(durable.Context, any) (any, error){
	func(ctx durable.Context, _ any) (any, error) { return constant(ctx, "otel-success", "success") },
	func(ctx durable.Context, _ any) (any, error) {
		return waitThenStep(ctx, "otel-wait", time.Second, "otel-after-resume")
	},
	func(ctx durable.Context, _ any) (any, error) { return failOnce(ctx, "otel-retry", time.Second) },
	func(ctx durable.Context, _ any) (any, error) { return failForGood(ctx, "otel-terminal-failure") },
	tracedChild,
	tracedParallel,
	tracedMap,
	recoverFromStep,
	func(ctx durable.Context, _ any) (any, error) { return count(ctx, "otel-condition", 0, 2) },
	func(ctx durable.Context, _ any) (any, error) { return tracedCallback(ctx, "otel-callback") },
	func(ctx durable.Context, _ any) (any, error) {
		return durable.Invoke(ctx, "otel-invoke", traceTarget("echo"), nil)
	},
	tracedFailingChild,
	failingParallel,
	failingMap,
	func(ctx durable.Context, _ any) (any, error) {
		return nil, durable.Wait(ctx, "otel-interrupted-wait", time.Hour)
	},
	failingCondition,
	func(ctx durable.Context, _ any) (any, error) { return tracedCallback(ctx, "otel-failed-callback") },
	func(ctx durable.Context, _ any) (any, error) {
		return durable.Invoke(ctx, "otel-failed-invoke", traceTarget("failing"), nil)
	},
	func(durable.Context, any) (any, error) { return nil, errors.New("this execution always fails") },
	func(ctx durable.Context, _ any) (any, error) {
		return durable.RunInChildContext(ctx, "otel-virtual-context", func(durable.Context) (any, error) {
			return "virtual-complete", nil
		}, durable.WithVirtual())
	},
}

// interrupted is the scenario whose execution times out.
const interrupted = 15

// longScenarios could take a day, but take as long as their input says.
var longScenarios = []func(durable.Context, longInput) (any, error){
	func(ctx durable.Context, in longInput) (any, error) {
		return waitThenStep(ctx, "otel-long-wait", in.delay(), "otel-after-long-wait")
	},
	func(ctx durable.Context, in longInput) (any, error) {
		return failOnce(ctx, "otel-long-retry", in.delay())
	},
	func(ctx durable.Context, _ longInput) (any, error) { return tracedCallback(ctx, "otel-long-callback") },
	func(ctx durable.Context, in longInput) (any, error) {
		return durable.Invoke(ctx, "otel-long-invoke", durable.Function[longInput, any]{Name: "otel-waiting:$LATEST"}, in)
	},
}

// longInput is the input of a scenario that could take long.
type longInput struct {
	Seconds json.Number `json:"delay_seconds"`
}

func (in longInput) delay() time.Duration {
	seconds, _ := in.Seconds.Int64()
	return time.Duration(seconds) * time.Second
}

var traces = func() suite {
	all := suite{
		"otel-echo": serveTraced(durableotel.InvocationView, slowly(func(durable.Context, any) (any, error) { return "complete", nil })),
		"otel-failing": serveTraced(durableotel.InvocationView,
			slowly(func(durable.Context, any) (any, error) { return nil, errors.New("this function always fails") })),
		"otel-waiting": serveTraced(durableotel.InvocationView, func(ctx durable.Context, in longInput) (any, error) {
			return nil, durable.Wait(ctx, "otel-long-invoke-target-wait", in.delay())
		}),
	}
	for i, scenario := range scenarios {
		all[fmt.Sprint("otel-invocation-", i+1)] = serveTraced(durableotel.InvocationView, scenario)
		all[fmt.Sprint("otel-execution-", i+1)] = serveTraced(durableotel.ExecutionView, scenario)
	}
	for i, scenario := range longScenarios {
		all[fmt.Sprint("otel-long-running-", i+1)] = serveTraced(durableotel.InvocationView, scenario)
	}
	return all
}()

// executionTimeouts are those of functions that need one.
var executionTimeouts = map[string]string{
	fmt.Sprint("otel-invocation-", interrupted): "3s",
	fmt.Sprint("otel-execution-", interrupted):  "3s",
}

// serveTraced is serve for a function that exports its traces to where the
// environment says. An execution that it invokes is a trace of its own: the
// requirements do not let a Workflow lie below a span of the SDK's, and, unlike
// Lambda, nothing here puts spans in between.
func serveTraced[In any](view durableotel.View, handler func(durable.Context, In) (any, error)) function {
	start := func() {
		exporter, err := otlptracehttp.New(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), durableotel.WithIDs())
		durable.Start(handler, durable.WithPlugins(durableotel.New(provider, durableotel.Config{View: view, Detached: true})))
	}
	return function{start: start, handler: onJSON(handler)}
}

func traceTarget(name string) durable.Function[any, any] {
	return durable.Function[any, any]{Name: "otel-" + name + ":$LATEST"}
}

func waitThenStep(ctx durable.Context, wait string, d time.Duration, step string) (any, error) {
	if err := durable.Wait(ctx, wait, d); err != nil {
		return nil, err
	}
	return constant(ctx, step, "done")
}

// failOnce is a step whose first attempt fails.
func failOnce(ctx durable.Context, name string, delay time.Duration) (any, error) {
	return durable.Step(ctx, name, func(ctx context.Context) (any, error) {
		if durable.Attempt(ctx) == 1 {
			return nil, errors.New("not yet")
		}
		return "done", nil
	}, durable.WithRetry(retry.Fixed(2, delay)))
}

// failForGood is a step that is tried once.
func failForGood(ctx durable.Context, name string) (any, error) {
	return durable.Step(ctx, name, func(context.Context) (any, error) { return nil, errAlways }, noRetry)
}

var errAlways = errors.New("this always fails")

func tracedChild(ctx durable.Context, _ any) (any, error) {
	return durable.RunInChildContext(ctx, "otel-child-context", func(ctx durable.Context) (any, error) {
		return constant(ctx, "otel-child-step", "done")
	})
}

func tracedFailingChild(ctx durable.Context, _ any) (any, error) {
	return durable.RunInChildContext(ctx, "otel-failed-child-context", func(durable.Context) (any, error) { return nil, errAlways })
}

func tracedParallel(ctx durable.Context, _ any) (any, error) {
	var list []durable.Branch[string]
	for _, letter := range []string{"a", "b"} {
		list = append(list, durable.Branch[string]{Name: "otel-parallel-branch-" + letter, Func: func(ctx durable.Context) (string, error) {
			return constant(ctx, "otel-parallel-step-"+letter, letter)
		}})
	}
	return values(durable.Parallel(ctx, "otel-parallel", list, oneByOne))
}

func failingParallel(ctx durable.Context, _ any) (any, error) {
	list := []durable.Branch[any]{{Name: "otel-failed-parallel-branch", Func: func(durable.Context) (any, error) { return nil, errAlways }}}
	result, err := lenient(durable.Parallel(ctx, "otel-failed-parallel", list))
	if err != nil {
		return nil, err
	}
	return nil, result.Err()
}

func tracedMap(ctx durable.Context, _ any) (any, error) {
	return values(durable.Map(ctx, "otel-map", []string{"x", "y"}, func(ctx durable.Context, text string, i int) (string, error) {
		return constant(ctx, fmt.Sprint("otel-map-step-", i), text)
	}, oneByOne, itemsNamed("otel-map-iteration-")))
}

func failingMap(ctx durable.Context, _ any) (any, error) {
	result, err := lenient(durable.Map(ctx, "otel-failed-map", []string{"x"}, func(durable.Context, string, int) (any, error) {
		return nil, errAlways
	}, itemsNamed("otel-failed-map-iteration-")))
	if err != nil {
		return nil, err
	}
	return nil, result.Err()
}

func itemsNamed(prefix string) durable.BatchOption {
	return durable.WithItemNames(func(i int) string { return fmt.Sprint(prefix, i) })
}

func recoverFromStep(ctx durable.Context, _ any) (any, error) {
	if result, err := failForGood(ctx, "otel-handled-failure"); err == nil {
		return result, nil
	}
	return constant(ctx, "otel-recovery-step", "recovered")
}

func tracedCallback(ctx durable.Context, name string) (any, error) {
	return durable.WaitForCallback[string](ctx, name, func(context.Context, string) error { return nil })
}

func failingCondition(ctx durable.Context, _ any) (any, error) {
	return durable.WaitForCondition(ctx, "otel-failed-condition", 0, func(context.Context, int) (int, bool, error) {
		return 0, false, errAlways
	}, everySecond)
}
