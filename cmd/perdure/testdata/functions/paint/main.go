// Command paint is a durable function that says which build of it runs before
// and after somebody answered its callback.
package main

import (
	"context"

	"github.com/perdure/perdure/durable"
)

var color = "none" // set when it is built

type result struct {
	Before, After, Answer string
}

func handler(ctx durable.Context, _ any) (result, error) {
	before, err := durable.Step(ctx, "before", func(context.Context) (string, error) { return color, nil })
	if err != nil {
		return result{}, err
	}
	callback, err := durable.CreateCallback[string](ctx, "dry")
	if err != nil {
		return result{}, err
	}
	answer, err := callback.Result(ctx)
	return result{before, color, answer}, err
}

func main() { durable.Start(handler) }
