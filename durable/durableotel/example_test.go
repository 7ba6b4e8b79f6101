package durableotel_test

import (
	"context"
	"log"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/durableotel"
)

// Where spans go, and what the service is called, is in OpenTelemetry's
// environment variables.
func ExampleNew() {
	exporter, err := otlptracehttp.New(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), durableotel.WithIDs())
	otel.SetTracerProvider(provider)
	durable.Start(handler, durable.WithPlugins(durableotel.New(provider, durableotel.Config{})))
}

func handler(ctx durable.Context, name string) (string, error) {
	return durable.Step(ctx, "greet", func(context.Context) (string, error) { return "Hello, " + name, nil })
}
