package durable

import (
	"context"
	"errors"
	"fmt"
	"reflect"
)

// Raw is a [Serdes] for texts and bytes, which are recorded as they are: values
// of type string, []byte, or of a type made of one of them, such as
// [encoding/json.RawMessage]. Bytes must be UTF-8 too.
var Raw Serdes = rawSerdes{}

type rawSerdes struct{}

func (rawSerdes) Marshal(_ context.Context, v any) ([]byte, error) {
	switch rv := reflect.ValueOf(v); {
	case rv.Kind() == reflect.String:
		return []byte(rv.String()), nil
	case rv.IsValid() && isBytes(rv.Type()):
		return rv.Bytes(), nil
	}
	return nil, fmt.Errorf("durable.Raw is for strings and bytes, not for %T", v)
}

func (rawSerdes) Unmarshal(_ context.Context, data []byte, v any) error {
	switch rv := reflect.ValueOf(v).Elem(); {
	case rv.Kind() == reflect.String:
		rv.SetString(string(data))
	case isBytes(rv.Type()):
		rv.SetBytes(data)
	default:
		return fmt.Errorf("durable.Raw is for strings and bytes, not for %s", rv.Type())
	}
	return nil
}

// SerdesOf is a [Serdes] for values of one type; any other type is an error. A
// function that is never needed may be nil: what comes from a [Callback] is only
// read.
func SerdesOf[T any](marshal func(ctx context.Context, v T) ([]byte, error), unmarshal func(ctx context.Context, data []byte) (T, error)) Serdes {
	return serdesOf[T]{marshal, unmarshal}
}

type serdesOf[T any] struct {
	marshal   func(context.Context, T) ([]byte, error)
	unmarshal func(context.Context, []byte) (T, error)
}

var (
	errNoMarshal   = errors.New("SerdesOf was given no function to encode with")
	errNoUnmarshal = errors.New("SerdesOf was given no function to decode with")
)

// problem says why values of the type cannot pass.
func (s serdesOf[T]) problem(p passage, t reflect.Type) error {
	own := reflect.TypeFor[T]()
	switch {
	case t != own && (p != written || own.Kind() != reflect.Interface || !t.AssignableTo(own)):
		return fmt.Errorf("the Serdes is for %s, not for %s", reflect.TypeFor[T](), t)
	case p&written != 0 && s.marshal == nil:
		return errNoMarshal
	case p&read != 0 && s.unmarshal == nil:
		return errNoUnmarshal
	}
	return nil
}

func (s serdesOf[T]) Marshal(ctx context.Context, v any) ([]byte, error) {
	typed, ok := v.(T)
	switch {
	case !ok && v != nil: // a nil of an interface type has no type to tell
		return nil, fmt.Errorf("the Serdes is for %s, not for %T", reflect.TypeFor[T](), v)
	case s.marshal == nil:
		return nil, errNoMarshal
	}
	return s.marshal(ctx, typed)
}

func (s serdesOf[T]) Unmarshal(ctx context.Context, data []byte, v any) (err error) {
	typed, ok := v.(*T)
	switch {
	case !ok:
		return fmt.Errorf("the Serdes is for %s, not for %s", reflect.TypeFor[T](), reflect.TypeOf(v).Elem())
	case s.unmarshal == nil:
		return errNoUnmarshal
	}
	*typed, err = s.unmarshal(ctx, data)
	return err
}
