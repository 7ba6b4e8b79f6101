package durabletest

import (
	"context"
	"encoding/json"
	"fmt"
	"github.com/perdure/perdure/protocol"
	"reflect"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/inprocess"
)

// Stub makes fn the function that the workflow calls as name with
// [durable.Invoke]: a plain function, which takes and returns JSON. The name
// may have a version behind a colon, a number or $LATEST. Calls of functions
// that have no stub fail.
//
// Like everything else it is called while nothing but the function runs, so
// it may note what it is called with.
func Stub[In, Out any](x *Execution, name string, fn func(context.Context, In) (Out, error)) {
	x.t.Helper()
	x.act("Stub")
	name, version, _ := strings.Cut(name, ":")
	err := x.engine.Functions().Register(engine.Function{
		Name: name, Version: version, Timeout: 15 * time.Minute,
		Invoker: stub(func(ctx context.Context, payload []byte) ([]byte, error) {
			x.stage.answering("call of " + name)
			var in In
			if err := json.Unmarshal(payload, &in); err != nil {
				return nil, err
			}
			var out Out
			var err error
			x.stage.aside(func() { out, err = fn(ctx, in) })
			if err != nil {
				return nil, err
			}
			return json.Marshal(out)
		}),
	})
	if err != nil {
		x.fatalf("%v", err)
	}
}

// stub is a plain function as the engine invokes it.
type stub func(ctx context.Context, payload []byte) ([]byte, error)

// Invoke implements [engine.Invoker].
func (s stub) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	ctx, cancel := inprocess.Context(ctx, inv)
	defer cancel()
	answer, err := s(ctx, inv.Payload)
	if err != nil {
		return engine.Outcome{Error: &protocol.ErrorObject{ErrorType: typeName(err), ErrorMessage: err.Error()}}
	}
	return engine.Outcome{Payload: answer}
}

// typeName is the type of an error as Lambda's runtime for Go reports it.
func typeName(err error) string {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Name() == "" {
		return fmt.Sprint(t)
	}
	return t.Name()
}
