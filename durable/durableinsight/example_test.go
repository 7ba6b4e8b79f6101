package durableinsight_test

import (
	"context"
	"fmt"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/durableinsight"
)

// A sink of one's own, which only counts failures.
func ExampleSinkFunc() {
	sink := durableinsight.SinkFunc(func(_ context.Context, records []durableinsight.Record) error {
		for _, r := range records {
			if r.Error != nil {
				fmt.Println(r.Name, "failed with", r.Error.Type)
			}
		}
		return nil
	})
	durable.NewHandler(handler, durable.WithPlugins(durableinsight.New(sink, durableinsight.Config{})))
	sink.Deliver(context.Background(), two)
	// Output: charge failed with CardDeclined
}

// Records of all executions in one file, with the first kilobyte of inputs and
// results.
func ExampleNew() {
	records := durableinsight.New(durableinsight.File("/mnt/insight/greetings.jsonl"), durableinsight.Config{Payloads: 1 << 10})
	durable.NewHandler(handler, durable.WithPlugins(records)) // or Start, in a function
	// Output:
}

func handler(ctx durable.Context, name string) (string, error) {
	return durable.Step(ctx, "greet", func(context.Context) (string, error) { return "Hello, " + name, nil })
}
