// Handlers is the functions that AWS's conformance requirements for durable
// functions invoke, written with package durable. Each requirement describes
// the function that it wants; here that function has the requirement's id for
// a name. The others are targets of chained invocations.
//
//	handlers         serve as the function that AWS_LAMBDA_FUNCTION_NAME names
//	handlers list    print the functions, and the execution timeouts of those that have one
package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/perdure/perdure/durable"
)

// suite maps the names of functions to them.
type suite map[string]function

// function is a handler as main serves it, and as a test runs it.
type function struct {
	start   func()
	handler func(durable.Context, json.RawMessage) (json.RawMessage, error)
	options []durable.HandlerOption
}

var suites = []suite{steps, waits, children, callbacks, invokes, targets, conditions, callbackWaits, parallels, mappings, plugins,
	traces, telemetry}

// functions merges the suites.
func functions() suite {
	all := suite{}
	for _, s := range suites {
		maps.Copy(all, s)
	}
	return all
}

// serve makes an entry of a suite.
func serve[In, Out any](handler func(durable.Context, In) (Out, error), opts ...durable.HandlerOption) function {
	return function{func() { durable.Start(handler, opts...) }, onJSON(handler), opts}
}

// onJSON is a handler between any event and any result.
func onJSON[In, Out any](handler func(durable.Context, In) (Out, error)) func(durable.Context, json.RawMessage) (json.RawMessage, error) {
	return func(ctx durable.Context, event json.RawMessage) (json.RawMessage, error) {
		var in In
		if err := json.Unmarshal(event, &in); err != nil {
			return nil, err
		}
		out, err := handler(ctx, in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "list" {
		list()
		return
	}
	name := os.Getenv("AWS_LAMBDA_FUNCTION_NAME")
	f, ok := functions()[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "there is no function called %q; the argument list shows all\n", name)
		os.Exit(2)
	}
	f.start()
}

func list() {
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"functions":         slices.Sorted(maps.Keys(functions())),
		"executionTimeouts": executionTimeouts,
	})
}
