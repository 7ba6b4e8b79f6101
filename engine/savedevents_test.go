package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// Events that people save are there after a restart, each of its function, and one with the same name is in its place.
func TestSavedEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("f", waitFor)
		f.durable("g", waitFor)
		for _, one := range []engine.SavedEvent{
			{Function: "f", Name: "small", Event: `1`, By: "ann"}, {Function: "f", Name: "big/../ü", Event: `{"n":2}`},
			{Function: "g", Name: "small", Event: `3`}, {Function: "f", Name: "small", Event: `4`, By: "bob"},
		} {
			kept, err := f.SavedEvents().Save(t.Context(), &one)
			if err != nil {
				t.Fatal(err)
			}
			read, err := f.SavedEvents().Get(t.Context(), one.Function, one.Name)
			if err != nil || kept.Saved == 0 || kept.By != one.By {
				t.Errorf("got %+v, %v, want when it was saved, and by whom", kept, err)
			}
			if diff := cmp.Diff(read, kept); diff != "" {
				t.Errorf("what was saved is told otherwise (-read +saved):\n%s", diff)
			}
		}
		f.restart()
		list := func() (names []string) {
			all, err := f.SavedEvents().List(t.Context(), "f")
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range all {
				names = append(names, fmt.Sprint(one.Name, one.Event, one.By, one.Saved != 0))
			}
			return names
		}
		if diff := cmp.Diff([]string{`big/../ü{"n":2}true`, "small4bobtrue"}, list()); diff != "" {
			t.Errorf("the saved events of f (-want +got):\n%s", diff)
		}
		for _, ref := range []string{"f", "f:7", "f:live", "arn:aws:lambda:us-east-1:000000000000:function:f"} {
			if all, err := f.SavedEvents().List(t.Context(), ref); err != nil || len(all) != 2 {
				t.Errorf("%s: got %d events, %v, want 2", ref, len(all), err)
			}
			one, err := f.SavedEvents().Get(t.Context(), ref, "small")
			if err != nil || one.Event != "4" || one.By != "bob" {
				t.Errorf("%s: got %+v, %v, want that of bob", ref, one, err)
			}
		}
		_, err := f.SavedEvents().Get(t.Context(), "f", "none")
		wantCode(t, "no such event", err, protocol.CodeNotFound, `There is no saved event "none" of function f`)
		_, err = f.SavedEvents().List(t.Context(), "no name")
		wantCode(t, "no name", err, protocol.CodeInvalidParameter, "")
		for range 2 { // it stays gone
			if err := f.SavedEvents().Forget(t.Context(), "f", "small"); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]string{`big/../ü{"n":2}true`}, list()); diff != "" {
			t.Errorf("after one was deleted (-want +got):\n%s", diff)
		}
	})
}

// What is saved has bounds, and is what it says.
func TestBadSavedEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("f", waitFor)
		save := func(function, name, event string) error {
			_, err := f.SavedEvents().Save(t.Context(), &engine.SavedEvent{Function: function, Name: name, Event: event})
			return err
		}
		for name, bad := range map[string][3]string{
			"no name": {"f", "", "1"}, "a long name": {"f", strings.Repeat("x", engine.MaxSavedEventName+1), "1"},
			"control characters": {"f", "\x1b[31m", "1"}, "text to the left": {"f", "\u202e", "1"},
			"no UTF-8": {"f", "\xff", "1"}, "an event without UTF-8": {"f", "x", "\"\xff\""},
			"no JSON": {"f", "x", "{"}, "no event": {"f", "x", ""},
			"too large": {"f", "x", `"` + strings.Repeat("x", engine.MaxSavedEvent) + `"`},
		} {
			wantCode(t, name, save(bad[0], bad[1], bad[2]), protocol.CodeInvalidParameter, "")
		}
		wantCode(t, "no such function", save("nothing", "x", "1"), protocol.CodeNotFound, "")
		for i := range engine.MaxSavedEvents {
			if err := save("f", fmt.Sprint(i), "1"); err != nil {
				t.Fatal(err)
			}
		}
		large := `"` + strings.Repeat("<", engine.MaxSavedEvent/2) + strings.Repeat(`\"`, engine.MaxSavedEvent/4-1) + `"`
		if err := save("f", "8", large); err != nil {
			t.Errorf("one of which escapes make much more: %v", err)
		}
		wantCode(t, "too many", save("f", "x", "1"), protocol.CodeConflict, "delete one")
		if err := save("f", "7", "2"); err != nil {
			t.Errorf("one that is there may change: %v", err)
		}
	})
}
