package engine_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// TestErrorsWithoutAType: they have a word of their own in filters, for which no type is taken, however it looks.
func TestErrorsWithoutAType(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		types := map[string]string{ // by name, with the word for it
			"none": "-", "dash": `\-`, "escaped": `\\-`, "more": `\\\-`, "blank": "-", "word": "Declined", "odd": "--", "back": `\`,
		}
		f.durable("pay", func(c *call) engine.Outcome {
			var errorType string
			if err := json.Unmarshal([]byte(*c.in.InitialExecutionState.Operations[0].Payload), &errorType); err != nil {
				t.Error(err)
			}
			answer, err := json.Marshal(map[string]any{"Status": "FAILED", "Error": protocol.ErrorObject{ErrorType: errorType}})
			if err != nil {
				t.Error(err)
			}
			return engine.Outcome{Payload: answer}
		})
		given := map[string]string{"none": "", "dash": "-", "escaped": `\-`, "more": `\\-`, "blank": " \n", "word": "Declined",
			"odd": "--", "back": `\`}
		for name, errorType := range given {
			input, _ := json.Marshal(errorType)
			f.result(f.start("pay", name, string(input)))
		}
		f.durable("well", func(*call) engine.Outcome { return succeed("") })
		f.result(f.start("well", "good", `{}`))
		f.durable("waits", func(c *call) engine.Outcome { c.wait("1", 60); return pending() })
		stopped := f.start("waits", "stopped", `{}`)
		if _, err := f.Stop(t.Context(), &engine.StopRequest{ARN: stopped}); err != nil {
			t.Fatal(err)
		}
		f.start("waits", "open", `{}`)
		for _, when := range []string{"at once", "after a restart"} {
			for name, word := range types {
				if got := engine.ErrorWord(given[name]); got != word {
					t.Errorf("the word for %q is %q, want %q", given[name], got, word)
				}
				want := []string{name}
				if word == "-" {
					want = []string{"blank", "none", "stopped"}
				}
				filter := engine.Filter{Error: word}
				got := f.found(&filter)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s, %s (-want +got):\n%s", when, word, diff)
				}
				c, err := f.Count(t.Context(), &filter)
				if err != nil || c.Total != len(want) {
					t.Errorf("%s, %s: got %+v, %v, want %d", when, word, c, err, len(want))
				}
			}
			f.restart()
		}
		c, err := f.Count(t.Context(), &engine.Filter{Function: "pay"})
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]int{}
		for _, one := range c.Failures {
			told[one.Error] = one.N
		}
		want := map[string]int{"": 2, "-": 1, `\-`: 1, `\\-`: 1, "Declined": 1, "--": 1, `\`: 1}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("what is told (-want +got):\n%s", diff)
		}
	})
}

// found are the names of the executions that pass a filter, in order, with the types of errors that the list tells
// checked against the words.
func (f *fixture) found(filter *engine.Filter) (names []string) {
	f.t.Helper()
	items, _, err := f.List(f.t.Context(), &engine.ListRequest{Filter: *filter})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, one := range items {
		if filter.Error != "" && engine.ErrorWord(one.Error) != filter.Error {
			f.t.Errorf("%s: the list tells the error %q, whose word is not %q", one.Name, one.Error, filter.Error)
		}
		names = append(names, one.Name)
	}
	slices.Sort(names)
	return names
}
