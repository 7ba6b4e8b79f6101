package protocol_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/perdure/perdure/protocol"
	"github.com/perdure/perdure/test/hostile"
)

func TestWeight(t *testing.T) {
	for text, values := range map[string]int{
		`1`: 1, `"a,[{b"`: 1, `"a\",["`: 1, `"\\",1`: 2, `[]`: 2, `[1,2]`: 3, `{"a":{}}`: 3, `{"a":"{[,","b":[]}`: 4,
	} {
		if got, want := protocol.Weight([]byte(text)), len(text)+values*protocol.ValueCost; got != want {
			t.Errorf("%s: got %d, want %d", text, got, want)
		}
	}
}

// TestWeightBoundsWhatIsMade: no shape of ours takes more memory than its JSON
// weighs. What a growing list gives back comes on top, three times its size.
func TestWeightBoundsWhatIsMade(t *testing.T) {
	for _, text := range hostile.HostileJSON(256<<10, "StackTrace", "Operations", "Error") {
		for _, v := range []any{&protocol.ErrorObject{}, &protocol.InvocationOutput{}, &[]string{}, &[]json.RawMessage{}} {
			made := hostile.Made(func() { _ = json.Unmarshal([]byte(text), v) })
			if weight := uint64(protocol.Weight([]byte(text))); made > 4*weight {
				t.Errorf("%.30s as %T: made %d bytes of what weighs %d", text, v, made, weight)
			}
		}
	}
}

func TestDecodeTrace(t *testing.T) {
	if got := strings.Join(protocol.DecodeTrace([]byte(`["a","b"]`)), " "); got != "a b" {
		t.Errorf("got %q", got)
	}
	for _, none := range []string{``, `null`, `{}`, `[1]`, "[" + strings.Repeat(`"",`, 1<<20) + `""]`} {
		if got := protocol.DecodeTrace([]byte(none)); got != nil {
			t.Errorf("%.10s: got %d lines, want none", none, len(got))
		}
	}
}
