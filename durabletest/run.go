package durabletest

import (
	"encoding/json"
	"reflect"
	"testing"
	"testing/synctest"

	"github.com/perdure/perdure/durable"
)

// Run runs one execution of handler to its end and returns the result.
//
// event is the input. It goes through JSON as in production, so it may be a value of the handler's input type, a
// [json.RawMessage] with the text of an event, or anything else with the right JSON; nil is no event. The options
// are those of [durable.Start].
//
// An execution that can go no further, such as one that waits for a callback that nobody completes, ends with its
// timeout; see [Execution]. The test fails if the function's invocations keep failing.
func Run[In, Out any](t *testing.T, handler func(durable.Context, In) (Out, error), event any,
	opts ...durable.HandlerOption) *Result[Out] {
	t.Helper()
	return Drive(t, handler, event, func(*testing.T, *Execution) {}, opts...)
}

// Drive is [Run] with a function that acts while the execution runs. When act returns, the execution is run to its
// end.
//
// act should use the t that it gets: it runs in a bubble of testing/synctest, as the handler does, and that t
// belongs to it.
func Drive[In, Out any](t *testing.T, handler func(durable.Context, In) (Out, error), event any,
	act func(t *testing.T, x *Execution), opts ...durable.HandlerOption) *Result[Out] {
	t.Helper()
	checkHandler(t, handler == nil, opts)
	if act == nil {
		t.Fatal("durabletest: the function that acts is nil; to only run the execution use durabletest.Run")
	}
	x := newExecution(t, encodeEvent[In](t, event))
	if c := cloudOf(t, opts); c != nil {
		return newResult[Out](t, x.driveCloud(t, c, act))
	}
	x.invoke = durable.NewHandler(handler, x.options(opts)...).Invoke
	return newResult[Out](t, x.drive(t, act))
}

// checkHandler refuses a handler and options that cannot be run.
func checkHandler(t *testing.T, isNil bool, opts []durable.HandlerOption) {
	t.Helper()
	if isNil {
		t.Fatal("durabletest: the handler is nil; give the function that main gives to durable.Start")
	}
	for i, o := range opts {
		if o == nil {
			t.Fatalf("durabletest: handler option %d is nil", i+1)
		}
	}
}

// encodeEvent is the event as the caller of the function would send it.
func encodeEvent[In any](t *testing.T, event any) []byte {
	t.Helper()
	if event == nil {
		return nil
	}
	if text, ok := event.([]byte); ok && reflect.TypeFor[In]() != reflect.TypeOf(text) {
		t.Fatal("durabletest: the event is a []byte, which would be sent as base64; if it is JSON, give " +
			"json.RawMessage(event)")
	}
	data, err := json.Marshal(event)
	if err != nil {
		t.Fatalf("durabletest: the event cannot be sent as JSON: %v", err)
	}
	return data
}

// drive runs the execution in a bubble of its own.
func (x *Execution) drive(t *testing.T, act func(*testing.T, *Execution)) *outcome {
	t.Helper()
	var o *outcome
	synctest.Test(t, func(t *testing.T) {
		x.open(t)
		defer x.close()
		x.actor = goroutine()
		x.stage.aside(func() { act(t, x) })
		o = x.finish()
	})
	return o
}
