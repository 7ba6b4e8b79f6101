package engine_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/engine/sqlitestore"
)

// greeter answers each invocation itself. Others hand it to a process.
type greeter struct{}

func (greeter) Invoke(_ context.Context, inv *engine.Invocation) engine.Outcome {
	return engine.Outcome{Payload: []byte(`{"Status":"SUCCEEDED","Result":"\"Hello\""}`)}
}

// An engine on SQLite runs an execution to its end.
func Example() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output: SUCCEEDED "Hello"
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "engine")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	st, err := sqlitestore.Open(ctx, dir, nil)
	if err != nil {
		return err
	}
	defer st.Close()
	eng, err := engine.Open(ctx, st, nil)
	if err != nil {
		return err
	}
	defer eng.Close(ctx)
	err = eng.Functions().Register(engine.Function{
		Name: "greet", Invoker: greeter{}, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
	})
	if err != nil {
		return err
	}
	started, err := eng.Start(ctx, &engine.InvokeRequest{Function: "greet", Payload: []byte(`{}`)})
	if err != nil {
		return err
	}
	result, err := eng.Wait(ctx, started.ARN)
	if err != nil {
		return err
	}
	fmt.Println(result.Status, *result.Payload)
	return nil
}
