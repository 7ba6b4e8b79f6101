package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

var children = suite{
	"3-1":  serve(func(ctx durable.Context, input string) (string, error) { return childWithStep(ctx, "", input) }),
	"3-2":  serve(namedChild),
	"3-3":  serve(childWithSteps),
	"3-4":  serve(func(ctx durable.Context, _ any) (string, error) { return failingChild(ctx) }),
	"3-5":  serve(caughtChild),
	"3-6":  serve(nestedChildren),
	"3-7":  serve(childWithRetry),
	"3-8":  serve(childWithExhaustedRetry),
	"3-9":  serve(childThenWait),
	"3-10": serve(func(ctx durable.Context, input string) (string, error) { return childWithWait(ctx, input) }),
	"3-11": serve(largeChild, durable.WithReplayLogs()),
	"3-12": serve(interruptedChild),
	"3-13": serve(waitInChildThenStep),
	"3-14": serve(childSerdes),
	"3-15": serve(throwingChild),
	"3-16": serve(nullChild),
	"3-17": serve(loggingChild),
	"3-18": serve(childThenStepAndWait),
}

func childWithStep(ctx durable.Context, name, value string) (string, error) {
	return durable.RunInChildContext(ctx, name, func(ctx durable.Context) (string, error) {
		return constant(ctx, "step", value)
	})
}

func namedChild(ctx durable.Context, input struct{ Name, Value string }) (string, error) {
	return childWithStep(ctx, input.Name, input.Value)
}

func childWithSteps(ctx durable.Context, input string) (string, error) {
	return durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (string, error) {
		first, err := constant(ctx, "first", input)
		if err != nil {
			return "", err
		}
		return constant(ctx, "second", first)
	})
}

func failingChild(ctx durable.Context) (string, error) {
	return durable.RunInChildContext(ctx, "child", failingStep)
}

func caughtChild(ctx durable.Context, input string) (string, error) {
	_, err := failingChild(ctx)
	if _, failed := durable.Failed(err, protocol.SubTypeRunInChildContext); !failed {
		return "", errors.New("the child did not fail with a ChildContextError")
	}
	return constant(ctx, "recover", input)
}

func nestedChildren(ctx durable.Context, input string) (string, error) {
	return durable.RunInChildContext(ctx, "outer", func(ctx durable.Context) (string, error) {
		outer, err := constant(ctx, "outer step", input)
		if err != nil {
			return "", err
		}
		return childWithStep(ctx, "inner", outer)
	})
}

func childWithRetry(ctx durable.Context, input string) (string, error) {
	return durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (string, error) {
		return durable.Step(ctx, "unreliable", func(ctx context.Context) (string, error) {
			if durable.Attempt(ctx) == 1 {
				return "", errors.New("not yet")
			}
			return input, nil
		}, retrySoon)
	})
}

func childWithExhaustedRetry(ctx durable.Context, _ any) (string, error) {
	return durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (string, error) {
		return failingTimes(ctx, 2, retrySoon)
	})
}

func childThenWait(ctx durable.Context, input string) (string, error) {
	result, err := childWithStep(ctx, "child", input)
	if err != nil {
		return "", err
	}
	return result, durable.Wait(ctx, "", time.Second)
}

func childWithWait(ctx durable.Context, input string) (string, error) {
	return durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (string, error) {
		result, err := constant(ctx, "step", input)
		if err != nil {
			return "", err
		}
		return result, durable.Wait(ctx, "", time.Second)
	})
}

// interruptedChild has a step that ends the process the first time it runs, a
// moment after it started: that it did is recorded meanwhile. A file tells the
// next invocation that this was done.
func interruptedChild(ctx durable.Context, input string) (string, error) {
	return durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (string, error) {
		return durable.Step(ctx, "step", func(ctx context.Context) (string, error) {
			if isFirst(ctx) {
				time.Sleep(time.Second)
				die()
			}
			return input, nil
		})
	})
}

// die ends the process; a test has its own way.
var die = func() { os.Exit(1) }

// isFirst reports whether it is called for the first time in an execution,
// whichever process it is called in.
func isFirst(ctx context.Context) bool {
	marks := os.Getenv("CONFORMANCE_MARKS")
	if marks == "" {
		panic("CONFORMANCE_MARKS must name a directory")
	}
	name := filepath.Join(marks, filepath.Base(durable.ExecutionARN(ctx)))
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return false
	case err != nil:
		panic(err)
	}
	f.Close()
	return true
}

func waitInChildThenStep(ctx durable.Context, input string) (string, error) {
	result, err := durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (string, error) {
		return input, durable.Wait(ctx, "", time.Second)
	})
	if err != nil {
		return "", err
	}
	return constant(ctx, "outer step", result)
}

func childSerdes(ctx durable.Context, input string) (string, error) {
	return durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (string, error) {
		return constant(ctx, "step", input)
	}, durable.WithSerdes(upperCase{}))
}

func throwingChild(ctx durable.Context, _ any) (string, error) {
	return durable.RunInChildContext(ctx, "child", func(durable.Context) (string, error) {
		return "", errors.New("the child fails by itself")
	})
}

func nullChild(ctx durable.Context, _ any) (any, error) {
	return durable.RunInChildContext(ctx, "child", func(durable.Context) (any, error) { return nil, nil })
}

func loggingChild(ctx durable.Context, input string) (string, error) {
	result, err := durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (string, error) {
		ctx.Logger().Info("child runs with " + input)
		return input, nil
	})
	if err != nil {
		return "", err
	}
	return result, durable.Wait(ctx, "", time.Second)
}

func childThenStepAndWait(ctx durable.Context, input string) (string, error) {
	result, err := childWithWait(ctx, input)
	if err != nil {
		return "", err
	}
	if result, err = constant(ctx, "outer step", result); err != nil {
		return "", err
	}
	return result, durable.Wait(ctx, "", time.Second)
}

// largeChild returns more than a checkpoint may hold, so that it runs again
// when it is replayed.
func largeChild(ctx durable.Context, input string) (int, error) {
	large, err := durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (string, error) {
		ctx.Logger().Info("child runs with " + input)
		small, err := constant(ctx, "step", "x")
		return strings.Repeat(small, 300<<10), err
	})
	if err != nil {
		return 0, err
	}
	return len(large), durable.Wait(ctx, "", time.Second)
}
