// Package typechange records other types than perdure_types.go says.
package typechange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/perdure/perdure/durable"
)

func zero[T any](context.Context) (v T, err error) { return v, nil }

type payment struct {
	ID    string `json:"id"`
	Extra int    `json:"extra"`
}

type item struct {
	SKU string `json:"name"`
}

type cents struct {
	Cents int64 `json:"cents"`
}

type tree struct {
	Kids []tree `json:"kids"`
	Leaf bool
}

type input struct {
	Order struct {
		ID    string   `json:"id"`
		Lines []string `json:"lines"`
	} `json:"order"`
}

func handle(ctx durable.Context, in input) (int, error) {
	_, e1 := durable.Step(ctx, "lost", zero[payment])                               // want `typechange: what Step "lost" has recorded does not fit its type any more: amount is gone; executions that are open would read it wrongly: keep it readable, or give the operation another name behind a durable.Version`
	_, e2 := durable.Step(ctx, "renamed", zero[cents])                              // want `amount is gone \(is it cents now\?\)`
	_, e3 := durable.Step(ctx, "kind", zero[struct{ N int }])                       // want `n was string and is int`
	_, e4 := durable.Step(ctx, "list", zero[[]item])                                // want `\[\].sku is gone \(is it name now\?\)`
	_, e5 := durable.Step(ctx, "list to one", zero[item])                           // want `the value was a list and is an object`
	_, e6 := durable.Step(ctx, "map", zero[payment])                                // want `the value was a map and is an object`
	_, e7 := durable.Step(ctx, "marshaler", zero[int64])                            // want `the value was time.Time and is int64`
	_, e8 := durable.Step(ctx, "narrow", zero[int8])                                // want `the value was int64 and is int8`
	_, e9 := durable.Step(ctx, "shrunk", zero[[2]int])                              // want `the value was an array of 4 and is an array of 2`
	_, e10 := durable.Step(ctx, "to map", zero[map[string]int])                     // want `b was string and is int`
	_, e11 := durable.Step(ctx, fmt.Sprintf("ship-%d", in.Order.ID), zero[item])    // want `what Step "ship-%d" has recorded .* parcel is gone`
	_, e12 := durable.WaitForCondition(ctx, "poll-"+in.Order.ID, item{}, poll)      // want `what WaitForCondition "poll-\*" has recorded .* seen is gone`
	_, e13 := durable.Map(ctx, "all", []int{1}, ship)                               // want `what Map "all" has recorded .* sku is gone`
	_, e14 := durable.Invoke(ctx, "pay", durable.Function[int, item]{Name: "f"}, 1) // want `what Invoke "pay" has recorded .* id is gone`
	return 0, errors.Join(e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12, e13, e14)
}

func poll(_ context.Context, s item) (item, bool, error) { return s, true, nil }

func ship(_ durable.Context, n, _ int) (item, error) { return item{}, nil }

func main() {
	durable.Start(handle) // want `what input "handle" has recorded .* order.lines\[\] was an object and is string`
}

// What follows is right.

func right(ctx durable.Context, _ any) error {
	_, e1 := durable.Step(ctx, "added", zero[*payment])
	_, e2 := durable.Step(ctx, "any", zero[json.RawMessage])
	_, e3 := durable.Step(ctx, "case", zero[payment])
	_, e4 := durable.Step(ctx, "wide", zero[int])
	_, e5 := durable.Step(ctx, "tree", zero[tree])
	_, e6 := durable.Step(ctx, "twice", zero[struct {
		A int `json:"a"`
	}])
	_, e7 := durable.Step(ctx, "twice", zero[struct {
		B int `json:"b"`
	}])
	_, e8 := durable.Step(ctx, "new", zero[time.Time])
	return errors.Join(e1, e2, e3, e4, e5, e6, e7, e8)
}
