package main

import (
	"context"
	"sync/atomic"

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
	calls  atomic.Int64
	asked  int64
	orders []string
)

func handler(ctx durable.Context, in string) error {
	total++                    // want `globals: writes total, a variable of the package`
	cache[in] = 1              // want `writes cache`
	delete(cache, in)          // want `writes cache`
	price.Now = nil            // want `writes price.Now`
	_ = limit                  // want `reads limit, which setLimit writes at globals.go:\d+`
	_ = byStep                 // want `reads byStep, which handler writes`
	_, _ = rates[in], fixed    // nobody writes them
	_, _ = region, table       // before durable.Start
	_ = client                 // a pointer, to be used in steps
	calls.Add(1)               // want `writes calls`
	atomic.AddInt64(&asked, 1) // want `writes asked`
	_ = price.Number()         // want `globals: calls price.Number, which adds to quotes at price.go:\d+: each run writes it again`
	_ = next()                 // want `calls next, which calls enlist at globals.go:\d+, which adds to orders`
	_ = price.Known(in)        // it is the same each time
	_, err := durable.Step(ctx, "step", func(context.Context) (int, error) {
		byStep = in
		calls.Add(int64(next()))
		return limit + len(cache), nil
	})
	return err
}

func next() int { return len(enlist("new")) }

func enlist(order string) []string {
	orders = append(orders, order)
	return orders
}

// A shop has a method that is the handler.
type shop struct{ served, read int }

func (s *shop) handle(ctx durable.Context, in string) (bool, error) {
	s.served++ // want `globals: writes s.served, which all executions in the process share: each run writes it again`
	visit := &shop{read: s.read}
	visit.served++
	visit.enter(ctx)
	s = visit
	return true, nil
}

// enter is a method of what a run makes for itself.
func (s *shop) enter(durable.Context) { s.served++ }

func setLimit(n int) { limit = n; client = &n }

func init() { region = "eu" }

func load() { table = "orders" }

func main() {
	load()
	region = "us"
	durable.Start((&shop{}).handle)
	runs := 0
	durable.Start(func(ctx durable.Context, in string) (bool, error) {
		runs++ // want `writes runs, which all executions in the process share`
		own := 0
		own++
		return true, nil
	})
	durable.Start(func(ctx durable.Context, in string) (bool, error) { return true, handler(ctx, in) })
}
