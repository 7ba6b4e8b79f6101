package durabletest

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
)

// StubStep puts answers in place of the function of each step called name, wherever it stands, also in a [Function].
// The rest of the step is real: retries, timeouts, records. Steps that are recorded already do not call it.
//
//	x.StubStep("charge").Returns(Receipt{ID: "r-1"})
//
// By their names it also stubs the check of a durable.WaitForCondition, for which Returns is the state with which it is
// done, and the submitter of a durable.WaitForCallback, which returns nil.
//
// An answer of another type than the step's is a mistake, which the first call tells.
func (x *Execution) StubStep(name string) *Stubbed {
	x.t.Helper()
	x.inMemory("StubStep")
	x.act("StubStep")
	s := &Stubbed{x: x, name: name, what: fmt.Sprintf("step %q", name)}
	x.stubs.mu.Lock()
	defer x.stubs.mu.Unlock()
	switch {
	case name == "":
		x.fatalf("a step without a name cannot be stubbed")
	case x.stubs.steps[name] != nil:
		x.fatalf("there is a stub of %s; several answers are one behind the other, as in "+
			"Fails(err).Returns(result)", s.what)
	case x.stubs.steps == nil:
		x.stubs.steps = map[string]*Stubbed{}
	}
	x.stubs.steps[name] = s
	x.stubs.all = append(x.stubs.all, s)
	return s
}

// step is what runs in place of a step's function: itself, or a function of its type that plays the stub.
func (s *stubs) step(name string, function any) any {
	s.mu.Lock()
	stub := s.steps[name]
	s.mu.Unlock()
	if stub == nil {
		return function
	}
	own := reflect.ValueOf(function)
	return reflect.MakeFunc(own.Type(), func(args []reflect.Value) []reflect.Value {
		if mistake := stub.mistake(own.Type()); mistake != "" {
			stub.x.flight.misuse(mistake)
			stub.x.kill(args[0].Interface().(context.Context))
		}
		return stub.play(own, args)
	}).Interface()
}

// mistake says why the answers do not fit a step's function.
func (s *Stubbed) mistake(function reflect.Type) string {
	if mistake := s.empty(); mistake != "" {
		return mistake
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	result := reflect.TypeFor[struct{}]()
	if function.NumOut() > 1 {
		result = function.Out(0)
	}
	for _, a := range s.answers {
		given := reflect.TypeOf(a.value)
		switch {
		case a.does == toReturn && given == nil && isNilable(result):
		case a.does == toReturn && (given == nil || !given.AssignableTo(result)):
			return fmt.Sprintf("%s returns %v; the stub returns %s", s.what, nothing(result), typeOf(given))
		case a.does == toCall && given != function && (given == nil || !given.ConvertibleTo(function)):
			return fmt.Sprintf("%s runs a %v; the stub calls %s", s.what, function, typeOf(given))
		case a.does == toCall && reflect.ValueOf(a.value).IsNil():
			return fmt.Sprintf("the stub of %s calls a nil function", s.what)
		}
	}
	return ""
}

// nothing is a type as text; a struct without fields is nothing.
func nothing(t reflect.Type) string {
	if t == reflect.TypeFor[struct{}]() {
		return "nothing"
	}
	return t.String()
}

func typeOf(t reflect.Type) string {
	if t == nil {
		return "nil"
	}
	return t.String()
}

// isNilable reports whether nil can stand for a value of the type.
func isNilable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface, reflect.Chan, reflect.Func:
		return true
	}
	return t == reflect.TypeFor[struct{}]()
}

// play answers one call of a step's function.
func (s *Stubbed) play(own reflect.Value, args []reflect.Value) []reflect.Value {
	ctx, a := args[0].Interface().(context.Context), s.next()
	if err := a.wait(ctx); err != nil {
		return results(own.Type(), nil, err)
	}
	switch a.does {
	case toFail:
		return results(own.Type(), nil, a.value.(error))
	case toPanic:
		panic(a.value)
	case toKill:
		s.x.kill(ctx)
	case toCall:
		return reflect.ValueOf(a.value).Convert(own.Type()).Call(args)
	case toRun:
		return own.Call(args)
	}
	return results(own.Type(), a.value, nil)
}

// results are what a step's function returns: its result if it has one, that a condition is met if it checks one, and
// an error.
func results(function reflect.Type, result any, err error) (values []reflect.Value) {
	for i := range function.NumOut() {
		values = append(values, reflect.New(function.Out(i)).Elem())
	}
	last := len(values) - 1
	switch {
	case err != nil:
		values[last].Set(reflect.ValueOf(err))
		return values
	case last > 0 && result != nil:
		values[0].Set(reflect.ValueOf(result))
	}
	if last > 1 {
		values[1].SetBool(true)
	}
	return values
}

// killKey is the context key of what kills the process of a [Function].
type killKey struct{}

// kill kills the process that runs a step's body, and does not return.
func (x *Execution) kill(ctx context.Context) {
	if cancel, ok := ctx.Value(killKey{}).(func()); ok {
		cancel()
		runtime.Goexit()
	}
	x.Die()
}
