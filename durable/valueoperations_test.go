package durable_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/offload"
	"github.com/perdure/perdure/durable/retry"
)

// valueOperations are the ways by which a value comes to the code, by name.
func valueOperations[T any](v T) map[string]func(ctx durable.Context) (any, error) {
	stored := offload.Values{Store: new(cupboard), Over: -1}
	body := func(context.Context) (T, error) { return v, nil }
	work := func(durable.Context) (T, error) { return v, nil }
	item := func(durable.Context, int, int) (T, error) { return v, nil }
	mapped := func(opts ...durable.BatchOption) func(ctx durable.Context) (any, error) {
		return func(ctx durable.Context) (any, error) {
			r, err := durable.Map(ctx, "op", []int{1, 2}, item, opts...)
			return r.Items, err
		}
	}
	return map[string]func(ctx durable.Context) (any, error){
		"Step": func(ctx durable.Context) (any, error) { return durable.Step(ctx, "op", body) },
		"Step, own Serdes": func(ctx durable.Context) (any, error) {
			return durable.Step(ctx, "op", body, durable.WithSerdes(own{}))
		},
		"Step, stored": func(ctx durable.Context) (any, error) {
			return durable.Step(ctx, "op", body, durable.WithSerdes(stored))
		},
		"RunInChildContext": func(ctx durable.Context) (any, error) { return durable.RunInChildContext(ctx, "op", work) },
		"RunInChildContext, timed": func(ctx durable.Context) (any, error) {
			return durable.RunInChildContext(ctx, "op", work, durable.WithTimeout(time.Hour))
		},
		"RunInChildContext, virtual": func(ctx durable.Context) (any, error) {
			return durable.RunInChildContext(ctx, "op", func(ctx durable.Context) (T, error) { return durable.Step(ctx, "op", body) }, durable.WithVirtual())
		},
		"RunSaga": func(ctx durable.Context) (any, error) {
			return durable.RunSaga(ctx, "op", func(durable.Context, *durable.Saga) (T, error) { return v, nil })
		},
		"Retry": func(ctx durable.Context) (any, error) {
			return durable.Retry(ctx, "op", func(durable.Context, int) (T, error) { return v, nil })
		},
		"Graph": func(ctx durable.Context) (any, error) {
			g := new(durable.Graph)
			a := durable.AddTask(g, "a", work)
			b := durable.AddTask(g, "b", func(durable.Context) (T, error) { return a.Value(), nil }).After(a)
			err := g.Run(ctx, "op")
			return []T{a.Value(), b.Value()}, err
		},
		"Go": func(ctx durable.Context) (any, error) { return durable.Go(ctx, "op", work).Result(ctx) },
		"All": func(ctx durable.Context) (any, error) {
			return durable.All(ctx, "op", durable.Go(ctx, "a", work), durable.Go(ctx, "b", work))
		},
		"AllSettled": func(ctx durable.Context) (any, error) {
			ends, err := durable.AllSettled(ctx, "op", durable.Go(ctx, "a", work), durable.Go(ctx, "b", work))
			for _, end := range ends {
				err = errors.Join(err, end.Err)
			}
			return ends, err
		},
		"Race": func(ctx durable.Context) (any, error) {
			return durable.Race(ctx, "op", forever2[T](ctx), durable.Go(ctx, "a", work))
		},
		"Map":                mapped(),
		"Map, flat":          mapped(durable.WithFlat()),
		"Map, own Serdes":    mapped(durable.WithSerdes(own{})),
		"Map, items' Serdes": mapped(durable.WithItemSerdes(own{})),
		"Map, too large": func(ctx durable.Context) (any, error) {
			type padded struct {
				V   T
				Pad string
			}
			r, err := durable.Map(ctx, "op", []int{1}, func(durable.Context, int, int) (padded, error) { return padded{v, strings.Repeat("x", 300<<10)}, nil })
			return r.Items, err
		},
		"Parallel": func(ctx durable.Context) (any, error) {
			r, err := durable.Parallel(ctx, "op", []durable.Branch[T]{{Func: work}})
			return r.Items, err
		},
		"WaitForCondition": func(ctx durable.Context) (any, error) {
			var saw []T
			last, err := durable.WaitForCondition(ctx, "op", v, func(ctx context.Context, state T) (T, bool, error) {
				saw = append(saw, state)
				return v, durable.Attempt(ctx) == 2, nil
			}, durable.WithPolling(retry.Fixed(2, time.Second)))
			for i := range saw {
				if err == nil && !reflect.DeepEqual(saw[i], last) {
					return nil, fmt.Errorf("call %d saw %#v, and the end is %#v", i+1, saw[i], last)
				}
			}
			return last, err
		},
		"Invoke": func(ctx durable.Context) (any, error) {
			return durable.Invoke(ctx, "op", durable.Function[T, T]{Name: "echo:1"}, v)
		},
		"Callback": func(ctx durable.Context) (any, error) {
			c, err := durable.CreateCallback[T](ctx, "op")
			if err != nil {
				return nil, err
			}
			return c.Result(ctx)
		},
		"WaitForCallback": func(ctx durable.Context) (any, error) {
			return durable.WaitForCallback[T](ctx, "op", func(context.Context, string) error { return nil })
		},
	}
}

func forever2[T any](ctx durable.Context) *durable.Future[T] {
	return durable.Go(ctx, "forever", func(ctx durable.Context) (v T, err error) { return v, durable.Wait(ctx, "for-ever", 300*24*time.Hour) })
}
