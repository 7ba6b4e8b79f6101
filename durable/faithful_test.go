package durable_test

import (
	"context"
	"encoding/json"
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
	optional struct {
		A int `json:",omitempty"`
	}
	quoted struct {
		A int `json:",string"`
	}
	spaced struct {
		A int `json:"a b"`
	}
)

// What is not read back would come back as it was.
func TestFaithful(t *testing.T) {
	for _, v := range []any{0, "", true, 1.5, status(""), named(0), plain{}, [3]int{}, struct{}{}, struct{ A plain }{},
		time.Second} {
		if !durable.IsFaithful(reflect.TypeOf(v)) {
			t.Errorf("%T is read back", v)
		}
	}
	for _, v := range []any{[]int{}, map[string]int{}, new(int), json.RawMessage{}, json.Number(""), time.Time{}, struct{ A any }{},
		struct{ A []string }{}, struct{ a int }{}, struct{ Embedded }{}, writesOnly{}, readsOnly{}, textOnly{}, byPointer{},
		dashed{}, optional{}, quoted{}, spaced{}, complex(1, 1), [2][]int{}, struct{ T time.Time }{}} {
		if durable.IsFaithful(reflect.TypeOf(v)) {
			t.Errorf("%T is not read back", v)
		}
	}
	twice := reflect.StructOf([]reflect.StructField{ // go vet objects to it in code
		{Name: "A", Type: reflect.TypeFor[int](), Tag: `json:"x"`}, {Name: "B", Type: reflect.TypeFor[int](), Tag: `json:"x"`}})
	if durable.IsFaithful(twice) {
		t.Error("a struct that JSON leaves out members of is not read back")
	}
	if err := quick.Check(func(v plain) bool {
		data, err := durable.JSON.Marshal(context.Background(), v)
		var back plain
		return err == nil && durable.JSON.Unmarshal(context.Background(), data, &back) == nil &&
			(back == v || strings.Contains(string(data), `\ufffd`))
	}, nil); err != nil {
		t.Error(err)
	}
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
	t.Run("number", testValue(struct{ N json.Number }{"12"}, ""))
	t.Run("no number", testValue(struct{ N json.Number }{""}, ""))
}
