// Package contextuse has durable contexts where they do not belong.
package contextuse

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/lint/testdata/contextuse/helper"
)

type none = struct{}

func count(context.Context) (int, error) { return 1, nil }

func inStep(ctx durable.Context, _ any) (none, error) {
	return durable.Step(ctx, "s", func(context.Context) (none, error) {
		return none{}, durable.Wait(ctx, "w", time.Second) // want `contextuse: a durable context is used in the body of step "s", where no operation can be made; do it before or after, or make the whole a child context`
	})
}

func helperInStep(ctx durable.Context, _ any) (none, error) {
	return durable.Step(ctx, "s", func(context.Context) (none, error) {
		return none{}, helper.Pause(ctx) // want `used in the body of step "s"`
	})
}

func plainInStep(ctx durable.Context, _ any) (*http.Request, error) {
	return durable.Step(ctx, "s", func(c context.Context) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, "GET", "http://x", nil) // want `the body of step "s" uses the workflow's context in place of its own`
	})
}

func keyInStep(ctx durable.Context, _ any) (string, error) {
	return durable.Step(ctx, "s", func(context.Context) (string, error) {
		return durable.IdempotencyKey(ctx), nil // want `in place of its own, which knows the attempt, its timeout and its idempotency key`
	})
}

func logInStep(ctx durable.Context, _ any) (none, error) {
	return durable.Step(ctx, "s", func(c context.Context) (none, error) {
		ctx.Logger().Info("charging") // want `logs by the workflow's context, which is silent on a replay`
		return none{}, nil
	})
}

func inCondition(ctx durable.Context, _ any) (int, error) {
	return durable.WaitForCondition(ctx, "c", 0, func(_ context.Context, n int) (int, bool, error) {
		n, err := durable.Step(ctx, "s", count) // want `used in the body of durable.WaitForCondition "c"`
		return n, true, err
	})
}

func inCompensation(ctx durable.Context, _ any) (int, error) {
	return durable.RunSaga(ctx, "saga", func(ctx durable.Context, s *durable.Saga) (int, error) {
		s.Compensate("undo", func(context.Context) error {
			return durable.Wait(ctx, "w", time.Second) // want `used in the body of compensation "undo"`
		})
		return 1, nil
	})
}

func parentInChild(ctx durable.Context, _ any) (int, error) {
	return durable.RunInChildContext(ctx, "c", func(child durable.Context) (int, error) {
		return durable.Step(ctx, "s", count) // want `the function of child context "c" uses a context from around it in place of its own`
	})
}

func parentInUnnamed(ctx durable.Context, _ any) (int, error) {
	return durable.RunInChildContext(ctx, "c", func(durable.Context) (int, error) {
		return durable.Step(ctx, "s", count) // want `the function of child context "c" uses a context from around`
	})
}

func parentInMap(ctx durable.Context, in []int) ([]int, error) {
	r, err := durable.Map(ctx, "m", in, func(_ durable.Context, n, _ int) (int, error) {
		return durable.Step(ctx, "s", count) // want `the function of durable.Map "m"`
	})
	return r.Values(), err
}

func parentInGo(ctx durable.Context, _ any) (int, error) {
	with := durable.With(ctx)
	f := durable.Go(ctx, "f", func(ctx durable.Context) (int, error) {
		return durable.Step(with, "s", count) // want `the function of durable.Go "f"`
	})
	return f.Result(ctx)
}

func parentInTask(ctx durable.Context, _ any) error {
	g := new(durable.Graph)
	durable.AddTask(g, "t", func(c durable.Context) (int, error) {
		return durable.Step(ctx, "s", count) // want `the function of task "t"`
	})
	return g.Run(ctx, "g")
}

func parentInBranch(ctx durable.Context, _ any) error {
	_, err := durable.Parallel(ctx, "p", []durable.Branch[int]{{Func: func(c durable.Context) (int, error) {
		return durable.Step(ctx, "s", count) // want `the function of durable.Parallel "p"`
	}}})
	return err
}

func onGoroutine(ctx durable.Context, _ any) error {
	go func() {
		durable.Wait(ctx, "w", time.Second) // want `a durable context is used on another goroutine; the order of operations would differ from run to run; start the work with durable.Go`
	}()
	go helper.Pause(ctx) // want `used on another goroutine`
	var group sync.WaitGroup
	group.Go(func() {
		helper.Pause(ctx) // want `used on another goroutine`
	})
	time.AfterFunc(time.Second, func() {
		helper.Pause(ctx) // want `used on another goroutine`
	})
	http.HandleFunc("/", func(http.ResponseWriter, *http.Request) {
		helper.Pause(ctx) // want `used on another goroutine`
	})
	helper.Background(func() {
		helper.Pause(ctx) // want `used on another goroutine`
	})
	beside(func() {
		helper.Pause(ctx) // want `used on another goroutine`
	})
	later := func() {
		helper.Pause(ctx) // want `used on another goroutine`
	}
	go later()
	return nil
}

func beside(f func()) {
	go func() { f() }()
}

var global durable.Context

type server struct {
	ctx durable.Context
}

func (s *server) handle(ctx durable.Context, _ any) (int, error) {
	s.ctx = ctx  // want `a durable context is stored in a field of what its function was given, where it outlives its function`
	global = ctx // want `a durable context is stored in a package variable`
	return durable.Step(ctx, "s", s.step)
}

func (s *server) step(context.Context) (int, error) {
	return 1, durable.Wait(s.ctx, "w", time.Second) // want `used in the body of step "s"`
}

func kept(ctx durable.Context, _ any) (int, error) {
	var outer durable.Context
	var undo *durable.Saga
	ch := make(chan durable.Context, 1)
	_, err := durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (int, error) {
		outer = ctx // want `a durable context is stored in a variable outside of its function`
		ch <- ctx   // want `a durable context is sent on a channel`
		return 1, nil
	})
	if err != nil {
		return 0, err
	}
	_, err = durable.RunSaga(outer, "saga", func(ctx durable.Context, s *durable.Saga) (int, error) {
		undo = s // want `a durable saga is stored in a variable outside`
		return 1, nil
	})
	undo.Compensate("late", nil)
	return 1, err
}

func returned(ctx durable.Context, _ any) (any, error) {
	return durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (any, error) {
		return ctx, nil // want `the function of child context "c" returns a durable context, which ends with it`
	})
}

func fieldInChild(ctx durable.Context, _ any) (int, error) {
	w := &server{ctx: ctx}
	return durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (int, error) {
		return durable.Step(w.ctx, "s", count) // want `the function of child context "c" uses a context from around`
	})
}

// What follows is right.

func right(ctx durable.Context, in []int) (int, error) {
	ctx = durable.With(ctx, durable.WithLogger(ctx.Logger()))
	w := &server{ctx: ctx}
	w.ctx = ctx
	if _, err := durable.Step(w.ctx, "own", count); err != nil {
		return 0, err
	}
	helper.Now(func() { helper.Pause(ctx) })
	relog := func() { ctx = durable.With(ctx) }
	relog()
	total, err := durable.Step(ctx, "s", func(c context.Context) (int, error) {
		go func() { <-c.Done() }()
		durable.Logger(c).Info(durable.ExecutionARN(ctx), "start", ctx.StartTime(), "arn", ctx.ExecutionARN())
		return len(in), c.Err()
	})
	if err != nil {
		return 0, err
	}
	f := durable.Go(ctx, "f", func(ctx durable.Context) (int, error) {
		return durable.RunInChildContext(ctx, "c", func(ctx durable.Context) (int, error) {
			return total, helper.Pause(ctx)
		})
	})
	return f.Result(ctx)
}

func withDefaults(ctx durable.Context) durable.Context { return durable.With(ctx) }

type workflow struct {
	durable.Context
	name string
}

func embedded(ctx durable.Context, _ any) (int, error) {
	w := workflow{Context: ctx, name: "x"}
	return durable.Step(w, w.name, count)
}

func progress(ctx durable.Context, _ any) {
	go func() { <-ctx.Done() }()
}
