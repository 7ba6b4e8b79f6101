package durable

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"
)

// A type without recordable values is refused before the operation's side effect. Where only the value tells, the
// operation fails once there is one.

// passage is where a value has to pass.
type passage int

const (
	written  passage          = 1 << iota // from here to somewhere else
	read                                  // from somewhere else to here
	recorded = written | read             // to the history and back
)

// checkType explains why no value of type T can pass, as far as the type tells; what names the value. It knows
// nothing about a user's own Serdes.
func checkType[T any](s Serdes, p passage, what string) error {
	switch any((*T)(nil)).(type) {
	case *string, *int, *bool, *struct{}:
		if s == JSON {
			return nil
		}
	}
	if err := typeProblem(s, p, reflect.TypeFor[T]()); err != nil {
		return &SerdesError{What: what, Err: err}
	}
	return nil
}

func typeProblem(s Serdes, p passage, t reflect.Type) error {
	switch s := s.(type) {
	case interface{ Inner() Serdes }:
		return typeProblem(s.Inner(), p, t)
	case jsonSerdes:
		return jsonProblem(p, t)
	case rawSerdes:
		if t.Kind() != reflect.String && !isBytes(t) && (p != written || t.Kind() != reflect.Interface) {
			return fmt.Errorf("durable.Raw is for strings and bytes, not for %s", t)
		}
	case interface {
		problem(passage, reflect.Type) error
	}:
		return s.problem(p, t)
	}
	return nil
}

type jsonType struct {
	reflect.Type
	passage
}

var jsonProblems sync.Map // of jsonType: *error

func jsonProblem(p passage, t reflect.Type) error {
	key := jsonType{t, p}
	known, ok := jsonProblems.Load(key)
	if !ok {
		err := findJSONProblem(p, t)
		known, _ = jsonProblems.LoadOrStore(key, &err)
	}
	return *known.(*error)
}

var (
	jsonWriter = reflect.TypeFor[json.Marshaler]()
	jsonReads  = reflect.TypeFor[json.Unmarshaler]()
	textWriter = reflect.TypeFor[encoding.TextMarshaler]()
	textReads  = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonNumber = reflect.TypeFor[json.Number]() // of which an empty one is read back as 0
)

// has reports whether a type, or a pointer to it, has the methods.
func has(t, methods reflect.Type) bool {
	return t.Implements(methods) || reflect.PointerTo(t).Implements(methods)
}

// maxPointers bounds how many pointers are followed: a type can point to itself.
const maxPointers = 8

func findJSONProblem(p passage, t reflect.Type) error {
	for range maxPointers {
		switch {
		case t.Kind() == reflect.Interface && t.NumMethod() > 0:
			if p&read == 0 {
				return nil
			}
			return fmt.Errorf("%s is an interface, and what is recorded does not say of which type to make it; use a "+
				"concrete type, or a Serdes that can tell", t)
		case has(t, jsonWriter) && (p&read == 0 || has(t, jsonReads)):
			return nil
		case p == recorded && t.Implements(textWriter) && !has(t, jsonWriter) && !has(t, jsonReads) &&
			!has(t, textReads) && !isTextual(t):
			return fmt.Errorf("%s has MarshalText and no UnmarshalText, so what is written could not be read", t)
		case t.Kind() != reflect.Pointer:
			return unsupported(p, t)
		}
		t = t.Elem()
	}
	return nil
}

// isTextual reports whether a text can be read into the type as it is.
func isTextual(t reflect.Type) bool {
	for range maxPointers {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
	}
	return t.Kind() == reflect.String || t.Kind() == reflect.Interface || isBytes(t)
}

func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

// unsupported finds what makes it impossible to write any value of the type. If there is reason to ask,
// encoding/json says so for the zero value.
func unsupported(p passage, t reflect.Type) error {
	if p&written == 0 {
		if isOpaque(t) && !has(t, jsonReads) && !has(t, textReads) {
			return fmt.Errorf("a %s cannot be read from JSON", t)
		}
		return nil
	}
	if !isSuspect(t, make(map[reflect.Type]bool)) {
		return nil
	}
	var err *json.UnsupportedTypeError
	_, fails := recovered(func() (string, error) {
		data, err := json.Marshal(reflect.New(t).Elem().Interface())
		return string(data), err
	})
	switch {
	case !errors.As(fails, &err):
		return nil
	case err.Type == t:
		return fmt.Errorf("a %s cannot be written as JSON", t)
	}
	return fmt.Errorf("a %s cannot be written as JSON, because of the %s in it; tag the field `json:\"-\"`",
		t, err.Type)
}

// isOpaque reports whether JSON has no form for values of the kind.
func isOpaque(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return true
	}
	return false
}

// isSuspect reports whether every value of the type may hold something that JSON has no form for.
func isSuspect(t reflect.Type, seen map[reflect.Type]bool) bool {
	if isOpaque(t) || t.Kind() == reflect.Map {
		return true
	}
	if seen[t] || has(t, jsonWriter) || has(t, textWriter) {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Array:
		return isSuspect(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if isSuspect(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}
