package durable

import (
	"fmt"
	"reflect"

	"github.com/perdure/perdure/protocol"
)

// Errors are the user's values, and so are their methods. They may panic, on a nil pointer too, or wrap themselves.
// The functions here cope with that.

// maxChain bounds the number of errors in a search.
const maxChain = 1000

// chain calls visit with err and all that it wraps, in the order of [errors.Is], until visit reports a find.
func chain(err error, visit func(error) bool) (found bool) {
	left := maxChain
	var walk func(err error) bool
	walk = func(err error) bool {
		for err != nil && left > 0 {
			left--
			if visit(err) {
				return true
			}
			many, one := unwrap(err)
			for _, err := range many {
				if walk(err) {
					return true
				}
			}
			err = one
		}
		return false
	}
	return walk(err)
}

func unwrap(err error) (many []error, one error) {
	safely(func() {
		switch err := err.(type) {
		case interface{ Unwrap() error }:
			one = err.Unwrap()
		case interface{ Unwrap() []error }:
			many = err.Unwrap()
		}
	})
	return many, one
}

// safely calls a method of a user's type, and ignores its panic.
func safely(call func()) {
	defer func() { _ = recover() }()
	call()
}

// inChain finds an error of type T in the chain of err, without asking its As methods.
func inChain[T error](err error) (target T, found bool) {
	found = chain(err, func(err error) (ok bool) {
		target, ok = err.(T)
		return ok && !isNil(err)
	})
	return target, found
}

// hasValue reports whether value is in the chain of err, without asking its Is methods.
func hasValue(err, value error) bool {
	return chain(err, func(err error) (same bool) {
		safely(func() { same = err == value }) // panics for values that cannot be compared
		return same
	})
}

// findAs is [errors.As].
func findAs[T error](err error) (target T, found bool) {
	found = chain(err, func(err error) (ok bool) {
		if target, ok = err.(T); ok {
			return true
		}
		if x, asks := err.(interface{ As(any) bool }); asks {
			safely(func() { ok = x.As(&target) })
		}
		return ok
	})
	return target, found
}

// isError is [errors.Is].
func isError(err, value error) bool {
	return chain(err, func(err error) (is bool) {
		safely(func() { is = err == value })
		if x, asks := err.(interface{ Is(error) bool }); !is && asks {
			safely(func() { is = x.Is(value) })
		}
		return is
	})
}

func isNil(err error) bool {
	v := reflect.ValueOf(err)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// typeName names an error by the first telling type in its chain, that of at; the types of fmt and errors only wrap
// text.
func typeName(err error) (name string, at error) {
	for range maxChain {
		if err == nil {
			break
		}
		switch own := err.(type) {
		case *OperationError:
			return own.recordedAs(), err
		case *fatalError:
			return own.name, err
		case *nonDeterminism:
			return protocol.ErrorTypeNonDeterminism, err
		}
		t := reflect.TypeOf(err)
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if p := t.PkgPath(); t.Name() != "" && p != "fmt" && p != "errors" {
			return t.Name(), err
		}
		_, err = unwrap(err)
	}
	return "Error", nil
}

// message is err.Error(), even if that panics.
func message(err error) (s string) {
	defer func() {
		if v := recover(); v != nil {
			s = fmt.Sprintf("%T, whose Error method panics: %v", err, v)
		}
	}()
	return err.Error()
}

// stackOf holds the frames of the panic in err, if there is one.
func stackOf(err error) (stack []string) {
	chain(err, func(err error) bool {
		switch err := err.(type) {
		case *PanicError:
			if err != nil {
				stack = err.stack
			}
		case *RecordedError:
			if err != nil {
				stack = err.Stack
			}
		case *nonDeterminism:
			if err != nil {
				stack = err.panicking
			}
		}
		return len(stack) > 0
	})
	return stack
}
