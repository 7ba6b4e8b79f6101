package durable

import (
	"fmt"

	"github.com/perdure/perdure/protocol"
)

var (
	parallelKind = &kind{call: "durable.Parallel", typ: protocol.TypeContext, subType: protocol.SubTypeParallel}
	branchKind   = &kind{call: "branch", typ: protocol.TypeContext, subType: protocol.SubTypeParallelBranch}
)

// Branch is one of the functions that [Parallel] runs. A branch without a name
// is called parallel-branch-0, parallel-branch-1, … after its index.
type Branch[T any] struct {
	Name string
	Func func(Context) (T, error)
}

// Parallel runs the branches at the same time, each in a context of its own, and
// returns their results in the order of the branches. Everything else is as for
// [Map]. Where results have different types, [Go] and [Join] have them checked by
// the compiler; a limit of concurrency, or tolerated failures, goes with branches
// of [encoding/json.RawMessage].
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
		if branches[i].Func == nil { // now, though it was there when the batch began
			return missing[Context, T](ctx)
		}
		return branches[i].Func(ctx)
	})
	return runBatch(ctx, parallelKind, branchKind, name, cfg, named, work, bad)
}
