package adminapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// Events come back as they were saved, however large they may be and however they are escaped on the way.
func TestSavedEvents(t *testing.T) {
	w := newWorld(t)
	err := w.engine.Functions().Register(engine.Function{
		Name: "f", Timeout: time.Hour, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}, Invoker: hanging{},
	})
	if err != nil {
		t.Fatal(err)
	}
	large := `"` + strings.Repeat("<", engine.MaxSavedEvent-2) + `"`
	events := map[string]string{"große/../&?": "{ \"n\" : 12345678901234567890.0, \"\\u00fc\": null}", "large": large}
	for name, event := range events {
		one, err := w.client.SaveEvent(t.Context(), "f", name, []byte(event))
		if err != nil || one.Name != name || one.Bytes != len(event) || one.SavedTimestamp == 0 || one.Event != "" {
			t.Errorf("saving %s: got %+v, %v", name, one, err)
		}
		if one, err = w.client.SavedEvent(t.Context(), "f", name); err != nil || one.Event != event {
			t.Errorf("%s: got %.100q, %v, want %.100q", name, one.Event, err, event)
		}
	}
	all, err := w.client.SavedEvents(t.Context(), "f")
	if err != nil || len(all) != len(events) {
		t.Errorf("got %d events, %v, want %d", len(all), err, len(events))
	}
	for _, one := range all {
		if one.Event != "" || one.Bytes != len(events[one.Name]) {
			t.Errorf("a list has %+.100v", one)
		}
		if err := w.client.DeleteSavedEvent(t.Context(), "f", one.Name); err != nil {
			t.Error(err)
		}
		if err := w.client.DeleteSavedEvent(t.Context(), "f", one.Name); !protocol.HasCode(err, protocol.CodeNotFound) {
			t.Errorf("deleting it again: got %v, want %s", err, protocol.CodeNotFound)
		}
	}
	for what, err := range map[string]error{
		"too large": save(t, w, "f", "x", large[:10]+large), "no JSON": save(t, w, "f", "x", "{"), "no name": save(t, w, "f", "", "1"),
		"no function": save(t, w, "f/..", "x", "1"),
	} {
		if !protocol.HasCode(err, protocol.CodeInvalidParameter) {
			t.Errorf("%s: got %v, want %s", what, err, protocol.CodeInvalidParameter)
		}
	}
}

func save(t *testing.T, w *world, function, name, event string) error {
	_, err := w.client.SaveEvent(t.Context(), function, name, []byte(event))
	return err
}
