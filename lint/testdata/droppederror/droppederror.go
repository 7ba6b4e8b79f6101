// Package droppederror has errors of operations that nobody looks at.
package droppederror

import (
	"context"
	"errors"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/lint/testdata/droppederror/helper"
)

type receipt struct{ ID string }

func count(context.Context) (int, error) { return 1, nil }

func statements(ctx durable.Context, _ any) (receipt, error) {
	durable.Wait(ctx, "w", time.Second)   // want `droppederror: the error of durable.Wait "w" is dropped: the workflow would go on as if it had succeeded, and record what it does then; return the error`
	durable.Step(ctx, "s", count)         // want `the error of step "s" is dropped`
	helper.Pause(ctx)                     // want `the error of Pause is dropped`
	local(ctx)                            // want `the error of local is dropped`
	defer durable.Step(ctx, "d", count)   // the rule deferred
	_ = durable.Wait(ctx, "w", 1e9)       // want `the error of durable.Wait "w" is dropped`
	n, _ := durable.Step(ctx, "n", count) // want `the error of step "n" is dropped`
	_, _ = durable.Step(ctx, "n", count)  // want `the error of step "n" is dropped`
	_ = n
	pause := func() error { return helper.Pause(ctx) }
	pause() // want `the error of pause is dropped`
	var g durable.Graph
	g.Run(ctx, "g") // want `the error of durable.Graph.Run "g" is dropped`
	return receipt{}, nil
}

func local(ctx durable.Context) error {
	n, err := durable.Step(ctx, "s", count)
	if err != nil {
		return err
	}
	if n > 3 {
		return errors.New("many")
	}
	return nil
}

func handles(ctx durable.Context, in []int) (int, error) {
	cb, err := durable.CreateCallback[int](ctx, "cb")
	if err != nil {
		return 0, err
	}
	v, _ := cb.Result(ctx) // want `the error of durable.Callback.Result is dropped`
	f := durable.Go(ctx, "f", func(ctx durable.Context) (int, error) { return durable.Step(ctx, "s", count) })
	f.Result(ctx)                                                                                         // want `the error of durable.Future.Result is dropped`
	f.Cancel(ctx)                                                                                         // want `the error of durable.Future.Cancel is dropped`
	r, _ := durable.Map(ctx, "m", in, func(ctx durable.Context, n, _ int) (int, error) { return n, nil }) // want `the error of durable.Map "m" is dropped`
	return v + len(r.Values()), nil
}

func futures(ctx durable.Context, _ any) (int, error) {
	work := func(ctx durable.Context) (int, error) { return durable.Step(ctx, "s", count) }
	durable.Go(ctx, "a", work)      // want `nobody waits for the future of durable.Go "a": its error is dropped, and its work is abandoned when the function returns; keep it, and call its Result`
	_ = durable.Go(ctx, "b", work)  // want `nobody waits for the future of durable.Go "b"`
	c := durable.Go(ctx, "c", work) // want `nobody waits for the future of durable.Go "c"`
	<-c.Done()
	d := durable.Go(ctx, "d", work) // want `nobody waits for the future of durable.Go "d"`
	_ = d
	return 0, nil
}

func overwritten(ctx durable.Context, _ any) (int, error) {
	a, err := durable.Step(ctx, "a", count) // want `the error of step "a" is dropped: it is overwritten, or nobody looks at it; check it, and return it`
	b, err := durable.Step(ctx, "b", count)
	if err != nil {
		return 0, err
	}
	err = durable.Wait(ctx, "w", time.Second) // want `the error of durable.Wait "w" is dropped`
	if err = helper.Pause(ctx); err != nil {
		return 0, err
	}
	return a + b, nil
}

// What follows is right.

func right(ctx durable.Context, in []int) (n int, err error) {
	if err := durable.Wait(ctx, "w", time.Second); err != nil {
		return 0, err
	}
	helper.Try(ctx)
	helper.Check(ctx, 3)
	durable.Version(ctx, "v", 1)
	durable.UUID(ctx)
	n, err = durable.Step(ctx, "s", count)
	if err != nil {
		n, err = durable.Step(ctx, "other", count)
	}
	if err != nil {
		return 0, err
	}
	r, _ := durable.Map(ctx, "m", in, func(ctx durable.Context, n, _ int) (int, error) { return n, nil })
	if err := r.Err(); err != nil {
		return 0, err
	}
	f := durable.Go(ctx, "f", func(ctx durable.Context) (int, error) { return durable.Step(ctx, "s", count) })
	g := durable.Go(ctx, "g", func(ctx durable.Context) (int, error) { return durable.Step(ctx, "s", count) })
	_, failed := g.Result(ctx)
	v, err := durable.All(ctx, "all", f)
	return len(v), errors.Join(failed, err)
}

func closure(ctx durable.Context, _ any) error {
	_, err := durable.Step(ctx, "s", count)
	report := func() { ctx.Logger().Info("done", "err", err) }
	report()
	err = durable.Wait(ctx, "w", time.Second)
	return err
}

func named(ctx durable.Context, _ any) (err error) {
	err = durable.Wait(ctx, "w", time.Second)
	return
}

func joined(ctx durable.Context, _ any) (int, error) {
	work := func(ctx durable.Context) (int, error) { return durable.Step(ctx, "s", count) }
	a, b := durable.Go(ctx, "a", work), durable.Go(ctx, "b", work)
	if err := durable.Join(ctx, "both", a, b); err != nil {
		return 0, err
	}
	n, _ := a.Result(ctx)
	m, _ := b.Result(ctx)
	return n + m, nil
}

func undo(ctx durable.Context, _ any) (int, error) {
	n, err := durable.Step(ctx, "s", count)
	if err != nil {
		_, _ = durable.Step(ctx, "release", count)
		_ = helper.Pause(ctx)
		return 0, err
	}
	return n, nil
}

func discarded(ctx durable.Context, _ any) (int, error) {
	err := local(ctx)
	if err != nil {
		return 0, err
	}
	n, failed := durable.Step(ctx, "s", count) // want `the error of step "s" is dropped: it is overwritten, or nobody looks at it`
	_ = failed
	m, err := durable.Step(ctx, "t", count) // want `the error of step "t" is dropped: it is overwritten, or nobody looks at it`
	return n + m, nil
}

func rounds(ctx durable.Context, _ any) error {
	var err error
	for range 3 {
		if err != nil {
			ctx.Logger().Error("the last round", "err", err)
		}
		_, err = durable.Step(ctx, "s", count)
	}
	if _, err := durable.Step(ctx, "s", count); err != nil {
		return err
	}
	return nil
}
