package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/perdure/perdure/durable"
)

var plugins = suite{
	"10-1": serve(loggedGreeting, onStdout, watched(isStep)),
	"10-2": serve(greetInStep, watched(isStep)),
	"10-3": serve(flaky, watched(isStep)),
	"10-4": serve(greetInStep, durable.WithPlugins(watcher{name: "CONFPLUGIN-FAULTY", only: isStep, faulty: true}.plugin())),
	"10-5": serve(greetInStep, durable.WithPlugins(
		watcher{name: "CONFPLUGIN-A", only: isStep}.plugin(), watcher{name: "CONFPLUGIN-B", only: isStep}.plugin())),
	"10-6":  serve(justWait, watched(isStep)),
	"10-7":  serve(func(ctx durable.Context, _ any) (string, error) { return failingStep(ctx) }, watched(isStep)),
	"10-8":  serve(greetInStep, watched(isStep)),
	"10-9":  serve(justWait, watched(isWait)),
	"10-10": serve(justWait, watched(isWait)),
	"10-11": serve(greetInChild, watchedWithNone(isAny)),
	"10-12": serve(func(ctx durable.Context, _ any) ([]string, error) {
		return values(durable.Parallel(ctx, "parallel", branches("task-1", "task-2"), oneByOne))
	}, watchedWithNone(isBranch)),
	"10-13": serve(func(ctx durable.Context, _ any) (string, error) {
		if _, err := constant(ctx, "a", "done"); err != nil {
			return "", err
		}
		return flaky(ctx, nil)
	}, watched(isStep)),
	"10-14": serve(goodThenBad, watchedWithNone(isStep)),
	"10-15": serve(func(ctx durable.Context, _ any) (string, error) { return failingTimes(ctx, 2, retrySoon) }, watched(isStep)),
	"10-16": serve(justWait, watched(isStep)),
	"10-17": serve(greetInStep, durable.WithPlugins(
		watcher{name: "CONFPLUGIN-FAULTY", only: isStep, faulty: true}.plugin(),
		watcher{name: "CONFPLUGIN-HEALTHY", only: isStep}.plugin())),
	"10-18": serve(waitsSideBySide, watched(isWait)),
	"10-19": serve(func(ctx durable.Context, input string) (string, error) {
		return "done-" + input, durable.Wait(ctx, "", 2*time.Second)
	}, watched(isStep)),
	"10-20": serve(greetTask, watched(isStep)),
	"10-21": serve(func(ctx durable.Context, _ any) (string, error) {
		return durable.Step(ctx, "flaky", func(ctx context.Context) (string, error) {
			if durable.Attempt(ctx) == 1 {
				return "", errors.New("not yet")
			}
			return "ok", nil
		}, retrySoon)
	}, watched(isStep)),
	"10-22": serve(greetTask, watched(isStep)),
	"10-23": serve(waitInNamedBranch, watched(isContext)),
}

func flaky(ctx durable.Context, _ any) (string, error) { return failingTimes(ctx, 1, retrySoon) }

func justWait(ctx durable.Context, _ any) (any, error) {
	return nil, durable.Wait(ctx, "", 2*time.Second)
}

func greetInChild(ctx durable.Context, name string) (string, error) {
	return durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (string, error) { return greetInStep(ctx, name) })
}

func goodThenBad(ctx durable.Context, _ any) (any, error) {
	if _, err := constant(ctx, "a", "task-a"); err != nil {
		return nil, err
	}
	return durable.Step(ctx, "b", func(context.Context) (any, error) { return nil, errors.New("boom") }, noRetry)
}

func waitsSideBySide(ctx durable.Context, _ any) ([]string, error) {
	waiting := func(name string, d time.Duration) durable.Branch[string] {
		return durable.Branch[string]{Func: func(ctx durable.Context) (string, error) {
			return name + "-done", durable.Wait(ctx, name, d)
		}}
	}
	return values(durable.Parallel(ctx, "waits", []durable.Branch[string]{
		waiting("short", 2*time.Second), waiting("long", 8*time.Second),
	}))
}

func greetTask(ctx durable.Context, _ any) (string, error) { return constant(ctx, "greet", "task-a") }

func waitInNamedBranch(ctx durable.Context, _ any) ([]string, error) {
	return values(durable.Parallel(ctx, "ctx", []durable.Branch[string]{
		{Name: "branch-a", Func: func(ctx durable.Context) (string, error) {
			if _, err := constant(ctx, "inner", "x"); err != nil {
				return "", err
			}
			return "a-done", durable.Wait(ctx, "", 2*time.Second)
		}},
		{Name: "branch-b", Func: func(durable.Context) (string, error) { return "b-done", nil }},
	}, oneByOne))
}

// onStdout writes the handler's log where the plugin writes, so that their
// lines come in order.
var onStdout = durable.WithLogger(slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{
	ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.MessageKey && len(groups) == 0 {
			a.Key = "message"
		}
		return a
	},
})))

func loggedGreeting(ctx durable.Context, name string) (string, error) {
	return durable.Step(ctx, "greet", func(ctx context.Context) (string, error) {
		durable.Logger(ctx).Info("Greeting step running for: " + name)
		return greeting(name), nil
	})
}
