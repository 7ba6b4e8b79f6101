package durabletest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/inprocess"
	"github.com/perdure/perdure/protocol"
)

// Stub makes fn the function that the workflow calls as name with [durable.Invoke]: a plain function, which takes and
// returns JSON. It is StubFunction(name).Calls(fn), with types that the compiler checks.
//
// Like everything else it is called while nothing but the function runs, so it may note what it is called with.
func Stub[In, Out any](x *Execution, name string, fn func(context.Context, In) (Out, error)) *Stubbed {
	x.t.Helper()
	return x.StubFunction(name).Calls(fn)
}

// StubFunction puts answers in place of the function that the workflow calls as name with [durable.Invoke]: a plain
// function. For a durable one see [Function]. Calls of functions that have no stub fail.
//
//	x.StubFunction("seats:live").Returns(420)
//
// The name is the one that the code gives: a function's name or ARN, with a version or an alias behind a colon if the
// code has one. An ARN may be of any account and region; the history has the test's.
func (x *Execution) StubFunction(name string) *Stubbed {
	x.t.Helper()
	x.inMemory("StubFunction")
	x.act("StubFunction")
	s := &Stubbed{x: x, name: name, what: fmt.Sprintf("function %q", name)}
	s.check = s.checkFunction
	x.stand(name, engine.Function{Invoker: stubbedFunction{s}, Timeout: forever})
	x.stubs.mu.Lock()
	defer x.stubs.mu.Unlock()
	x.stubs.all = append(x.stubs.all, s)
	return s
}

// Function makes handler, a durable function, the one that the workflow calls as name, as for
// [Execution.StubFunction]: the call starts an execution of it, in the same virtual time. It is not the function under
// test: crashes and callbacks by name are not for its operations, and its log lines are only shown.
func Function[In, Out any](x *Execution, name string, handler func(durable.Context, In) (Out, error),
	opts ...durable.HandlerOption) {
	x.t.Helper()
	x.inMemory("Function")
	x.act("Function")
	checkHandler(x.t, handler == nil, opts)
	opts = withDefaults(newLogBook(x.logs.copy), other{client{x}}, opts)
	x.stand(name, engine.Function{
		Invoker: &otherFunction{x: x, name: name, handler: durable.NewHandler(handler, opts...)},
		Timeout: invocationTimeout,
		Durable: &engine.DurableConfig{ExecutionTimeout: forever},
	})
}

// stand makes a function known under a reference to it.
func (x *Execution) stand(ref string, f engine.Function) {
	x.t.Helper()
	x.stubs.mu.Lock()
	defer x.stubs.mu.Unlock()
	if x.stubs.functions[ref] != "" {
		x.fatalf("there is a function %q already; several answers of a stub are one behind the other, "+
			"as in Fails(err).Returns(result)", ref)
	}
	name, qualifier := functionOf(ref)
	f.Name = name
	alias := ""
	if _, err := strconv.Atoi(qualifier); err != nil && qualifier != "" && qualifier != protocol.LatestVersion {
		x.stubs.versions++
		alias, qualifier = qualifier, strconv.Itoa(firstOfAliases+x.stubs.versions)
	}
	f.Version = qualifier
	functions := x.engine.Functions()
	err := functions.Register(f)
	if err == nil && alias != "" {
		change := &engine.AliasChange{Function: name, Name: alias, Version: &qualifier}
		_, err = functions.CreateAlias(x.t.Context(), change)
	}
	if err != nil {
		x.fatalf("%v", err)
	}
	if x.stubs.functions == nil {
		x.stubs.functions = map[string]string{}
	}
	x.stubs.functions[ref] = strings.TrimSuffix(name+":"+cmp.Or(alias, qualifier), ":")
}

// firstOfAliases is above the versions that a test may name. A version behind it stands for an alias.
const firstOfAliases = 1_000_000

// functionOf takes a reference to a function apart: a name, account:function:name, or an ARN.
func functionOf(ref string) (name, qualifier string) {
	parts := strings.Split(ref, ":")
	switch {
	case len(parts) >= 7 && parts[0] == "arn":
		parts = parts[6:]
	case len(parts) >= 3 && parts[1] == "function":
		parts = parts[2:]
	}
	return parts[0], strings.Join(parts[1:], ":")
}

// atHome is a request in which functions of other accounts and regions are those of the test that stand for them.
func (s *stubs) atHome(req *protocol.CheckpointRequest) *protocol.CheckpointRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.functions) == 0 {
		return req
	}
	own := *req
	own.Updates = slices.Clone(req.Updates)
	for i := range own.Updates {
		u := &own.Updates[i]
		if u.ChainedInvokeOptions == nil {
			continue
		}
		if here := s.functions[u.ChainedInvokeOptions.FunctionName]; here != "" {
			invoke := *u.ChainedInvokeOptions
			invoke.FunctionName, u.ChainedInvokeOptions = here, &invoke
		}
	}
	return &own
}

// checkFunction refuses an answer that no function can give.
func (s *Stubbed) checkFunction(a *answer) error {
	t := reflect.TypeOf(a.value)
	switch {
	case a.does == toRun:
		return fmt.Errorf("%s has no function of its own to run", s.what)
	case a.does == toCall && !isHandler(t):
		return fmt.Errorf("the stub of %s calls a %s; give a function such as func(context.Context, In) (Out, error)",
			s.what, typeOf(t))
	case a.does == toCall && reflect.ValueOf(a.value).IsNil():
		return fmt.Errorf("the stub of %s calls a nil function", s.what)
	case a.does != toReturn:
		return nil
	}
	_, err := json.Marshal(a.value)
	if err != nil {
		return fmt.Errorf("the stub of %s returns what cannot be sent as JSON: %w", s.what, err)
	}
	return nil
}

// isHandler reports whether lambda.Start takes such a function.
func isHandler(t reflect.Type) bool {
	if t == nil || t.Kind() != reflect.Func || t.NumIn() > 2 || t.NumOut() > 2 {
		return false
	}
	takes := t.NumIn() < 2 || t.In(0) == reflect.TypeFor[context.Context]()
	return takes && (t.NumOut() == 0 || t.Out(t.NumOut()-1) == reflect.TypeFor[error]())
}

// stubbedFunction is a plain function as the engine invokes it.
type stubbedFunction struct{ stub *Stubbed }

// Invoke implements [engine.Invoker].
func (f stubbedFunction) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	out := f.run(ctx, inv)
	f.stub.x.stage.answering(place("call of " + f.stub.name)) // which is not time that the function takes
	return out
}

func (f stubbedFunction) run(ctx context.Context, inv *engine.Invocation) (out engine.Outcome) {
	own := *inv
	inv, own.Timeout = &own, invocationTimeout
	ctx, cancel := inprocess.Context(ctx, inv)
	defer cancel()
	if mistake := f.stub.empty(); mistake != "" {
		f.stub.x.flight.misuse(mistake)
		return inprocess.Failure(ctx, inv, inprocess.ErrCrashed)
	}
	answered := false
	defer func() {
		if p := recover(); !answered && p != nil {
			out = engine.Outcome{Error: &protocol.ErrorObject{ErrorType: typeName(p), ErrorMessage: fmt.Sprint(p),
				StackTrace: strings.Split(string(debug.Stack()), "\n")}}
		}
	}()
	payload, err := f.answer(ctx, inv)
	answered = true
	switch {
	case errors.Is(err, inprocess.ErrCrashed) || err != nil && ctx.Err() != nil:
		return inprocess.Failure(ctx, inv, err)
	case err != nil:
		return engine.Outcome{Error: errorObject(err)}
	}
	return engine.Outcome{Payload: payload}
}

// answer answers one call.
func (f stubbedFunction) answer(ctx context.Context, inv *engine.Invocation) ([]byte, error) {
	a := f.stub.next()
	if err := a.wait(ctx); err != nil {
		return nil, err
	}
	switch a.does {
	case toFail:
		return nil, a.value.(error)
	case toPanic:
		panic(a.value)
	case toKill:
		return nil, inprocess.ErrCrashed
	case toCall:
		var payload []byte
		var err error
		f.stub.x.stage.aside(func() { payload, err = lambda.NewHandler(a.value).Invoke(ctx, inv.Payload) })
		return payload, err
	}
	return json.Marshal(a.value)
}

// errorObject is an error as Lambda's runtime for Go reports it.
func errorObject(err error) *protocol.ErrorObject {
	switch e := err.(type) {
	case messages.InvokeResponse_Error:
		return &protocol.ErrorObject{ErrorType: e.Type, ErrorMessage: e.Message}
	case *durable.RecordedError:
		return &protocol.ErrorObject{ErrorType: e.Type, ErrorMessage: e.Message, ErrorData: e.Data}
	}
	return &protocol.ErrorObject{ErrorType: typeName(err), ErrorMessage: err.Error()}
}

// typeName is the type of an error, or of a panic, as Lambda's runtime for Go reports it.
func typeName(v any) string {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return cmp.Or(t.Name(), t.String())
}

// other is the service as a [Function] sees it: without the crashes of the function under test.
type other struct{ client }

// Checkpoint implements [durable.Client].
func (o other) Checkpoint(ctx context.Context, req *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return inprocess.Client{Engine: o.x.engine}.Checkpoint(ctx, o.x.stubs.atHome(req))
}

// State implements [durable.Client].
func (o other) State(ctx context.Context, req *protocol.StateRequest) (*protocol.StateReply, error) {
	return inprocess.Client{Engine: o.x.engine}.State(ctx, req)
}

// Attempt is called by durable before an attempt of a step. Its goroutine is none of the function under test.
func (o other) Attempt(_ context.Context, _, _ string, _ int, _ bool) { o.x.stage.isElsewhere() }

// otherFunction runs a durable function that is not the one under test.
type otherFunction struct {
	x       *Execution
	name    string
	handler *durable.Handler

	failures failures
}

// Invoke implements [engine.Invoker].
func (f *otherFunction) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	ctx, cancel := inprocess.Context(ctx, inv)
	defer cancel()
	ctx, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	ctx = context.WithValue(ctx, killKey{}, func() { kill(inprocess.ErrCrashed) })
	answer, err := f.handler.Invoke(ctx, inv.Payload)
	if errors.Is(context.Cause(ctx), inprocess.ErrCrashed) {
		return inprocess.Failure(ctx, inv, inprocess.ErrCrashed)
	}
	if n := f.failures.count(inv.ExecutionARN, err); n == maxFailures {
		f.x.flight.misuse(fmt.Sprintf("%d invocations of function %q in a row failed, the last one with: %v",
			maxFailures, f.name, err))
		invoker{f.x}.giveUp(inv.ExecutionARN)
	}
	if err != nil {
		return inprocess.Failure(ctx, inv, err)
	}
	return engine.Outcome{Payload: answer}
}
