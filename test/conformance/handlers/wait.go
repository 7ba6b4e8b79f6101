package main

import (
	"time"

	"github.com/perdure/perdure/durable"
)

var waits = suite{
	"2-1": serve(func(ctx durable.Context, _ any) (any, error) { return nil, durable.Wait(ctx, "", 2*time.Second) }),
	"2-2": serve(func(ctx durable.Context, _ any) (any, error) {
		return nil, durable.Wait(ctx, "custom_wait_name", 2*time.Second)
	}),
	"2-3": serve(twoWaits),
	"2-4": serve(func(ctx durable.Context, _ any) (any, error) { return nil, durable.Wait(ctx, "", time.Minute) }),
	"2-5": serve(func(ctx durable.Context, _ any) (any, error) { return nil, durable.Wait(ctx, "", time.Hour) }),
}

func twoWaits(ctx durable.Context, _ any) (map[string]int, error) {
	done := 0
	for _, name := range []string{"wait-1", "wait-2"} {
		if err := durable.Wait(ctx, name, 2*time.Second); err != nil {
			return nil, err
		}
		done++
	}
	return map[string]int{"completedWaits": done}, nil
}
