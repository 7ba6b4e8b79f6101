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
	case isBytes(rv):
		return rv.Bytes(), nil
	}
	return nil, fmt.Errorf("durable.Raw is for strings and bytes, not for %T", v)
}

func (rawSerdes) Unmarshal(_ context.Context, data []byte, v any) error {
	switch rv := reflect.ValueOf(v).Elem(); {
	case rv.Kind() == reflect.String:
		rv.SetString(string(data))
	case isBytes(rv):
		rv.SetBytes(data)
	default:
		return fmt.Errorf("durable.Raw is for strings and bytes, not for %s", rv.Type())
	}
	return nil
}

func isBytes(v reflect.Value) bool {
	return v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8
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
