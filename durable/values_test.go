package durable_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/offload"
	"github.com/perdure/perdure/protocol"
)

// What an operation returns on the first run it returns on every other one.

// testValue tries a value with every operation. refused is what the error says
// where it cannot be recorded; empty is that it can.
func testValue[T any](v T, refused string) func(t *testing.T) {
	return func(t *testing.T) {
		sent := encoded(v)
		for name, op := range valueOperations(v) {
			t.Run(name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					runs := allRuns(t, sent, op)
					if refused != "" && (sentByOthers[name] || beyondType[name] && strings.HasPrefix(refused, byType)) {
						return
					}
					refused := strings.TrimPrefix(refused, byType)
					for _, run := range runs {
						if (run.err == "") != (refused == "") || !strings.Contains(run.err, refused) {
							t.Errorf("got %#v, %s; want refused %q", run.value, run.err, refused)
						}
					}
				})
			})
		}
	}
}

// byType marks what is refused because of the type alone.
const byType = "by type: "

// beyondType are the operations with another type, or a Serdes that might do
// better; sentByOthers those whose value others could not send either.
var (
	beyondType = map[string]bool{"Step, own Serdes": true, "Map, own Serdes": true, "Map, items' Serdes": true, "Map, too large": true,
		"Invoke": true}
	sentByOthers = map[string]bool{"Callback": true, "WaitForCallback": true}
)

// encoded is what others send; null if they cannot.
func encoded(v any) (text string) {
	defer func() {
		if recover() != nil {
			text = "null"
		}
	}()
	data, err := durable.JSON.Marshal(context.Background(), v)
	if err != nil {
		return "null"
	}
	return string(data)
}

// sight is what the code saw of an operation in one run.
type sight struct {
	value any
	err   string
}

// allRuns runs an operation, and code behind it that makes replays, and checks
// that all runs saw the same.
func allRuns(t *testing.T, sent string, op func(durable.Context) (any, error), opts ...durable.HandlerOption) (runs []sight) {
	t.Helper()
	svc := newService(t, "{}")
	svc.targets = map[string]func(string) settling{"echo:1": func(payload string) settling { return succeeds(time.Second, payload) }}
	svc.handedOut = func(op *protocol.Operation) { svc.settles(op, succeeds(time.Second, sent)) }
	return allRunsOf(t, svc, op, opts...)
}

func allRunsOf(t *testing.T, svc *service, op func(durable.Context) (any, error), opts ...durable.HandlerOption) (runs []sight) {
	t.Helper()
	out := svc.run(handle(svc, func(ctx durable.Context) (any, error) {
		v, err := op(ctx)
		runs = append(runs, sight{v, dissected(err)})
		for range 2 {
			if err := durable.Wait(ctx, "", time.Second); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}, opts...))
	if out.Status != protocol.InvocationSucceeded || len(runs) < 3 {
		t.Errorf("got %s %s after %d runs", out.Status, out.errorText(), len(runs))
	}
	for i, run := range runs {
		if run.err != runs[0].err || !reflect.DeepEqual(run.value, runs[0].value) {
			t.Errorf("run %d saw\n  %#v\n  %s\nand the first\n  %#v\n  %s", i+1, run.value, run.err, runs[0].value, runs[0].err)
		}
	}
	return runs
}

// sentinels are the errors that code compares with.
var sentinels = map[string]error{
	"ErrCanceled": durable.ErrCanceled, "ErrConditionNotMet": durable.ErrConditionNotMet, "ErrTimeout": durable.ErrTimeout,
	"ErrStopped": durable.ErrStopped, "ErrSuspended": durable.ErrSuspended,
	"ErrUnavailable": durable.ErrUnavailable, "DeadlineExceeded": context.DeadlineExceeded,
}

// dissected is everything that code can find out about an error.
func dissected(err error) string {
	var b strings.Builder
	var walk func(err error, depth int)
	walk = func(err error, depth int) {
		if err == nil || depth > 20 {
			return
		}
		fmt.Fprintf(&b, "%*s%T %v", depth, "", err, err)
		if r, ok := err.(*durable.RecordedError); ok {
			fmt.Fprintf(&b, " [%s|%s|%s|%q]", r.Type, r.Message, r.Data, r.Stack)
		}
		b.WriteString("\n")
		switch u := err.(type) {
		case interface{ Unwrap() error }:
			walk(u.Unwrap(), depth+1)
		case interface{ Unwrap() []error }:
			for _, err := range u.Unwrap() {
				walk(err, depth+1)
			}
		}
	}
	walk(err, 0)
	for _, name := range sorted(keys(sentinels)) {
		if err != nil && errors.Is(err, sentinels[name]) {
			b.WriteString("is " + name + "\n")
		}
	}
	return b.String()
}

type (
	anyMember  struct{ V any }
	writesOnly struct{ n int }
	readsOnly  struct{ N int }
	textOnly   struct{ s string }
	inner      struct {
		A int
		S []int
	}
	Embedded struct{ E, Same int }
	embeds   struct {
		Embedded
		*inner
		Same int
	}
	twins struct {
		A any `json:"key"`
		B any `json:"KEY"`
	}
	omits struct {
		Z any            `json:",omitzero"`
		E map[string]any `json:",omitempty"`
		P *int           `json:",omitempty"`
		H any            `json:"-"`
	}
	hidden    struct{ Shown, hidden int }
	withError struct{ Err error }
	shape     interface{ Area() float64 }
	square    struct{ Side float64 }
	named     int
	channels  struct{ C chan int }
)

func (writesOnly) MarshalJSON() ([]byte, error) { return []byte(`"text"`), nil }
func (*readsOnly) UnmarshalJSON([]byte) error   { return nil }
func (t textOnly) MarshalText() ([]byte, error) { return []byte(t.s), nil }
func (s square) Area() float64                  { return s.Side * s.Side }
func (c cloaked) MarshalJSON() ([]byte, error)  { return json.Marshal(c.v) }
func (c *cloaked) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &c.v) }
func (n nilled) MarshalJSON() ([]byte, error)   { return []byte(fmt.Sprint(*n.p)), nil }
func (n *nilled) UnmarshalJSON(b []byte) error  { return json.Unmarshal(b, &n.p) }

// cloaked hides an any behind methods; nilled panics if it holds nothing.
type (
	cloaked struct{ v any }
	nilled  struct{ p *int }
)

// byPointer has methods that its pointer has alone.
type byPointer struct{ n int }

func (b *byPointer) MarshalJSON() ([]byte, error)    { return json.Marshal(b.n) }
func (b *byPointer) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &b.n) }

func allValues() map[string]func(t *testing.T) {
	five := 5
	now := time.Date(2026, 3, 4, 5, 6, 7, 8, time.FixedZone("there", 5400))
	const interfaces, members = byType + "is an interface, and what is recorded does not say of which type to make it", "cannot unmarshal"
	return map[string]func(t *testing.T){
		"any: int":              testValue[any](7, ""),
		"any: int64":            testValue[any](int64(math.MaxInt64), ""),
		"any: uint64":           testValue[any](uint64(1<<53+1), ""),
		"any: float32":          testValue[any](float32(0.1), ""),
		"any: bool":             testValue[any](true, ""),
		"any: string":           testValue[any]("s", ""),
		"any: bytes":            testValue[any]([]byte{0, 255}, ""),
		"any: struct{}":         testValue[any](struct{}{}, ""),
		"any: struct":           testValue[any](order{ID: "o", Amount: 3}, ""),
		"any: named":            testValue[any](named(3), ""),
		"any: slice":            testValue[any]([]int{1, 2}, ""),
		"any: nil slice":        testValue[any]([]int(nil), ""),
		"any: nil map":          testValue[any](map[string]int(nil), ""),
		"any: map":              testValue[any](map[int]any{1: 2, 3: []int64{1 << 60}}, ""),
		"any: typed nil":        testValue[any]((*order)(nil), ""),
		"any: pointer":          testValue[any](&five, ""),
		"any: nil":              testValue[any](nil, ""),
		"any: Number":           testValue[any](json.Number("123456789012345678901234567890"), ""),
		"any: RawMessage":       testValue[any](json.RawMessage(` {"a" : 1} `), ""),
		"any: time":             testValue[any](now, ""),
		"any: NaN":              testValue[any](math.NaN(), "unsupported value: NaN"),
		"any: func":             testValue[any](func() {}, "unsupported type: func()"),
		"struct of any":         testValue(anyMember{V: anyMember{V: int64(1 << 60)}}, ""),
		"map of any":            testValue(map[string]any{"a": 1, "b": []any{int8(1), nil, uint64(math.MaxUint64)}}, ""),
		"slice of any":          testValue([]any{1, "a", nil, true, 1.5, []byte("x")}, ""),
		"pointer to any":        testValue(new(any), ""),
		"behind methods":        testValue(cloaked{v: 3}, ""),
		"MarshalJSON only":      testValue(writesOnly{n: 3}, members),
		"UnmarshalJSON only":    testValue(readsOnly{N: 3}, ""),
		"pointer's MarshalJSON": testValue(byPointer{n: 3}, ""),
		"member's pointer's":    testValue(struct{ A [1]byPointer }{[1]byPointer{{n: 3}}}, ""),
		"big.Int":               testValue(*big.NewInt(1 << 60), ""),
		"nil slice":             testValue([]int(nil), ""),
		"empty slice":           testValue([]int{}, ""),
		"nil map":               testValue(map[string]int(nil), ""),
		"empty map":             testValue(map[string]int{}, ""),
		"nil bytes":             testValue([]byte(nil), ""),
		"empty bytes":           testValue([]byte{}, ""),
		"bytes":                 testValue([]byte{0, 255, '"'}, ""),
		"RawMessage":            testValue(json.RawMessage(" {\"a\" : \n 1e3, \"<\":1} "), ""),
		"nil RawMessage":        testValue(json.RawMessage(nil), ""),
		"null RawMessage":       testValue(json.RawMessage("null"), ""),
		"bad RawMessage":        testValue(json.RawMessage("{"), "unexpected end of JSON"),
		"member RawMessage":     testValue(struct{ R json.RawMessage }{json.RawMessage(" [ 1 ] ")}, ""),
		"embedded":              testValue(embeds{Embedded: Embedded{1, 2}, Same: 4}, ""),
		"embedded pointer":      testValue(embeds{inner: &inner{A: 1}}, "cannot set embedded pointer to unexported struct"),
		"twins":                 testValue(twins{A: 1, B: 2}, ""),
		"omitted":               testValue(omits{Z: 0, E: map[string]any{}, P: &five, H: 3}, ""),
		"hidden":                testValue(hidden{1, 2}, ""),
		"big int64":             testValue(int64(math.MinInt64), ""),
		"uint64":                testValue(uint64(math.MaxUint64), ""),
		"float":                 testValue(math.Pi*1e300, ""),
		"negative zero":         testValue(math.Copysign(0, -1), ""),
		"float32":               testValue(float32(0.1), ""),
		"NaN":                   testValue(math.NaN(), "unsupported value: NaN"),
		"Inf":                   testValue(math.Inf(1), "unsupported value: +Inf"),
		"Number":                testValue(json.Number("1e400"), ""),
		"bad Number":            testValue(json.Number("x"), "invalid number literal"),
		"string":                testValue("a\u2028<&>\x00\"é", ""),
		"not UTF-8":             testValue("a\xff\xfeb", ""),
		"member not UTF-8":      testValue(map[string]string{"\xff": "\xfe"}, ""),
		"time":                  testValue(now, ""),
		"monotonic time":        testValue(time.Now(), ""),
		"far time":              testValue(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "year outside of range"),
		"pointer":               testValue(&order{ID: "o"}, ""),
		"nil pointer":           testValue((*order)(nil), ""),
		"pointer to a pointer":  testValue(new(*int), ""),
		"struct with nil error": testValue(withError{}, ""),
		"struct with an error":  testValue(withError{errShop}, members),
		"panics":                testValue(nilled{}, "panic: runtime error: invalid memory address"),
		"panics in any":         testValue[any](nilled{}, "panic: runtime error: invalid memory address"),
		"pointer that panics":   testValue(&nilled{}, "panic: runtime error: invalid memory address"),
		"interface":             testValue[shape](square{2}, interfaces),
		"nil interface":         testValue[shape](nil, interfaces),
		"pointer to interface":  testValue(new(shape), interfaces),
		"error":                 testValue[error](errShop, interfaces),
		"channel":               testValue(make(chan int), byType+"a chan int cannot be written as JSON"),
		"func":                  testValue(func() {}, byType+"a func() cannot be written as JSON"),
		"complex":               testValue(1i, byType+"a complex128 cannot be written as JSON"),
		"member channel": testValue(channels{}, byType+
			`a durable_test.channels cannot be written as JSON, because of the chan int in it`),
		"keys":             testValue(map[struct{ A int }]int{}, byType+"cannot be written as JSON"),
		"MarshalText only": testValue(textOnly{"s"}, byType+"has MarshalText and no UnmarshalText"),
	}
}

func TestValuesAreTheSameOnAllRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("it is long, and one goroutine does all")
	}
	for name, test := range allValues() {
		t.Run(name, test)
	}
}

// Where the type alone tells that a value cannot be recorded, nothing is done
// to get it.
func TestUnrecordableTypesAreRefusedBeforeTheWork(t *testing.T) {
	t.Run("interface", func(t *testing.T) { testRefusedBefore[shape](t, durable.JSON) })
	t.Run("channel", func(t *testing.T) { testRefusedBefore[chan int](t, durable.JSON) })
	t.Run("member", func(t *testing.T) { testRefusedBefore[*channels](t, durable.JSON) })
	t.Run("text", func(t *testing.T) { testRefusedBefore[textOnly](t, durable.JSON) })
	t.Run("Offload", func(t *testing.T) { testRefusedBefore[error](t, offload.Values{Store: new(cupboard)}) })
	t.Run("Raw", func(t *testing.T) { testRefusedBefore[int](t, durable.Raw) })
	t.Run("SerdesOf", func(t *testing.T) { testRefusedBefore[int](t, durable.SerdesOf[string](nil, nil)) })
}

func testRefusedBefore[T any](t *testing.T, serdes durable.Serdes) {
	bubble(t, func(t *testing.T) {
		done := 0
		body := func(context.Context) (v T, err error) { done++; return v, nil }
		work := func(durable.Context) (v T, err error) { done++; return v, nil }
		set := durable.WithSerdes(serdes)
		var errs []error
		svc := newService(t, "{}")
		out := svc.run(handle(svc, func(ctx durable.Context) (any, error) {
			ctx = durable.With(ctx, set)
			errs = nil
			note := func(_ any, err error) { errs = append(errs, err) }
			note(durable.Step(ctx, "step", body))
			note(durable.RunInChildContext(ctx, "child", work))
			note(durable.Go(ctx, "go", work).Result(ctx))
			note(durable.Map(ctx, "map", []int{1}, func(ctx durable.Context, _, _ int) (T, error) { return work(ctx) }))
			note(durable.Parallel(ctx, "parallel", []durable.Branch[T]{{Name: "b", Func: work}}))
			note(durable.WaitForCondition(ctx, "condition", *new(T),
				func(context.Context, T) (v T, ok bool, err error) { done++; return v, true, nil }))
			g := new(durable.Graph)
			durable.AddTask(g, "task", work)
			note(nil, g.Run(ctx, "graph"))
			if serdes == durable.JSON {
				note(durable.CreateCallback[func()](ctx, "callback"))
				note(durable.CreateCallback[shape](ctx, "callback"))
				note(durable.WaitForCallback[shape](ctx, "wait", func(context.Context, string) error { done++; return nil }))
				note(durable.Invoke(ctx, "invoke", durable.Function[int, shape]{Name: "f"}, 1))
				note(durable.Invoke(ctx, "invoke", durable.Function[chan int, any]{Name: "f"}, nil))
			}
			return nil, nil
		}))
		for i, err := range errs {
			if refused := (*durable.SerdesError)(nil); !errors.As(err, &refused) {
				t.Errorf("operation %d: got %v, want a SerdesError", i, err)
			}
		}
		if done != 0 || out.Status != protocol.InvocationSucceeded {
			t.Errorf("%d bodies ran; %s %s", done, out.Status, out.errorText())
		}
	})
}

// What goes out may be written by whoever can, and is read by nobody here.
func TestResultOfTheHandlerIsNotDecoded(t *testing.T) {
	for want, result := range map[string]any{
		`"text"`:                writesOnly{n: 1},
		`{"Side":2}`:            square{2},
		`{"Err":"of an order"}`: struct{ Err error }{shopError("of an order")},
	} {
		bubble(t, func(t *testing.T) {
			svc := newService(t, "{}")
			if out := svc.run(handle(svc, func(durable.Context) (any, error) { return result, nil })); out.result() != want {
				t.Errorf("got %s %s, want %s", out.result(), out.errorText(), want)
			}
		})
	}
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		h := durable.NewHandler(func(durable.Context, any) (shape, error) { return square{3}, nil }, durable.WithClient(svc))
		if out := svc.run(h); out.result() != `{"Side":3}` {
			t.Errorf("got %s %s", out.result(), out.errorText())
		}
	})
}

type shopError string

func (e shopError) Error() string { return string(e) }

func TestHandlersThatCannotBe(t *testing.T) {
	for want, make := range map[string]func(){
		"the execution's input: durable_test.shape is an interface": func() {
			durable.NewHandler(func(durable.Context, shape) (int, error) {
				return 0, nil
			})
		},
		"the handler's result: a chan int cannot be written as JSON": func() {
			durable.NewHandler(func(durable.Context, int) (chan int, error) {
				return nil, nil
			})
		},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
					t.Errorf("got %s, want a panic with %s", got, want)
				}
			}()
			make()
		}()
	}
}

// Any value that Go can put into an any comes back the same on every run.
func TestAnyValueIsTheSameOnAllRuns(t *testing.T) {
	scalar := rapid.OneOf(
		rapid.Just[any](nil), rapid.Just[any]((*order)(nil)), rapid.Just[any](json.RawMessage(` [1 , 2] `)), rapid.Just[any](errShop),
		rapid.Map(rapid.Int(), box), rapid.Map(rapid.Int64(), box), rapid.Map(rapid.Uint64(), box), rapid.Map(rapid.Float32(), box),
		rapid.Map(rapid.Float64(), box), rapid.Map(rapid.Bool(), box), rapid.Map(rapid.String(), box),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) any { return string(b) }), rapid.Map(rapid.SliceOf(rapid.Byte()), box),
	)
	value := scalar
	for range 3 {
		deeper := value
		value = rapid.OneOf(scalar,
			rapid.Map(rapid.SliceOfN(deeper, 0, 3), box), rapid.Map(rapid.MapOfN(rapid.String(), deeper, 0, 3), box),
			rapid.Map(deeper, func(v any) any { return anyMember{v} }), rapid.Map(deeper, func(v any) any { return &v }),
			rapid.Map(deeper, func(v any) any { return cloaked{v} }), rapid.Map(rapid.MapOfN(rapid.Int(), deeper, 0, 3), box),
		)
	}
	rapid.Check(t, func(rt *rapid.T) {
		v := value.Draw(rt, "value")
		ops := valueOperations(v)
		name := rapid.SampledFrom(sorted(keys(ops))).Draw(rt, "operation")
		bubble(t, func(t *testing.T) { allRuns(t, encoded(v), ops[name]) })
		if t.Failed() {
			rt.Fatalf("%s of %#v", name, v)
		}
	})
}

func box[T any](v T) any { return v }

func keys[V any](m map[string]V) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}
