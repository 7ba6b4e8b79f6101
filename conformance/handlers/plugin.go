package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/perdure/perdure/durable"
)

var plugins = suite{
	"10-1": serve(loggedGreeting, onStdout, watchedBy("CONFPLUGIN")),
	"10-2": serve(greetInStep, watchedBy("CONFPLUGIN")),
	"10-3": serve(func(ctx durable.Context, _ any) (string, error) {
		return failingTimes(ctx, 1, retrySoon)
	}, watchedBy("CONFPLUGIN")),
	"10-4": serve(greetInStep, durable.WithPlugins(watcher{name: "CONFPLUGIN-FAULTY", faulty: true}.watch)),
	"10-5": serve(greetInStep, watchedBy("CONFPLUGIN-A", "CONFPLUGIN-B")),
	"10-6": serve(func(ctx durable.Context, _ any) (any, error) {
		return nil, durable.Wait(ctx, "", 2*time.Second)
	}, watchedBy("CONFPLUGIN")),
	"10-7": serve(func(ctx durable.Context, _ any) (string, error) { return failingStep(ctx) }, watchedBy("CONFPLUGIN")),
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

func watchedBy(names ...string) durable.HandlerOption {
	var list []durable.Plugin
	for _, name := range names {
		list = append(list, watcher{name: name}.watch)
	}
	return durable.WithPlugins(list...)
}

// watcher is a plugin that writes what it hears, of steps and of invocations,
// as JSON lines on standard output.
type watcher struct {
	name   string
	faulty bool // panics in every hook
	arn    string
}

func (w watcher) watch(_ context.Context, inv *durable.Invocation) (context.Context, *durable.Hooks) {
	w.arn = inv.ExecutionARN
	return nil, &durable.Hooks{
		InvocationStart: func(context.Context) { w.tell("invocation-start", "first", inv.First) },
		OperationStart:  func(op *durable.Operation) { w.tellOfStep(op, "operation-start") },
		OperationEnd:    func(op *durable.Operation) { w.tellOfStep(op, "operation-end", "status", op.Status) },
		AttemptStart: func(ctx context.Context, op *durable.Operation, n int) context.Context {
			w.tellOfStep(op, "attempt-start", "n", n)
			return ctx
		},
		AttemptEnd: func(_ context.Context, op *durable.Operation, n int, err error) {
			outcome := "SUCCEEDED"
			if err != nil {
				outcome = "FAILED"
			}
			w.tellOfStep(op, "attempt-end", "n", n, "outcome", outcome)
		},
		InvocationEnd: func(_ context.Context, outcome durable.InvocationOutcome) {
			w.tell("invocation-end", "status", outcome.Status)
		},
	}
}

func (w watcher) tellOfStep(op *durable.Operation, hook string, fields ...any) {
	if op.Type == "STEP" {
		w.tell(hook, append(fields, "op", op.ID)...)
	}
}

// tell writes a line with the fields, which are names and values by turns.
func (w watcher) tell(hook string, fields ...any) {
	record := map[string]any{"plugin": w.name, "hook": hook, "durableExecutionArn": w.arn}
	for i := 0; i < len(fields); i += 2 {
		record[fields[i].(string)] = fields[i+1]
	}
	json.NewEncoder(os.Stdout).Encode(record)
	if w.faulty {
		panic(errors.New("this plugin always fails"))
	}
}
