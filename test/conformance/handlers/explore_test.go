package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/perdure/perdure/durabletest"
)

// event is what a requirement sends to its function, and what becomes of the callbacks that it creates.
type event struct {
	Input     json.RawMessage
	Callbacks []struct {
		CallbackName string
		Delay        int // seconds
		Operation    string
		Payload      json.RawMessage
	}
}

// TestHandlersSurvive explores each function with the event of its requirement.
func TestHandlersSurvive(t *testing.T) {
	data, err := os.ReadFile("testdata/events.json")
	if err != nil {
		t.Fatal(err)
	}
	var events map[string]event
	if err := json.Unmarshal(data, &events); err != nil {
		t.Fatal(err)
	}
	all, runs := functions(), 40
	if testing.Short() {
		runs = 5
	}
	silence(t)
	marks := t.TempDir()
	t.Setenv("CONFORMANCE_MARKS", marks)
	for name, ev := range events {
		t.Run(name, func(t *testing.T) {
			f := all[name]
			if f.handler == nil {
				t.Fatal("there is no such function")
			}
			durabletest.Explore(t, f.handler, ev.Input, func(_ *testing.T, x *durabletest.Execution) {
				die = x.Die
				clearMarks(t, marks)
				ev.act(x)
			}, durabletest.With(f.options...), durabletest.Runs(runs),
				durabletest.Equal(alike))
		})
	}
}

// alike reports whether an outcome is right. Faults take time, so whoever answers a callback may be too late, and they
// interrupt attempts, of which there may be no other.
func alike(undisturbed, disturbed *durabletest.Result[json.RawMessage]) bool {
	if disturbed.Same(undisturbed) {
		return true
	}
	return disturbed.Error != nil &&
		slices.Contains([]string{"CallbackTimeoutError", "StepInterruptedError"}, disturbed.Error.ErrorType)
}

// clearMarks forgets what functions did in the run before.
func clearMarks(t *testing.T, dir string) {
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// silence takes away the standard output, which the requirements read.
func silence(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = null
	t.Cleanup(func() {
		os.Stdout = stdout
		null.Close()
	})
}

func (ev event) act(x *durabletest.Execution) {
	echo := func(_ context.Context, input any) (any, error) { return input, nil }
	fail := func(context.Context, any) (any, error) { return nil, errors.New("this function always fails") }
	for _, prefix := range []string{"", "otel-"} {
		durabletest.Stub(x, prefix+"echo", echo).Optional()
		durabletest.Stub(x, prefix+"failing", fail).Optional()
	}
	durabletest.Stub(x, "tenant", echo).Optional()
	durabletest.Stub(x, "otel-waiting", echo).Optional()
	ids := map[string]string{}
	for _, c := range ev.Callbacks {
		if ids[c.CallbackName] == "" {
			ids[c.CallbackName] = x.Callback(c.CallbackName)
		}
		id := ids[c.CallbackName]
		x.Advance(time.Duration(c.Delay) * time.Second)
		switch c.Operation {
		case "success":
			x.SucceedCallback(id, string(c.Payload))
		case "failure":
			var reason struct{ ErrorType, ErrorMessage string }
			if err := json.Unmarshal(c.Payload, &reason); err != nil {
				panic(err)
			}
			x.FailCallback(id, reason.ErrorType, reason.ErrorMessage)
		case "heartbeat":
			x.HeartbeatCallback(id)
		}
	}
}
