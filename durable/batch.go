package durable

import (
	"errors"
	"fmt"

	"github.com/perdure/perdure/protocol"
)

var (
	parallelKind = &kind{call: "durable.Parallel", typ: protocol.TypeContext, subType: protocol.SubTypeParallel}
	branchKind   = &kind{call: "branch", typ: protocol.TypeContext, subType: protocol.SubTypeParallelBranch}

	mapKind  = &kind{call: "durable.Map", typ: protocol.TypeContext, subType: protocol.SubTypeMap}
	itemKind = &kind{call: "item", typ: protocol.TypeContext, subType: protocol.SubTypeMapIteration}
)

var errNilFunction = errors.New("the function is nil")

// Map runs fn for each of the items at the same time, each in a context of its own, and returns the results in the
// order of the items. The execution may be suspended in the middle of any number of items.
//
// The error is a [*BatchError] if too many items failed: by default, if one did, which also ends the batch.
// [BatchOption] says how else a batch may complete. The result is returned beside the error, so code can see which
// items succeeded. An item fails when fn returns an error or panics; nothing is retried.
//
// When a batch ends early, the items under way are abandoned: their contexts end, their waits are cancelled, and
// their goroutines unwind at their next operation. They stay STARTED. Steps that they had begun may or may not have
// had their side effects.
//
// Map is recorded as a context with one context for each item, or without them by [WithFlat]. Items are numbered by
// their index, so changes of concurrency, or an early end, move nothing. The batch's record holds the results of
// its items, up to 256 KiB; above that, later runs gather them from the items' own records. The items must be the
// same on every run: if they may change, get them in a step.
//
// Where an operation for each item is too much, let one item be a group, and one step deal with the group:
//
//	batches := slices.Collect(slices.Chunk(orders, 100))
//	result, err := durable.Map(ctx, "orders", batches, func(ctx durable.Context, batch []Order, _ int) ([]Receipt, error) {
//		…
//	})
//	receipts := slices.Concat(result.Values()...)
func Map[In, Out any](ctx Context, name string, items []In, fn func(ctx Context, item In, index int) (Out, error), opts ...BatchOption) (BatchResult[Out], error) {
	cfg, bad := newBatchConfig(opts, len(items))
	if fn == nil {
		bad, fn = errNilFunction, func(Context, In, int) (v Out, err error) { return v, errNilFunction }
	}
	named := func(i int) (string, error) {
		name, err := cfg.nameOf(i, "", "map-item-%d")
		if err != nil {
			err = fmt.Errorf("item %d: %w", i, err)
		}
		return name, err
	}
	work := newBatchWork(len(items), func(ctx Context, i int) (Out, error) { return fn(ctx, items[i], i) })
	return runBatch(ctx, mapKind, itemKind, name, cfg, named, work, bad)
}

// Branch is one of the functions that [Parallel] runs. Branches without a name are called parallel-branch-0,
// parallel-branch-1, … after their index.
type Branch[T any] struct {
	Name string
	Func func(Context) (T, error)
}

// Parallel runs the branches at the same time, each in a context of its own, and returns their results in the order
// of the branches. Everything else is as for [Map]. For results of different types use [Go] and [Join], which the
// compiler checks; with a limit of concurrency, or tolerated failures, use branches of [encoding/json.RawMessage].
func Parallel[T any](ctx Context, name string, branches []Branch[T], opts ...BatchOption) (BatchResult[T], error) {
	cfg, bad := newBatchConfig(opts, len(branches))
	for i, b := range branches {
		if b.Func == nil && bad == nil {
			bad = fmt.Errorf("branch %d: %w", i, errNilFunction)
		}
	}
	named := func(i int) (string, error) {
		name, err := cfg.nameOf(i, branches[i].Name, "parallel-branch-%d")
		if err != nil {
			err = fmt.Errorf("branch %d: %w", i, err)
		}
		return name, err
	}
	work := newBatchWork(len(branches), func(ctx Context, i int) (T, error) {
		if branches[i].Func == nil { // nil now, though it was not when the batch began
			return missing[Context, T](ctx)
		}
		return branches[i].Func(ctx)
	})
	return runBatch(ctx, parallelKind, branchKind, name, cfg, named, work, bad)
}
