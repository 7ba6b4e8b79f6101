package rehearsal

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/protocol"
)

// TestParse: each sentence of package durable is read. The tests of Rehearse hold it to what durable says.
func TestParse(t *testing.T) {
	const hint = "; code between operations must do the same on every run, so …"
	for text, want := range map[string]*Divergence{
		`1: recorded STEP/Step "a", but the code returned without reaching it`: {ID: "1", Recorded: `STEP/Step "a"`},
		`1: recorded STEP/Step "a", but the code now fails without reaching it: no; not (at all)`: {ID: "1",
			Recorded: `STEP/Step "a"`, Fails: "no; not (at all)"},
		`3-1: recorded STEP/Step "a \"b\", but the code now does", but the code now does WAIT (at /x/y z.go:7)`: {ID: "3-1",
			Recorded: `STEP/Step "a \"b\", but the code now does"`, Current: "WAIT", Where: "/x/y z.go:7"},
		`2: recorded that CONTEXT/Map succeeded, but the code now fails: there are 2 items (at a.go:1)`: {ID: "2",
			Recorded: "CONTEXT/Map", Current: "CONTEXT/Map", Fails: "there are 2 items", Where: "a.go:1"},
		`2: the code now does STEP/Step "b", but nothing was recorded there, though the execution has come past it (at a.go:1)`: {
			ID: "2", Current: `STEP/Step "b"`, Where: "a.go:1"},
		`1: recorded WAIT/Wait "a", but the code now does STEP/Step "b" (at a.go:1) in a deferred function, because it ` +
			`panics at main.handler (a.go:9)`: {ID: "1", Recorded: `WAIT/Wait "a"`, Current: `STEP/Step "b"`, Where: "a.go:1",
			Panics: "main.handler (a.go:9)"},
	} {
		want.Text = "operation " + text
		got := Parse(&protocol.ErrorObject{ErrorType: protocol.ErrorTypeNonDeterminism,
			ErrorMessage: "perdure: non-deterministic code at operation " + text + hint})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for _, e := range []*protocol.ErrorObject{
		nil, {}, {ErrorType: "Error", ErrorMessage: "perdure: non-deterministic code at operation 1: x"},
		{ErrorType: protocol.ErrorTypeNonDeterminism, ErrorMessage: "another SDK's words"},
		{ErrorType: protocol.ErrorTypeNonDeterminism, ErrorMessage: "perdure: non-deterministic code at operation "},
	} {
		if got := Parse(e); got != nil {
			t.Errorf("%+v: got %+v, want nothing", e, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`1: recorded STEP/Step "a", but the code now does STEP/Step "b" (at a.go:1)`)
	f.Fuzz(func(t *testing.T, text string) {
		d := Parse(&protocol.ErrorObject{ErrorType: protocol.ErrorTypeNonDeterminism,
			ErrorMessage: "perdure: non-deterministic code at operation " + text})
		if d != nil {
			Sides([]*protocol.Operation{{ID: "1", Type: protocol.TypeStep}}, d)
		}
	})
}
