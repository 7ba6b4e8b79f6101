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

// suite maps the names of functions to what serves them.
type suite map[string]func()

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
func serve[In, Out any](handler func(durable.Context, In) (Out, error), opts ...durable.HandlerOption) func() {
	return func() { durable.Start(handler, opts...) }
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "list" {
		list()
		return
	}
	name := os.Getenv("AWS_LAMBDA_FUNCTION_NAME")
	start := functions()[name]
	if start == nil {
		fmt.Fprintf(os.Stderr, "there is no function called %q; the argument list shows all\n", name)
		os.Exit(2)
	}
	start()
}

func list() {
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"functions":         slices.Sorted(maps.Keys(functions())),
		"executionTimeouts": executionTimeouts,
	})
}
