// Package workflows holds workflows that people write: each has a bug, which its twin has not, the same workflow done
// right. It stands in testdata, since the linter has something to say of it.
package workflows

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/durabletest"
	"github.com/perdure/perdure/protocol"
)

// A Seed is a workflow with a bug, and its twin. What a tool says of the bug is a regular expression, and empty if the
// tool does not find it.
type Seed struct {
	Bug, Right Workflow
	Event      any                                      // order, unless it is set
	Act        func(*testing.T, *durabletest.Execution) // nil for nothing
	Options    []durabletest.ExploreOption              // of Explore
	Deploy     bool                                     // the bug is in the change from Right to Bug
	Unrecorded bool                                     // Bug has no history: it does not start, or leaves goroutines
	Explore    string                                   // explores Bug; with Deploy, the upgrade to it
	Replay     string                                   // replays what Bug recorded with Bug; with Deploy, what Right recorded
	Lint       string                                   // rule: finding
}

const order = "A-1"

// A Workflow is a handler, whatever its input.
type Workflow interface {
	Explore(t *testing.T, next Workflow, event any, act func(*testing.T, *durabletest.Execution),
		opts ...durabletest.ExploreOption)
	// Record runs it and returns the histories at the end of each of its invocations.
	Record(t *testing.T, event any, act func(*testing.T, *durabletest.Execution)) []durabletest.History
	Replay(t *testing.T, h durabletest.History)
}

type handler[In any] func(durable.Context, In) (string, error)

func (h handler[In]) Explore(t *testing.T, next Workflow, event any, act func(*testing.T, *durabletest.Execution),
	opts ...durabletest.ExploreOption) {
	if next != nil {
		later, ok := next.(handler[In])
		if !ok {
			return // Upgrade is for versions with the same input
		}
		opts = append(slices.Clip(opts), durabletest.Upgrade(later))
	}
	durabletest.Explore(t, h, event, act, opts...)
}

func (h handler[In]) Record(t *testing.T, event any,
	act func(*testing.T, *durabletest.Execution)) (all []durabletest.History) {
	whole := durabletest.Drive(t, h, event, act).History
	for i, ev := range whole[:len(whole)-2] { // the last invocation ends the execution
		if ev.Type == protocol.EventInvocationCompleted {
			all = append(all, whole[:i+1])
		}
	}
	return append(all, whole)
}

func (h handler[In]) Replay(t *testing.T, rec durabletest.History) { durabletest.Replay(t, h, rec) }

type simple = handler[string]

// Services are those of others, which workflows call.
type Services interface {
	Do(ctx context.Context, what, key string) error
	DoOnce(ctx context.Context, what, key, idempotencyKey string) error
}

var services Services

// Use says where effects happen. Each run has another place.
func Use(s Services) { services = s }

// All returns all seeds.
func All() map[string]Seed {
	all := map[string]Seed{}
	for _, some := range []map[string]Seed{effects, unstable, usage, types, deploys} {
		maps.Copy(all, some)
	}
	return all
}

var warehouse = durable.Function[string, string]{Name: "warehouse:1"}

func paid(ctx durable.Context, order string) (string, error) { return payAs(ctx, "charge", order) }

func payAs(ctx durable.Context, name, order string) (string, error) {
	receipt, err := same(ctx, name, order)
	if err != nil {
		return "", err
	}
	return receipt, durable.Wait(ctx, "confirmation", 5*time.Second)
}

// same is a step that returns what it is given.
func same[T any](ctx durable.Context, name string, v T) (T, error) {
	return durable.Step(ctx, name, func(context.Context) (T, error) { return v, nil })
}

func soldOut(ctx durable.Context) error {
	_, err := durable.Step(ctx, "reserve", func(context.Context) (string, error) { return "", errors.New("sold out") },
		durable.WithRetry(retry.None()))
	return err
}

func approve(_ *testing.T, x *durabletest.Execution) {
	x.SucceedCallback(x.Callback("approval"), `"yes"`)
}

// orFailed also accepts a failure of a type.
func orFailed(errorType string) []durabletest.ExploreOption {
	return []durabletest.ExploreOption{durabletest.Equal(func(undisturbed, disturbed *durabletest.Result[string]) bool {
		return disturbed.Same(undisturbed) || disturbed.Error != nil && disturbed.Error.ErrorType == errorType
	})}
}
