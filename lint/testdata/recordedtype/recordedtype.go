// Package recordedtype records values that JSON does not bring back.
package recordedtype

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"sync"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/lint/testdata/recordedtype/helper"
)

func zero[T any](context.Context) (v T, err error) { return v, nil }

type order struct {
	ID    string
	total int // want `recordedtype: order.total is not exported, so JSON leaves it out, and it comes back empty; export it, or give the type MarshalJSON and UnmarshalJSON \(the result of step "order"\)`
	Lines []line
	note  string // nobody reads it
	mu    sync.Mutex
	_     int
}

type line struct {
	SKU   string
	price int // want `order.Lines\[\].price is not exported`
}

func sum(o *order) int { o.mu.Lock(); return o.total + o.Lines[0].price }

func steps(ctx durable.Context, _ any) error {
	_, e1 := durable.Step(ctx, "order", zero[*order])
	_, e2 := durable.Step(ctx, "reader", zero[io.Reader])          // want `io.Reader is an interface, and what is recorded does not say of which type to make it`
	_, e3 := durable.Step(ctx, "chan", zero[chan int])             // want `chan int cannot be written as JSON`
	_, e4 := durable.Step(ctx, "func", zero[map[string]func()])    // want `map\[string\]func\(\)\[\] cannot be written as JSON`
	_, e5 := durable.Step(ctx, "complex", zero[complex128])        // want `complex128 cannot be written as JSON`
	_, e6 := durable.Step(ctx, "status", zero[status])             // want `status has MarshalJSON and no UnmarshalJSON, so recordedtype.status is not read back as it was`
	_, e7 := durable.Step(ctx, "level", zero[level])               // want `level has MarshalText and no UnmarshalText`
	_, e8 := durable.Step(ctx, "keys", zero[map[float64]int])      // want `map\[float64\]int has keys that JSON cannot write`
	_, e9 := durable.Step(ctx, "struct keys", zero[map[point]int]) // want `has keys that JSON cannot write`
	_, e10 := durable.Step(ctx, "opaque", zero[helper.Opaque])     // want `helper.Opaque.n is not exported`
	_, e11 := durable.Step(ctx, "event", zero[event])              // want `event embeds time.Time, whose MarshalJSON writes that alone: the other fields are lost; give the field a name`
	return errors.Join(e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11)
}

type status int

func (s status) MarshalJSON() ([]byte, error) { return []byte(`"s"`), nil }

type level int

func (l level) MarshalText() ([]byte, error) { return []byte("l"), nil }

type point struct{ X, Y int }

type event struct {
	time.Time
	Name string
}

type shape interface{ Area() float64 }

type drawing struct {
	Shapes  []shape // want `drawing.Shapes\[\] is an interface`
	*hidden         // want `drawing.hidden is an embedded pointer to an unexported struct`
	Failed  error   // want `drawing.Failed is an interface`
	Token   string  `json:"-"` // want `drawing.Token is tagged .json:"-"., so a replay gets it back empty, and it is read`
}

type hidden struct{ A int }

type failure struct {
	Code  int
	cause string // want `failure.cause is not exported`
}

func (f failure) Error() string { return fmt.Sprint(f.Code, f.cause) }

var codec = durable.ErrorType[failure]("failure")

func others(ctx durable.Context, in []int) error {
	d, e1 := durable.RunInChildContext(ctx, "drawing", func(durable.Context) (drawing, error) { return drawing{}, nil })
	_, e2 := durable.Map(ctx, "map", in, func(_ durable.Context, n, _ int) (chan int, error) { return nil, nil })                        // want `chan int cannot be written`
	_, e3 := durable.Go(ctx, "go", func(durable.Context) (shape, error) { return nil, nil }).Result(ctx)                                 // want `shape is an interface`
	_, e4 := durable.WaitForCallback[shape](ctx, "cb", func(context.Context, string) error { return nil })                               // want `shape is an interface`
	_, e5 := durable.Invoke(ctx, "i", durable.Function[func(), int]{Name: "f"}, nil)                                                     // want `func\(\) cannot be written`
	_, e6 := helper.Do(ctx, func() (shape, error) { return nil, nil })                                                                   // want `shape is an interface.*\(what Do records\)`
	_, e7 := helper.Twice(ctx, "k", func() (status, error) { return 0, nil })                                                            // want `status has MarshalJSON.*\(what Twice records\)`
	_, e8 := own(ctx, big.NewInt(1), point{}, 3i)                                                                                        // want `complex128 cannot be written`
	_, e9 := durable.WaitForCondition(ctx, "c", shape(nil), func(context.Context, shape) (shape, bool, error) { return nil, true, nil }) // want `shape is an interface`
	return errors.Join(e1, e2, e3, e4, e5, e6, e7, e8, e9, errors.New(d.Token))
}

func own[A, B, C any](ctx durable.Context, _ A, _ B, c C) (C, error) {
	return helper.Do(ctx, func() (C, error) { return c, nil })
}

type input struct {
	ID    string
	state string // want `input.state is not exported.*\(the input of handler\)`
	cache string // the handler sets it
	Body  shape  // want `input.Body is an interface`
}

func handler(ctx durable.Context, in input) (output, error) {
	in.cache = in.ID
	return output{secret: in.state + in.cache}, nil
}

type output struct{ secret string }

func main() { durable.Start(handler) }

// What follows is right.

type money struct{ cents int }

func (m money) MarshalJSON() ([]byte, error)     { return json.Marshal(m.cents) }
func (m *money) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &m.cents) }

type tree struct {
	Kids []*tree
	When time.Time
	Big  *big.Int
	Raw  json.RawMessage
	Any  any
	M    map[int]money
	base
	hook func() `json:"-"`
}

type base struct{ A int }

type upper struct{}

func (upper) Marshal(context.Context, any) ([]byte, error) { return nil, nil }
func (upper) Unmarshal(context.Context, []byte, any) error { return nil }

func right(ctx durable.Context, opts ...durable.StepOption) error {
	t, e1 := durable.Step(ctx, "tree", zero[tree])
	t.hook()
	_, e2 := durable.Step(ctx, "own", zero[io.Reader], durable.WithSerdes(upper{}))
	_, e3 := durable.Step(ctx, "any", zero[map[string]any])
	_, e4 := durable.Step(ctx, "unknown", zero[io.Reader], opts...)
	_, e5 := durable.RunInChildContext(ctx, "virtual", func(durable.Context) (io.Reader, error) { return nil, nil }, durable.WithVirtual())
	_, e6 := durable.Step(ctx, "values", zero[url.Values])
	return errors.Join(e1, e2, e3, e4, e5, e6)
}
