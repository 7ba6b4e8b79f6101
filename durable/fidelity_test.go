package durable_test

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/perdure/perdure/durable"
)

type (
	status string
	plain  struct {
		ID      string `json:"id"`
		Status  status
		Cents   int64   `json:"cents"`
		Rate    float64 `json:"rate"`
		Small   float32
		Byte    uint8
		Big     uint64
		Paid    bool
		Place   [2]struct{ X, Y float64 }
		Hash    [8]byte
		Twin    int `json:"TWIN"`
		Twin2   int `json:"twin"`
		Ünicode rune
	}
	dashed struct {
		A int `json:"-"`
	}
	quoted struct {
		A int `json:",string"`
	}
	spaced struct {
		A int `json:"a b"`
	}
	optional struct {
		A int             `json:",omitempty"`
		B string          `json:"b,omitempty"`
		C bool            `json:",omitzero"`
		D plain           `json:"d"`
		E *plain          `json:",omitempty"`
		F []plain         `json:",omitempty"`
		G []byte          `json:",omitzero"`
		H map[string]*int `json:",omitempty"`
	}
	lists struct {
		Bytes  []byte
		Texts  []string
		Matrix [][]int
		Pairs  [2][]uint8
		Places []struct{ X, Y *float64 }
		ByName map[status]map[int8]plain
		Next   *optional
	}
	zeroTeller int
	tree       struct{ Children []tree }
	ring       struct{ Next *ring }
)

func (zeroTeller) IsZero() bool { return true }

// What is not read back would come back as it was, in memory of its own if it has any.
func TestFidelity(t *testing.T) {
	twice := reflect.New(reflect.StructOf([]reflect.StructField{ // go vet objects to it in code
		{Name: "A", Type: reflect.TypeFor[int](), Tag: `json:"x"`},
		{Name: "B", Type: reflect.TypeFor[int](), Tag: `json:"x"`},
	})).Elem().Interface()
	for want, values := range map[string][]any{
		"same": {0, "", true, 1.5, status(""), named(0), plain{}, [3]int{}, struct{}{}, struct{ A plain }{}, time.Second,
			struct {
				A int  `json:",omitempty"`
				B bool `json:"b,omitzero"`
			}{}},
		"detached": {[]int{}, []byte{}, map[string]int{}, map[int]plain{}, new(int), &plain{}, []*int{}, [2][]int{}, optional{}, lists{},
			struct{ A []string }{}},
		"changed": {json.RawMessage{}, json.Number(""), time.Time{}, struct{ A any }{}, []any{}, map[string]any{}, new(any), new(*int),
			new([]int), new(map[string]int), struct{ a int }{}, struct{ Embedded }{}, writesOnly{}, readsOnly{}, textOnly{},
			byPointer{}, dashed{}, quoted{}, spaced{}, twice, complex(1, 1), struct{ T time.Time }{}, []time.Time{},
			map[textOnly]int{}, tree{}, &ring{}, []tree{},
			struct {
				A float64 `json:",omitempty"` // of which -0 is left out
			}{},
			struct {
				A float32 `json:",omitzero"`
			}{},
			struct {
				A zeroTeller `json:",omitzero"`
			}{},
			struct {
				A plain `json:",omitzero"`
			}{},
			struct {
				A int `json:",omitempty,omitzero"`
			}{},
		},
	} {
		for _, v := range values {
			if got := durable.Fidelity(reflect.TypeOf(v)); got != want {
				t.Errorf("%T: got %s, want %s", v, got, want)
			}
		}
	}
}

// Values that are not read back are what JSON would have read.
func TestDetach(t *testing.T) {
	isRead := func(v lists, o optional, l plain) bool {
		v.Next = &o
		for i := range o.F {
			o.F[i].Place[0].X = math.Copysign(0, -1)
		}
		data, err := durable.JSON.Marshal(context.Background(), v)
		var back lists
		if err != nil || durable.JSON.Unmarshal(context.Background(), data, &back) != nil {
			return false
		}
		return strings.Contains(string(data), `\ufffd`) || reflect.DeepEqual(durable.Detach(v), back)
	}
	if err := quick.Check(isRead, nil); err != nil {
		t.Error(err)
	}
	for _, v := range []lists{
		{},
		{Bytes: []byte{}, Texts: []string{}, Matrix: [][]int{nil, {}}, ByName: map[status]map[int8]plain{"a": nil, "b": {}}},
		{Next: &optional{F: []plain{}, G: []byte{}, H: map[string]*int{}}},
		{Next: &optional{H: map[string]*int{"": nil}}},
	} {
		if !isRead(v, *cmp.Or(v.Next, &optional{}), plain{}) {
			t.Errorf("%+v is read as another value", v)
		}
	}
}

// What a step returns is not the memory that its code goes on with.
func TestResultIsDetached(t *testing.T) {
	bubble(t, func(t *testing.T) {
		shared := &lists{Texts: []string{"a"}, ByName: map[status]map[int8]plain{"a": {1: {}}}, Next: &optional{E: &plain{ID: "a"}}}
		want := `{"Bytes":null,"Texts":["a"],"Matrix":null,"Pairs":[null,null],"Places":null,"ByName":{"a":{"1":`
		svc := newService(t, "{}")
		out := svc.run(handle(svc, func(ctx durable.Context) (any, error) {
			got, err := durable.Step(ctx, "s", func(context.Context) (*lists, error) { return shared, nil })
			shared.Texts[0], shared.Next.E.ID = "b", "b"
			delete(shared.ByName["a"], 1)
			return got, err
		}))
		if out.Result == nil || !strings.HasPrefix(*out.Result, want) || strings.Contains(*out.Result, `"b"`) {
			t.Errorf("got %+v, want a result as it was recorded", out)
		}
	})
}

// A step returns on the first run what it returns on replay, also where a string is not UTF-8.
func TestFaithfulValues(t *testing.T) {
	for name, v := range map[string]plain{
		"plain":     {ID: "o1", Cents: 3, Place: [2]struct{ X, Y float64 }{{1, 2}, {3, 4}}},
		"not UTF-8": {ID: "a\xffb"},
		"looks so":  {ID: `a\ufffd`},
		"character": {ID: "a\ufffd"},
		"largest":   {Big: 1<<64 - 1, Cents: -1 << 63, Rate: 1e-320},
	} {
		t.Run(name, testValue(v, ""))
	}
	t.Run("optional", testValue(optional{A: 1, F: []plain{}, E: &plain{ID: "a\xffb"}}, ""))
	t.Run("lists", testValue(lists{Bytes: []byte("a"), Texts: []string{"a", "\xff"}, Matrix: [][]int{nil, {1}}}, ""))
	t.Run("pointer", testValue(&plain{ID: "o1"}, ""))
	t.Run("nil", testValue((*plain)(nil), ""))
	t.Run("map", testValue(map[string][]string{"a": nil, "b": {}, "c": {"d"}}, ""))
	t.Run("number", testValue(struct{ N json.Number }{"12"}, ""))
	t.Run("no number", testValue(struct{ N json.Number }{""}, ""))
}
