package durable

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/perdure/perdure/protocol"
)

// Serdes writes values to the history and reads them back. The default is JSON without HTML escaping.
//
// Marshal must return UTF-8, and Unmarshal must turn it into a value that serves in place of the original: code
// gets this value on the first run already, so that every run sees the same. With JSON an int in an any is a
// float64 from the start, and a struct in it is a map. The context knows the execution and the operation
// ([ExecutionARN], [IdempotencyKey]), so an implementation may keep large values elsewhere and record where. Many
// goroutines use an implementation at once. One that only wraps another may have a method Inner() Serdes: then a
// type that the other refuses is refused before the work for its value.
//
// An error fails the operation for good, without a retry. If Unmarshal fails on replay with a value that it could
// read on the first run, the operation did not fail, and code that thought so would undo good work: this fails the
// execution, with a [*SerdesError] that names the operation. Only an error that wraps [ErrUnavailable] does
// neither: it ends the invocation, and the service makes another. So an implementation that keeps values elsewhere
// wraps it in passing failures: timeouts, throttling, lost connections.
type Serdes interface {
	Marshal(ctx context.Context, v any) ([]byte, error)
	Unmarshal(ctx context.Context, data []byte, v any) error
}

// ErrUnavailable says that a [Serdes] cannot reach something that it needs, and may later; it says nothing about
// the value. A Serdes wraps it in its error.
var ErrUnavailable = errors.New("perdure: a store of values is unavailable")

// JSON is the default [Serdes].
var JSON Serdes = jsonSerdes{}

type jsonSerdes struct{}

func (jsonSerdes) Marshal(_ context.Context, v any) ([]byte, error) {
	var text line
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	err := enc.Encode(addressable(v))
	return text, err
}

// line is the line that a [json.Encoder] writes, at once, without its end; so the text is copied once.
type line []byte

// Write implements [io.Writer].
func (l *line) Write(p []byte) (int, error) {
	*l = bytes.Clone(bytes.TrimSuffix(p, []byte("\n")))
	return len(p), nil
}

// addressable is v, or a pointer to a copy of it if it may hold a value that a method of its pointer writes, as
// with big.Int: without an address JSON does not find such methods, and writes what cannot be read.
func addressable(v any) any {
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Struct, reflect.Array:
	default:
		if !rv.IsValid() || rv.Type().PkgPath() == "" || rv.Kind() == reflect.Pointer {
			return v
		}
	}
	p := reflect.New(rv.Type())
	p.Elem().Set(rv)
	return p.Interface()
}

func (jsonSerdes) Unmarshal(_ context.Context, data []byte, v any) error {
	return json.Unmarshal(data, v)
}

// notUTF8 is what encoding/json writes for a byte that is not UTF-8, and for no character.
const notUTF8 = `\ufffd`

var errNotUTF8 = errors.New("the encoded value is not UTF-8 text")

// encodeValue writes v for the history, and returns with it the value that replay will read, which is also for user
// code.
func encodeValue[T any](ctx context.Context, s Serdes, what string, v T) (payload string, read T, err error) {
	if s == JSON {
		if payload, ok := encodePlain(&v); ok {
			return payload, v, nil
		}
	}
	payload, err = marshalValue(ctx, s, what, v)
	if err != nil {
		return "", read, err
	}
	if s == JSON && !strings.Contains(payload, notUTF8) {
		switch fidelityOf(reflect.TypeFor[T]()) {
		case detached:
			detach(reflect.ValueOf(&v).Elem())
			return payload, v, nil
		case same:
			return payload, v, nil
		}
	}
	read, err = decodeValue[T](ctx, s, what, &payload)
	return payload, read, err
}

// marshalValue writes v without reading it back.
func marshalValue[T any](ctx context.Context, s Serdes, what string, v T) (string, error) {
	if s == JSON {
		if payload, ok := encodePlain(&v); ok {
			return payload, nil
		}
	}
	data, err := marshal(ctx, s, v)
	if err == nil && !utf8.Valid(data) {
		err = errNotUTF8
	}
	if err != nil {
		return "", serdesFailed(ctx, &SerdesError{What: what, Err: err})
	}
	if s == JSON { // it does not keep what it returns, so that is not copied
		return unsafe.String(unsafe.SliceData(data), len(data)), nil
	}
	return string(data), nil
}

// marshal and unmarshal turn a panic, of the Serdes or of the value's own methods, into an error: it would come
// again each time.

func marshal(ctx context.Context, s Serdes, v any) (data []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = newPanicError(p)
		}
	}()
	return s.Marshal(ctx, v)
}

func unmarshal(ctx context.Context, s Serdes, payload string, v any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = newPanicError(p)
		}
	}()
	if err = s.Unmarshal(ctx, []byte(payload), v); err == nil && s == JSON {
		if c := bodyOf(ctx); c != nil && c.run.rehearsal {
			c.run.note(c.id, payload, v)
		}
	}
	return err
}

// serdesFailed returns err, or ends the run if the value is not to blame.
func serdesFailed(ctx context.Context, err *SerdesError) error {
	if c := bodyOf(ctx); c != nil && isError(err, ErrUnavailable) {
		c.run.finish(outcome{fault: err})
		c.run.checkEnded()
	}
	return err
}

// fits is err, or else the error of a payload that is too large to be recorded.
func fits(what, payload string, err error) error {
	if err == nil && len(payload) > protocol.MaxPayload {
		err = &LimitError{What: what, Size: len(payload), Limit: protocol.MaxPayload}
	}
	return err
}

// decodeValue reads a recorded value. No payload is the zero value.
func decodeValue[T any](ctx context.Context, s Serdes, what string, payload *string) (T, error) {
	var v, zero T
	if err := decodeInto(ctx, s, what, payload, &v); err != nil {
		return zero, err
	}
	return v, nil
}

func decodeInto(ctx context.Context, s Serdes, what string, payload *string, v any) error {
	if payload == nil || *payload == "" && s == JSON {
		return nil
	}
	if err := unmarshal(ctx, s, *payload, v); err != nil {
		return serdesFailed(ctx, &SerdesError{What: what, Err: err})
	}
	return nil
}

// decodeIncoming reads a result that others wrote: the invoked function, or the sender of a callback. This code is
// not to blame for it, so it may deal with a result that cannot be read.
func decodeIncoming[T any](o *operation, serdes Serdes, payload *string) (T, error) {
	if payload == nil || *payload == "" {
		var zero T
		return zero, nil
	}
	if serdes == nil {
		serdes = JSON
	}
	v, err := decodeValue[T](o.value(o.id(), 0), serdes, o.result(), payload)
	if err != nil {
		o.scope.run.checkInvocation()
	}
	return v, err
}

// recordedResult reads the result of an operation that succeeded. Replay is mostly this.
func recordedResult[T any](o operation, own Serdes) T {
	if serdes := o.serdes(own); serdes != JSON {
		return decodeOwn[T](&o, serdes)
	}
	if v, ok := decodePlain[T](o.known.op.Payload); ok {
		return v
	}
	return decodeJSON[T](&o)
}

func decodeJSON[T any](o *operation) (v T) {
	o.readJSON(&v)
	return v
}

func (o *operation) readJSON(v any) {
	payload := o.known.op.Payload
	if payload == nil || *payload == "" {
		return
	}
	if err := unmarshal(o.ctx, JSON, *payload, v); err != nil {
		o.unreadable(&SerdesError{What: o.result(), Err: err})
	}
	if r := o.scope.run; r.rehearsal {
		r.note(o.id(), *payload, v)
	}
}

func decodeOwn[T any](o *operation, serdes Serdes) T {
	op := o.known.op
	v, err := decodeValue[T](o.value(op.ID, op.Attempt), serdes, o.result(), op.Payload)
	if err != nil {
		o.unreadable(err)
	}
	return v
}

// unreadable fails the execution, because the record of a successful operation cannot be read: its type has
// changed, or its Serdes refuses. Code that got an error would compensate for work that went well.
func (o *operation) unreadable(err error) {
	r := o.scope.run
	r.checkInvocation() // its end says nothing about the value
	r.lockFor(o.scope)  // nor does the end of abandoned code
	r.mu.Unlock()
	if r.rehearsal { // which tells where
		o.diverge(o.id(), o.shape(), err)
	}
	r.fail(err)
}

// encodePlain and decodePlain are JSON for types that need no package to write and read: replay of a finished step
// is mostly decoding its result. The static type counts: an int in an any is read as a float64.

func encodePlain(v any) (string, bool) {
	switch v := v.(type) {
	case *bool:
		return strconv.FormatBool(*v), true
	case *int:
		return strconv.Itoa(*v), true
	case *int64:
		return strconv.FormatInt(*v, 10), true
	case *struct{}:
		return "{}", true
	case *string:
		if utf8.ValidString(*v) {
			return protocol.Quote(*v), true
		}
	}
	return "", false
}

func decodePlain[T any](payload *string) (v T, ok bool) {
	if payload == nil {
		return v, false
	}
	var err error
	switch p := any(&v).(type) {
	case *bool:
		*p = *payload == "true"
		ok = *p || *payload == "false"
	case *int:
		*p, err = strconv.Atoi(*payload)
		ok = err == nil
	case *int64:
		*p, err = strconv.ParseInt(*payload, 10, 64)
		ok = err == nil
	case *struct{}:
		ok = *payload == "{}"
	case *string:
		*p, ok = unquotePlain(*payload)
	}
	return v, ok
}

// unquotePlain reads a JSON string without escapes.
func unquotePlain(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return "", false
	}
	s = s[1 : len(s)-1]
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return "", false
		}
	}
	return s, true
}

// Raw is a [Serdes] for texts and bytes, which are recorded as they are: values of type string, []byte, or types
// made of them, such as [encoding/json.RawMessage]. Bytes must be UTF-8 too.
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

// SerdesOf is a [Serdes] for values of one type; any other type is an error. A function that is never needed may be
// nil: the result of a [Callback] is only read.
func SerdesOf[T any](marshal func(ctx context.Context, v T) ([]byte, error),
	unmarshal func(ctx context.Context, data []byte) (T, error)) Serdes {
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

// problem explains why values of the type cannot pass.
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
	case !ok && v != nil: // a nil of an interface type does not tell its type
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
