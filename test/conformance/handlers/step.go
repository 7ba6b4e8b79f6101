package main

import (
	"context"
	"errors"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
)

var steps = suite{
	"1-1": serve(greetInStep),
	"1-2": serve(namedStep),
	"1-3": serve(dependentSteps),
	"1-4": serve(complexResult),
	"1-5": serve(nullResult),
	"1-6": serve(stepSerdes),
	"1-7": serve(stepLogger),
	"1-8": serve(func(ctx durable.Context, _ any) (string, error) { return stepThenWait(ctx, "computed", 2*time.Second) }),
	"1-9": serve(func(ctx durable.Context, _ any) (string, error) {
		return stepThenWait(ctx, "cached_value", time.Second)
	}),
	"1-10": serve(failedStepThenWait),
	"1-11": serve(func(ctx durable.Context, _ any) (string, error) { return failingTimes(ctx, 1, retrySoon) }),
	"1-12": serve(func(ctx durable.Context, _ any) (string, error) {
		return failingTimes(ctx, 4, durable.WithRetry(retry.Fixed(4, time.Second)))
	}),
	"1-13": serve(func(ctx durable.Context, _ any) (string, error) { return failingTimes(ctx, 2) }),
	"1-14": serve(func(ctx durable.Context, _ any) (string, error) {
		return failingTimes(ctx, 2, durable.WithRetry(retry.Policy{
			MaxAttempts: 5, Delay: 2 * time.Second, Multiplier: 3, Jitter: retry.NoJitter,
		}))
	}),
	"1-15": serve(retriedError),
	"1-16": serve(unretriedError),
	"1-17": serve(func(ctx durable.Context, input string) (string, error) { return crashingStep(ctx, input, noRetry) }),
	"1-18": serve(func(ctx durable.Context, input string) (string, error) { return crashingStep(ctx, input, retrySoon) }),
	"1-19": serve(func(ctx durable.Context, _ any) (string, error) { return failingStep(ctx) }),
	"1-20": serve(caughtError),
}

var (
	noRetry   = durable.WithRetry(retry.None())
	retrySoon = durable.WithRetry(retry.Fixed(2, time.Second))
)

func greetInStep(ctx durable.Context, name string) (string, error) {
	return durable.Step(ctx, "greet", func(context.Context) (string, error) {
		return greeting(name), nil
	})
}

func greeting(name string) string { return "Hello, " + name + "!" }

func namedStep(ctx durable.Context, name string) (string, error) {
	return constant(ctx, "custom_step_name", greeting(name))
}

// constant is a step that returns v.
func constant[T any](ctx durable.Context, name string, v T) (T, error) {
	return durable.Step(ctx, name, func(context.Context) (T, error) { return v, nil })
}

func dependentSteps(ctx durable.Context, _ any) (string, error) {
	first, err := constant(ctx, "first", "first")
	if err != nil {
		return "", err
	}
	return constant(ctx, "second", first+"_second")
}

type user struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

type response struct {
	User  user `json:"user"`
	Count int  `json:"count"`
}

func complexResult(ctx durable.Context, u user) (response, error) {
	return constant(ctx, "build_response", response{u, len(u.Tags)})
}

func nullResult(ctx durable.Context, _ any) (any, error) {
	return constant[any](ctx, "do_nothing", nil)
}

func stepSerdes(ctx durable.Context, input string) (string, error) {
	return durable.Step(ctx, "return_input", func(context.Context) (string, error) {
		return input, nil
	}, durable.WithSerdes(upperCase{}))
}

func stepLogger(ctx durable.Context, name string) (string, error) {
	return durable.Step(ctx, "greet", func(ctx context.Context) (string, error) {
		log := durable.Logger(ctx)
		log.Info("Greeting step started for: " + name)
		log.Info("Greeting step completed with: " + greeting(name))
		return greeting(name), nil
	})
}

func stepThenWait(ctx durable.Context, value string, d time.Duration) (string, error) {
	result, err := durable.Step(ctx, "compute", func(ctx context.Context) (string, error) {
		durable.Logger(ctx).Info("step executed")
		return value, nil
	})
	if err != nil {
		return "", err
	}
	return result, durable.Wait(ctx, "", d)
}

func failedStepThenWait(ctx durable.Context, _ any) (string, error) {
	_, err := failingStep(ctx)
	if err == nil {
		return "", errors.New("the step did not fail")
	}
	return err.Error(), durable.Wait(ctx, "", time.Second)
}

// failingStep is a step that fails for good.
func failingStep(ctx durable.Context) (string, error) {
	return durable.Step(ctx, "fail", func(ctx context.Context) (string, error) {
		durable.Logger(ctx).Info("step executed")
		return "", errors.New("this step always fails")
	}, noRetry)
}

// failingTimes is a step whose first attempts fail.
func failingTimes(ctx durable.Context, times int, opts ...durable.StepOption) (string, error) {
	return durable.Step(ctx, "unreliable", func(ctx context.Context) (string, error) {
		if durable.Attempt(ctx) <= times {
			return "", errors.New("not yet")
		}
		return "Operation succeeded", nil
	}, opts...)
}

// TransientError is the error that the retry policies of 1-15 and 1-16 look for.
type TransientError struct{}

func (*TransientError) Error() string { return "for a moment it does not work" }

var isTransient = retry.As[*TransientError]()

func retriedError(ctx durable.Context, _ any) (string, error) {
	return transientStep(ctx, isTransient)
}

func unretriedError(ctx durable.Context, _ any) (string, error) {
	return transientStep(ctx, retry.Not(isTransient))
}

func transientStep(ctx durable.Context, retryIf func(error) bool) (string, error) {
	return durable.Step(ctx, "transient", func(ctx context.Context) (string, error) {
		if durable.Attempt(ctx) == 1 {
			return "", &TransientError{}
		}
		return "done", nil
	}, durable.WithRetry(retry.Policy{
		MaxAttempts: 3, Delay: time.Second, Jitter: retry.NoJitter, RetryIf: retryIf,
	}))
}

func crashingStep(ctx durable.Context, input string, retry durable.StepOption) (string, error) {
	return durable.Step(ctx, "at_most_once_flaky_step", func(ctx context.Context) (string, error) {
		durable.Logger(ctx).Info("running with " + input)
		if durable.Attempt(ctx) == 1 {
			die()
		}
		return "succeeded on second attempt", nil
	}, durable.WithAtMostOncePerRetry(), retry)
}

func caughtError(ctx durable.Context, _ any) (string, error) {
	if result, err := failingStep(ctx); err == nil {
		return result, nil
	}
	return constant(ctx, "fallback", "fallback_result")
}
