package offload_test

import (
	"strings"
	"testing"

	"github.com/perdure/perdure/durable/offload"
)

func TestPreviewJSON(t *testing.T) {
	type card struct {
		Number string `json:"number"`
		Holder string `json:"holder"`
	}
	deep := any("bottom")
	for range 40 {
		deep = []any{deep}
	}
	preview := offload.PreviewJSON("Number", "pin")
	for want, v := range map[string]any{
		`{"cards":[{"holder":"Ann","number":"***"}],"pin":"***"}`:   map[string]any{"cards": []card{{"4242", "Ann"}}, "pin": []int{1, 2}},
		`[0,1,2,3,4,5,6,7,8,9,"… (2 more)"]`:                        []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
		`{"big":12345678901234567890}`:                              map[string]uint64{"big": 12345678901234567890},
		`"` + strings.Repeat("x", 190) + ` … (cut)"`:                strings.Repeat("x", 1000),
		strings.Repeat("[", 32) + `"[…]"` + strings.Repeat("]", 32): deep,
		`func()`: func() {},
	} {
		if got := preview(v); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}
