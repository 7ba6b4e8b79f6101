package durable

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/perdure/perdure/protocol"
)

var (
	parallelKind = &kind{call: "durable.Parallel", typ: protocol.TypeContext, subType: protocol.SubTypeParallel}
	mixedKind    = &kind{call: "durable.ParallelMixed", typ: protocol.TypeContext, subType: protocol.SubTypeParallel}
	branchKind   = &kind{call: "branch", typ: protocol.TypeContext, subType: protocol.SubTypeParallelBranch}
)

// Branch is one of the functions that [Parallel] runs. A branch without a name
// is called parallel-branch-0, parallel-branch-1, … after its index.
type Branch[T any] struct {
	Name string
	Func func(Context) (T, error)
}

var errNamesOfBranches = errors.New("WithItemNames is for Map; branches have names of their own")

// Parallel runs the branches at the same time, each in a context of its own, and
// returns their results in the order of the branches. Everything else is as for
// [Map]. For branches with results of different types see [ParallelMixed].
func Parallel[T any](ctx Context, name string, branches []Branch[T], opts ...BatchOption) (BatchResult[T], error) {
	cfg, bad := newBatchConfig(opts, len(branches))
	for i, b := range branches {
		if err := cfg.validateBranch(i, b.Name, b.Func == nil); bad == nil {
			bad = err
		}
	}
	cfg.named = func(i int) (string, error) { return branchName(branches[i].Name, i), nil }
	work := newBatchWork(len(branches), func(ctx Context, i int) (T, error) {
		if branches[i].Func == nil { // now, though it was there when the batch began
			return missing[Context, T](ctx)
		}
		return branches[i].Func(ctx)
	})
	return runBatch(ctx, parallelKind, branchKind, name, cfg, work, bad)
}

func (c *batchConfig) validateBranch(i int, name string, noFunc bool) error {
	err := validateName(name)
	switch {
	case c.namer != nil:
		return errNamesOfBranches
	case noFunc:
		return fmt.Errorf("branch %d: %w", i, errNilFunction)
	case err != nil:
		return fmt.Errorf("branch %d: %w", i, err)
	}
	return nil
}

func branchName(name string, i int) string {
	if name == "" {
		return fmt.Sprintf("parallel-branch-%d", i)
	}
	return name
}

// TypedBranch is a branch of [ParallelMixed], and the way to its result. It holds
// nothing of an execution, so it may be a package variable.
type TypedBranch[T any] struct {
	name string
	fn   func(Context) (T, error)
}

// NewBranch makes a branch for [ParallelMixed]. An empty name is as in [Branch].
func NewBranch[T any](name string, fn func(Context) (T, error)) *TypedBranch[T] {
	return &TypedBranch[T]{name, fn}
}

// AnyBranch is a [TypedBranch] of whatever type.
type AnyBranch interface {
	label() string
	missing() bool
	check(s Serdes, what string) error
	run(ctx Context) (any, error)
	encode(ctx context.Context, s Serdes, what string, v any) (string, any, error)
	decode(ctx context.Context, s Serdes, what string, payload *string) (any, error)
}

// ParallelMixed is [Parallel] for branches with results of different types:
//
//	price := durable.NewBranch("price", fetchPrice) // func(durable.Context) (Money, error)
//	stock := durable.NewBranch("stock", countStock) // func(durable.Context) (int, error)
//	result, err := durable.ParallelMixed(ctx, "offer", []durable.AnyBranch{price, stock})
//	if err != nil {
//		return err
//	}
//	money, err := price.Result(result)
//
// It is recorded as Parallel is. The values in the result have the types of
// their branches, on every run.
// [WithSerdes], which would have to tell them apart, is not for ParallelMixed.
func ParallelMixed(ctx Context, name string, branches []AnyBranch, opts ...BatchOption) (BatchResult[any], error) {
	cfg, bad := newBatchConfig(opts, len(branches))
	if bad == nil && cfg.serdes != nil {
		bad = errMixedSerdes
	}
	cfg.serdes = nil
	branches = slices.Clone(branches)
	for i, b := range branches {
		if b == nil || b.missing() {
			b = NewBranch("", missing[Context, any])
			branches[i], bad = b, fmt.Errorf("branch %d is nil, or has no function", i)
		}
		if err := cfg.validateBranch(i, b.label(), false); bad == nil {
			bad = err
		}
	}
	cfg.named = func(i int) (string, error) { return branchName(branches[i].label(), i), nil }
	work := newBatchWork(len(branches), func(ctx Context, i int) (any, error) { return branches[i].run(ctx) })
	work.encode = func(ctx context.Context, s Serdes, what string, i int, v any) (string, any, error) {
		return branches[i].encode(ctx, s, what, v)
	}
	work.decode = func(ctx context.Context, s Serdes, what string, i int, payload *string) (any, error) {
		return branches[i].decode(ctx, s, what, payload)
	}
	work.check = func(s Serdes, what string, i int) error { return branches[i].check(s, what) }
	result, err := runBatch(ctx, mixedKind, branchKind, name, cfg, work, bad)
	result.branches = branches
	return result, err
}

var errMixedSerdes = errors.New("WithSerdes is for results of one type; use WithItemSerdes")

// Result returns what the branch came to in a result of [ParallelMixed]: its
// value; an [*ItemError] if it failed; or [ErrNotCompleted] if the batch ended
// before the branch did.
func (b *TypedBranch[T]) Result(result BatchResult[any]) (T, error) {
	var zero T
	for index, other := range result.branches {
		if other != AnyBranch(b) {
			continue
		}
		for _, item := range result.items {
			switch {
			case item.Index != index:
			case item.Status == ItemSucceeded:
				v, _ := item.Value.(T) // nil if T is an interface and the value was
				return v, nil
			case item.Status == ItemFailed:
				return zero, item.Err
			}
		}
		return zero, fmt.Errorf("perdure: branch %q: %w", branchName(b.name, index), ErrNotCompleted)
	}
	return zero, fmt.Errorf("perdure: branch %q is not among the branches of this result", b.name)
}

// ErrNotCompleted is for a branch that did not end before its batch did.
var ErrNotCompleted = errors.New("the batch ended before the branch did")

func (b *TypedBranch[T]) label() string { return b.name }

func (b *TypedBranch[T]) missing() bool { return b == nil || b.fn == nil }

func (b *TypedBranch[T]) check(s Serdes, what string) error { return checkType[T](s, recorded, what) }

func (b *TypedBranch[T]) run(ctx Context) (any, error) { return b.fn(ctx) }

func (b *TypedBranch[T]) encode(ctx context.Context, s Serdes, what string, v any) (string, any, error) {
	typed, _ := v.(T)
	payload, read, err := encodeValue(ctx, s, what, typed)
	return payload, read, err
}

func (b *TypedBranch[T]) decode(ctx context.Context, s Serdes, what string, payload *string) (any, error) {
	return decodeValue[T](ctx, s, what, payload)
}
