// Command behave is a durable function that does what its event says, well or badly.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
)

type event struct {
	Do   string
	File string // gets a line from each run of step one
}

type result struct {
	Did string `json:"did"`
}

func handler(ctx durable.Context, e event) (any, error) {
	_, err := durable.Step(ctx, "one", func(context.Context) (int, error) { return 1, note(e.File) })
	if err != nil {
		return nil, err
	}
	switch e.Do {
	case "fail":
		return nil, errors.New("nothing to be done")
	case "panic":
		panic("out of cheese")
	case "exit":
		os.Exit(7)
	case "hang":
		time.Sleep(time.Hour)
	case "chan":
		return make(chan int), nil
	case "print":
		fmt.Print("garbage \x1b[2J\x00\xff on stdout\n")
	case "step slowly":
		return durable.Step(ctx, "slow", func(context.Context) (result, error) {
			if err := note(e.File); err != nil {
				return result{}, err
			}
			time.Sleep(time.Second)
			return result{"step slowly"}, nil
		})
	case "step until told":
		return durable.Step(ctx, "slow", func(context.Context) (result, error) {
			if err := note(e.File); err != nil {
				return result{}, err
			}
			for {
				if _, err := os.Stat(e.File + ".told"); err == nil {
					return result{e.Do}, nil
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	case "hang once":
		return durable.Step(ctx, "slow", func(context.Context) (result, error) {
			if err := note(e.File); err != nil {
				return result{}, err
			}
			if _, err := os.Stat(e.File + ".hung"); err != nil {
				if err := os.WriteFile(e.File+".hung", nil, 0o644); err != nil {
					return result{}, err
				}
				time.Sleep(time.Hour)
			}
			return result{"hang once"}, nil
		})
	case "chatter":
		for i := range 800 { // fewer than a log takes in a second, more than a pipe holds
			fmt.Printf("line %d %s\n", i, strings.Repeat("x", 200))
		}
	case "log":
		return durable.Step(ctx, "talk", talk)
	case "retry":
		return durable.Step(ctx, "flaky", flaky(e.File))
	case "callback":
		answer, err := durable.WaitForCallback[string](ctx, "approve", submit)
		if err != nil {
			return nil, err
		}
		return result{answer}, nil
	case "charge":
		once := durable.WithRetry(retry.Policy{MaxAttempts: 1})
		return durable.Step(ctx, "charge", func(context.Context) (result, error) {
			_, err := os.Stat(e.File + ".paid")
			return result{"charge"}, err
		}, once)
	case "fail slowly":
		policy := retry.Policy{Delay: time.Hour, MaxDelay: time.Hour, Jitter: retry.NoJitter}
		return durable.Step(ctx, "charge", func(context.Context) (any, error) { return nil, errors.New("card declined") }, durable.WithRetry(policy))
	case "wait":
		if err := durable.Wait(ctx, "pause", time.Second); err != nil {
			return nil, err
		}
	case "wait a month":
		if err := durable.Wait(ctx, "pause", 30*24*time.Hour); err != nil {
			return nil, err
		}
	case "wait long":
		if err := durable.Wait(ctx, "pause", 3*time.Second); err != nil {
			return nil, err
		}
	}
	return result{e.Do}, nil
}

// note leaves a trace of a step's run.
func note(file string) error {
	if file == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintln(f, "one")
	return err
}

// submit leaves the id of the callback to those who look for it.
func submit(context.Context, string) error { return nil }

// talk writes a line of its step, and one of nothing.
func talk(ctx context.Context) (result, error) {
	durable.Logger(ctx).Info("in the step")
	fmt.Println("plain words")
	return result{"log"}, nil
}

// flaky fails until it has been tried twice.
func flaky(file string) func(context.Context) (any, error) {
	return func(context.Context) (any, error) {
		if _, err := os.Stat(file + ".tried"); err == nil {
			return result{"retry"}, nil
		}
		if err := os.WriteFile(file+".tried", nil, 0o644); err != nil {
			return nil, err
		}
		return nil, errors.New("the first try fails")
	}
}

func main() {
	if os.Getenv("CRASH") != "" {
		fmt.Fprintln(os.Stderr, "no configuration")
		os.Exit(3)
	}
	durable.Start(handler)
}
