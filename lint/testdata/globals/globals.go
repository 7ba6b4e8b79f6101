package main

import (
	"context"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/lint/testdata/price"
)

var (
	total  int
	limit  = 10
	rates  = map[string]int{"a": 1}
	cache  = map[string]int{}
	region string
	table  string
	fixed  = []string{"a"}
	client *int
	byStep string
)

func handler(ctx durable.Context, in string) error {
	total++                 // want `globals: writes total, a variable of the package`
	cache[in] = 1           // want `writes cache`
	delete(cache, in)       // want `writes cache`
	price.Now = nil         // want `writes price.Now`
	_ = limit               // want `reads limit, which setLimit writes at globals.go:\d+`
	_ = byStep              // want `reads byStep, which handler writes`
	_, _ = rates[in], fixed // nobody writes them
	_, _ = region, table    // before durable.Start
	_ = client              // a pointer, to be used in steps
	_, err := durable.Step(ctx, "step", func(context.Context) (int, error) {
		byStep = in
		return limit + len(cache), nil
	})
	return err
}

func setLimit(n int) { limit = n; client = &n }

func init() { region = "eu" }

func load() { table = "orders" }

func main() {
	load()
	region = "us"
	durable.Start(func(ctx durable.Context, in string) (bool, error) { return true, handler(ctx, in) })
}
