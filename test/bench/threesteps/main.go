// Command threesteps is the function that the benchmarks run: three short steps
// in a row, which is three checkpoints.
package main

import (
	"context"

	"github.com/perdure/perdure/durable"
)

func main() { durable.Start(handle) }

func handle(ctx durable.Context, _ any) (int, error) {
	sum := 0
	for _, name := range []string{"validate", "pay", "fulfil"} {
		n, err := durable.Step(ctx, name, func(context.Context) (int, error) { return len(name), nil })
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}
