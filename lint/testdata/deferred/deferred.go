package deferred

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/lint/testdata/price"
)

func release(context.Context) (bool, error) { return true, nil }

func undo(ctx durable.Context) {
	_, _ = durable.Step(ctx, "undo", release)
}

func handler(ctx durable.Context, g price.Gateway) (err error) {
	defer durable.Wait(ctx, "wait", 1) // want `deferred: makes an operation when the function ends, which it does at each suspension`
	defer undo(ctx)                    // want `makes an operation`
	defer func() {
		if err != nil {
			_, _ = durable.Step(ctx, "release", release) // want `makes an operation`
			undo(ctx)                                    // want `makes an operation`
			_ = g.Charge(ctx, -1)                        // want `calls price.Gateway.Charge when the function ends`
		}
	}()
	defer func() {
		_ = recover()
		undo(ctx) // want `makes an operation`
	}()
	defer http.Get("http://example.com/done")          // want `calls http.Get when the function ends`
	defer fmt.Println("done")                          // want `calls fmt.Println when the function ends`
	defer func() { _ = os.Remove("lock") }()           // want `calls os.Remove when the function ends`
	defer price.Print("done")                          // want `calls price.Print, which calls fmt.Println at price.go:\d+ when the function ends`
	defer func() { func() { _ = os.Remove("x") }() }() // want `calls os.Remove when the function ends`
	return nil
}

func fine(ctx durable.Context, f *os.File) (err error) {
	ctx2, cancel := context.WithCancel(ctx)
	defer cancel()
	_ = ctx2
	defer f.Close()
	defer ctx.Logger().Info("done")
	defer func() {
		if err != nil {
			err = fmt.Errorf("order: %w", err)
		}
		ctx.Logger().Info("ended", "error", err)
	}()
	defer func() {
		if !errors.Is(context.Cause(ctx), durable.ErrSuspended) {
			fmt.Println("ended")
		}
	}()
	defer func() {
		if r := recover(); r != nil {
			_, err = durable.Step(ctx, "release", release)
		}
	}()
	defer func() {
		if recover() != nil {
			undo(ctx)
		}
	}()
	_, err = durable.Step(ctx, "step", func(ctx context.Context) (bool, error) {
		defer os.Remove("x")
		defer fmt.Println("step")
		return true, nil
	})
	return err
}
