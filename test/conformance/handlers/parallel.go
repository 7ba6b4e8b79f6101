package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/perdure/perdure/durable"
)

var parallels = suite{
	"8-1": serve(parallelSteps),
	"8-2": serve(func(ctx durable.Context, _ any) ([]string, error) {
		return values(durable.Parallel(ctx, "", branches("alpha", "beta"), oneByOne))
	}),
	"8-3": serve(namedBranches),
	"8-4": serve(mixedBranches),
	"8-5": serve(func(ctx durable.Context, _ any) ([]string, error) {
		return values(durable.Parallel(ctx, "empty", branches()))
	}),
	"8-6": serve(func(ctx durable.Context, _ any) (projection, error) {
		return projectedParallel(ctx, "failfast", allCounts, branches("ok", fails, "ok"), durable.WithToleratedFailures(0))
	}),
	"8-7": serve(rethrowingParallel),
	"8-8": serve(func(ctx durable.Context, _ any) (projection, error) {
		return projectedParallel(ctx, "min-successful", successCounts, branches("a", "b", "c", "d"), durable.WithMinSuccessful(2))
	}),
	"8-9": serve(func(ctx durable.Context, _ any) (projection, error) {
		return projectedParallel(ctx, "tolerated", allCounts, branches("a", fails, "c"), durable.WithToleratedFailures(1))
	}),
	"8-10": serve(func(ctx durable.Context, _ any) (projection, error) {
		return projectedParallel(ctx, "tolerated-exceeded", countsOfBoth, branches(fails, fails, "c"), durable.WithToleratedFailures(1))
	}),
	"8-11": serve(func(ctx durable.Context, _ any) ([]string, error) {
		return values(durable.Parallel(ctx, "concurrent", branches("r0", "r1", "r2"), durable.WithMaxConcurrency(2)))
	}),
	"8-12": serve(func(ctx durable.Context, _ any) ([]string, error) {
		return values(durable.Parallel(ctx, "flat", branchesWithStep("fa", "fb"), oneByOne, durable.WithFlat()))
	}),
	"8-13": serve(func(ctx durable.Context, _ any) (projection, error) {
		return projectedParallel(ctx, "tolerated-pct", countsOfBoth, branches(fails, fails, "c", "d"),
			durable.WithToleratedFailurePercentage(25))
	}),
	"8-14": serve(waitInBranch),
	"8-15": serve(func(ctx durable.Context, _ any) ([]string, error) {
		return values(durable.Parallel(ctx, "serde", branches("x", "y"), oneByOne, durable.WithItemSerdes(wrapped{})))
	}),
	"8-16": serve(func(ctx durable.Context, _ any) (projection, error) {
		return projectedParallel(ctx, "all-fail", allCounts, branches(fails, fails, fails), durable.WithToleratedFailures(3))
	}),
	"8-17": serve(func(ctx durable.Context, _ any) (projection, error) {
		return projectedParallel(ctx, "min-not-reached", allCounts, branches("a", fails, "c"), durable.WithMinSuccessful(3))
	}),
	"8-18": serve(func(ctx durable.Context, _ any) (projection, error) {
		return projectedParallel(ctx, "combined", countsOfBoth, branches(fails, fails, "c", "d"),
			durable.WithMinSuccessful(3), durable.WithToleratedFailures(1))
	}),
	"8-19": serve(func(ctx durable.Context, _ any) ([]string, error) {
		//perdure:ignore options: the suite wants this to be refused
		return values(durable.Parallel(ctx, "bad-concurrency", branches("a", "b"), durable.WithMaxConcurrency(0)))
	}),
	"8-20": serve(func(ctx durable.Context, _ any) (projection, error) {
		return projectedParallel(ctx, "accessors", []string{"hasFailure", "successCount", "failureCount", "errorCount"},
			branches("a", fails, "c"), durable.WithToleratedFailures(1))
	}),
	"8-21": serve(nestedParallel),
	"8-22": serve(func(ctx durable.Context, _ any) (projection, error) {
		return projectedParallel(ctx, "pct-boundary", allCounts, branches(fails, "b", "c", "d"), durable.WithToleratedFailurePercentage(25))
	}),
}

// fails is for a branch that fails in place of returning a text.
const fails = "!"

// branches are branches that return the texts.
func branches(texts ...string) []durable.Branch[string] {
	var list []durable.Branch[string]
	for _, text := range texts {
		list = append(list, durable.Branch[string]{Func: func(durable.Context) (string, error) { return orFail(text) }})
	}
	return list
}

func orFail(text string) (string, error) {
	if text == fails {
		return "", errors.New("this one always fails")
	}
	return text, nil
}

// branchesWithStep are branches with a step that returns the text.
func branchesWithStep(texts ...string) []durable.Branch[string] {
	var list []durable.Branch[string]
	for _, text := range texts {
		list = append(list, durable.Branch[string]{Func: func(ctx durable.Context) (string, error) {
			return constant(ctx, "step", text)
		}})
	}
	return list
}

func projectedParallel(ctx durable.Context, name string, fields []string, branches []durable.Branch[string],
	opts ...durable.BatchOption) (projection, error) {
	result, err := lenient(durable.Parallel(ctx, name, branches, append(opts, oneByOne)...))
	return project(result).only(fields...), err
}

func parallelSteps(ctx durable.Context, _ any) ([]string, error) {
	return values(durable.Parallel(ctx, "parallel", branchesWithStep("task-1", "task-2"), oneByOne))
}

func namedBranches(ctx durable.Context, _ any) ([]string, error) {
	list := branches("one", "two")
	list[0].Name, list[1].Name = "first", "second"
	return values(durable.Parallel(ctx, "named", list, oneByOne))
}

func mixedBranches(ctx durable.Context, _ any) ([]any, error) {
	return values(durable.Parallel(ctx, "hetero", []durable.Branch[any]{
		{Name: "text", Func: func(durable.Context) (any, error) { return "hello", nil }},
		{Name: "number", Func: func(durable.Context) (any, error) { return 42, nil }},
		{Name: "object", Func: func(durable.Context) (any, error) { return map[string]string{"k": "v"}, nil }},
	}, oneByOne))
}

func rethrowingParallel(ctx durable.Context, _ any) (any, error) {
	result, err := lenient(durable.Parallel(ctx, "throwing", branches(fails, "b"), oneByOne, durable.WithToleratedFailures(0)))
	if err != nil {
		return nil, err
	}
	return nil, result.Err()
}

func waitInBranch(ctx durable.Context, _ any) ([]string, error) {
	list := append(branchesWithStep("b0"), durable.Branch[string]{Func: func(ctx durable.Context) (string, error) {
		return "b1", durable.Wait(ctx, "", 2*time.Second)
	}})
	return values(durable.Parallel(ctx, "replay", list, oneByOne))
}

// wrapped writes a value as an object around it.
type wrapped struct{}

func (wrapped) Marshal(_ context.Context, v any) ([]byte, error) {
	return json.Marshal(map[string]any{"wrapped": v})
}

func (wrapped) Unmarshal(_ context.Context, data []byte, v any) error {
	var envelope struct{ Wrapped json.RawMessage }
	if err := json.Unmarshal(data, &envelope); err != nil {
		return err
	}
	return json.Unmarshal(envelope.Wrapped, v)
}

func nestedParallel(ctx durable.Context, _ any) ([][]string, error) {
	inner := durable.Branch[[]string]{Func: func(ctx durable.Context) ([]string, error) {
		return values(durable.Parallel(ctx, "inner", branchesWithStep("i1", "i2"), oneByOne))
	}}
	return values(durable.Parallel(ctx, "outer", []durable.Branch[[]string]{inner}, oneByOne))
}
