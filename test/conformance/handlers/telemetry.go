package main

import (
	"context"
	"os"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/durableinsight"
)

// telemetry has each function twice: its record is made by the plugin, in the
// file that takes the log group's place, or by the engine.
var telemetry = suite{
	"telemetry-1": serve(increment, durable.WithPlugins(durableinsight.New(records,
		durableinsight.Config{Format: durableinsight.ByName}))),
	"telemetry-1-engine": serve(increment),
}

var records = durableinsight.File(os.Getenv("TELEMETRY_LOG_GROUP_NAME"))

type counted struct {
	Value int `json:"value"`
}

func increment(ctx durable.Context, in counted) (counted, error) {
	return durable.Step(ctx, "increment", func(context.Context) (counted, error) { return counted{in.Value + 1}, nil })
}
