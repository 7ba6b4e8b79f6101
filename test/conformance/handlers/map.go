package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

var mappings = suite{
	"9-1": serve(func(ctx durable.Context, names []string) ([]string, error) {
		return values(durable.Map(ctx, "map", names, greetItem, oneByOne))
	}),
	"9-2": serve(func(ctx durable.Context, numbers []int) ([]int, error) {
		return values(durable.Map(ctx, "", numbers, func(_ durable.Context, n, _ int) (int, error) { return 2 * n, nil }, oneByOne))
	}),
	"9-3": serve(func(ctx durable.Context, numbers []int) ([]int, error) {
		return values(durable.Map(ctx, "indexed", numbers, func(_ durable.Context, n, i int) (int, error) { return n + i, nil }, oneByOne))
	}),
	"9-4": serve(func(ctx durable.Context, names []string) ([]string, error) {
		return values(durable.Map(ctx, "empty", names, greetItem))
	}),
	"9-5": serve(func(ctx durable.Context, _ any) (projection, error) {
		return projectedMap(ctx, "failfast", allCounts, []string{"ok", fails, "ok"}, durable.WithToleratedFailures(0))
	}),
	"9-6": serve(rethrowingMap),
	"9-7": serve(func(ctx durable.Context, _ any) (projection, error) {
		return projectedMap(ctx, "min-successful", successCounts, []string{"a", "b", "c", "d"}, durable.WithMinSuccessful(2))
	}),
	"9-8": serve(func(ctx durable.Context, _ any) (projection, error) {
		return projectedMap(ctx, "tolerated", allCounts, []string{"a", fails, "c"}, durable.WithToleratedFailures(1))
	}),
	"9-9": serve(func(ctx durable.Context, _ any) (projection, error) {
		return projectedMap(ctx, "tolerated-exceeded", countsOfBoth, []string{fails, fails, "c"}, durable.WithToleratedFailures(1))
	}),
	"9-10": serve(func(ctx durable.Context, _ any) (projection, error) {
		return projectedMap(ctx, "tolerated-pct", countsOfBoth, []string{fails, fails, "c", "d"},
			durable.WithToleratedFailurePercentage(25))
	}),
	"9-11": serve(func(ctx durable.Context, _ any) ([]string, error) {
		return values(durable.Map(ctx, "concurrent", []string{"r0", "r1", "r2"}, itself, durable.WithMaxConcurrency(2)))
	}),
	"9-12": serve(func(ctx durable.Context, _ any) ([]string, error) {
		return values(durable.Map(ctx, "flat", []string{"fa", "fb"}, itselfInStep, oneByOne, durable.WithFlat()))
	}),
	"9-13": serve(namedItems),
	"9-14": serve(func(ctx durable.Context, _ any) ([]string, error) {
		return values(durable.Map(ctx, "serdes", []string{"x", "y"}, upper, oneByOne, durable.WithItemSerdes(prefixed{})))
	}),
	"9-15": serve(waitInItem),
	"9-16": serve(largeMap),
	"9-17": serve(func(ctx durable.Context, _ any) ([]string, error) {
		return mapThenWait(ctx, "then-wait", []string{"a", "b"})
	}),
	"9-18": serve(failuresThenWait),
	"9-19": serve(func(ctx durable.Context, _ any) ([]string, error) {
		return values(durable.Map(ctx, "op-serde", []string{"x", "y"}, upper, oneByOne, durable.WithSerdes(joined{})))
	}),
	"9-20": serve(func(ctx durable.Context, _ any) ([]string, error) {
		return mapThenWait(ctx, "op-serde-replay", []string{"x", "y"}, durable.WithSerdes(joined{}))
	}),
}

func greetItem(ctx durable.Context, name string, _ int) (string, error) {
	return constant(ctx, "greet", greeting(name))
}

func itself(_ durable.Context, text string, _ int) (string, error) { return orFail(text) }

func itselfInStep(ctx durable.Context, text string, _ int) (string, error) {
	return constant(ctx, "step", text)
}

func upper(_ durable.Context, text string, _ int) (string, error) { return strings.ToUpper(text), nil }

func projectedMap(ctx durable.Context, name string, fields []string, texts []string, opts ...durable.BatchOption) (projection, error) {
	result, err := lenient(durable.Map(ctx, name, texts, itself, append(opts, oneByOne)...))
	return project(result).only(fields...), err
}

func rethrowingMap(ctx durable.Context, _ any) (any, error) {
	result, err := lenient(durable.Map(ctx, "throwing", []string{fails, "b"}, itself, oneByOne, durable.WithToleratedFailures(0)))
	if err != nil {
		return nil, err
	}
	return nil, result.Err()
}

func namedItems(ctx durable.Context, numbers []int) ([]int, error) {
	return values(durable.Map(ctx, "named-items", numbers, func(_ durable.Context, n, _ int) (int, error) {
		return 10 * n, nil
	}, oneByOne, durable.WithItemNames(func(i int) string { return fmt.Sprintf("item-%d", numbers[i]) })))
}

// prefixed writes strings with a prefix, without quotes.
type prefixed struct{}

func (prefixed) Marshal(_ context.Context, v any) ([]byte, error) {
	return []byte("wrapped:" + v.(string)), nil
}

func (prefixed) Unmarshal(_ context.Context, data []byte, v any) error {
	*v.(*string) = strings.TrimPrefix(string(data), "wrapped:")
	return nil
}

func waitInItem(ctx durable.Context, _ any) ([]string, error) {
	return values(durable.Map(ctx, "suspend", []string{"r0", "r1"}, func(ctx durable.Context, text string, i int) (string, error) {
		if i == 1 {
			if err := durable.Wait(ctx, "", time.Second); err != nil {
				return "", err
			}
		}
		return constant(ctx, "step", text)
	}, oneByOne))
}

func largeMap(ctx durable.Context, _ any) (projection, error) {
	texts := []string{"a", "b", "c", "d"}
	result, err := durable.Map(ctx, "large", texts, func(_ durable.Context, text string, _ int) (string, error) {
		return strings.Repeat(text, 70<<10), nil
	}, oneByOne)
	return project(result).only("successCount", "totalCount"), err
}

func mapThenWait(ctx durable.Context, name string, texts []string, opts ...durable.BatchOption) ([]string, error) {
	results, err := values(durable.Map(ctx, name, texts, upper, append(opts, oneByOne)...))
	if err != nil {
		return nil, err
	}
	return results, durable.Wait(ctx, "", time.Second)
}

func failuresThenWait(ctx durable.Context, _ any) (projection, error) {
	p, err := projectedMap(ctx, "fail-then-wait", allCounts, []string{"ok", fails}, durable.WithToleratedFailures(1))
	if err != nil {
		return nil, err
	}
	return p, durable.Wait(ctx, "", time.Second)
}

// joined writes the result of a map as its values, with commas between them.
type joined struct{}

const joinedPrefix = "OPSERDE:"

func (joined) Marshal(_ context.Context, v any) ([]byte, error) {
	result := v.(durable.BatchResult[string])
	return []byte(joinedPrefix + strings.Join(result.Values(), ",")), nil
}

func (joined) Unmarshal(_ context.Context, data []byte, v any) error {
	var items []durable.BatchItem[string]
	texts := strings.TrimPrefix(string(data), joinedPrefix)
	for i, text := range strings.Split(texts, ",") {
		items = append(items, durable.BatchItem[string]{Index: i, Status: protocol.StatusSucceeded, Value: text})
	}
	*v.(*durable.BatchResult[string]) = durable.BatchResult[string]{Items: items, Reason: durable.AllCompleted}
	return nil
}
