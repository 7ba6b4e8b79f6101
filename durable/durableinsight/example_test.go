package durableinsight_test

import (
	"context"
	"fmt"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/durableinsight"
)

// A sink of one's own, which only tells of failures.
func ExampleSinkFunc() {
	sink := durableinsight.SinkFunc(func(_ context.Context, records []durableinsight.Record) error {
		for _, r := range records {
			if r.Error != nil {
				fmt.Println(r.ExecutionName, "failed with", r.Error.Name)
			}
		}
		return nil
	})
	durable.NewHandler(handler, durable.WithPlugins(durableinsight.New(sink, durableinsight.Config{})))
	sink.Deliver(context.Background(), []durableinsight.Record{
		{ExecutionName: "o-1", Status: "SUCCEEDED"},
		{ExecutionName: "o-2", Status: "FAILED", Error: &durableinsight.Error{Name: "CardDeclined"}},
	})
	// Output: o-2 failed with CardDeclined
}

// Records of a tenth of all executions in one file, without inputs, with the
// result of one step, and operations summed up by name.
func ExampleNew() {
	records := durableinsight.New(durableinsight.File("/mnt/insight/greetings.jsonl"), durableinsight.Config{
		Sampling: 0.1,
		Input:    durableinsight.Omit,
		Results:  map[string]durableinsight.Transform{"greet": durableinsight.AsIs},
		Format:   durableinsight.ByName,
	})
	durable.NewHandler(handler, durable.WithPlugins(records)) // or Start, in a function
	// Output:
}

func handler(ctx durable.Context, name string) (string, error) {
	return durable.Step(ctx, "greet", func(context.Context) (string, error) { return "Hello, " + name, nil })
}
