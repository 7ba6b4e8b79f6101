package progress

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/protocol"
)

const start = protocol.Timestamp(1_795_000_000_000)

// order is the history of a small order with a step that needs two attempts.
func order() []*protocol.Event {
	reason := &protocol.ErrorObject{ErrorType: "Declined", ErrorMessage: "the card\nwas \x1b[31mdeclined"}
	events := []*protocol.Event{
		{Type: protocol.EventExecutionStarted, Time: start},
		{Type: protocol.EventStepStarted, Time: start + 10, OpID: "1", Name: "validate_order", SubType: "Step"},
		{Type: protocol.EventStepSucceeded, Time: start + 10, OpID: "1", Name: "validate_order", SubType: "Step", CurrentAttempt: 1},
		{Type: protocol.EventStepStarted, Time: start + 20, OpID: "2", Name: "process_payment", SubType: "Step"},
		{Type: protocol.EventStepFailed, Time: start + 80, OpID: "2", Name: "process_payment", SubType: "Step",
			Error: reason, CurrentAttempt: 1, NextAttemptDelay: 2},
		{Type: protocol.EventInvocationCompleted, Time: start + 90},
		{Type: protocol.EventStepStarted, Time: start + 2080, OpID: "2", Name: "process_payment", SubType: "Step"},
		{Type: protocol.EventInvocationCompleted, Time: start + 2100,
			Error: &protocol.ErrorObject{ErrorType: "Runtime.ExitError", ErrorMessage: "exit status 2"}},
		{Type: protocol.EventStepSucceeded, Time: start + 3180, OpID: "2", Name: "process_payment", SubType: "Step", CurrentAttempt: 2},
		{Type: protocol.EventContextStarted, Time: start + 3200, OpID: "3", SubType: "RunInChildContext", Name: "later"},
		{Type: protocol.EventWaitStarted, Time: start + 3200, OpID: "3-1", ParentID: "3", SubType: "Wait", Duration: 65,
			ScheduledEnd: start + 68200},
		{Type: protocol.EventWaitSucceeded, Time: start + 68200, OpID: "3-1", ParentID: "3", SubType: "Wait", Duration: 65},
		{Type: protocol.EventContextSucceeded, Time: start + 68300, OpID: "3", SubType: "RunInChildContext", Name: "later"},
		{Type: protocol.EventExecutionSucceeded, Time: start + 68300},
	}
	for i, e := range events {
		e.ID = int64(i + 1)
	}
	return events
}

func TestPlainLines(t *testing.T) {
	t.Setenv("TZ", "UTC")
	var b strings.Builder
	v := New(&b, Options{})
	for _, e := range order() {
		v.Event(e)
	}
	v.Close()
	until := clock(start + 68200)
	want := `
  +0.01s  validate_order        step started
  +0.01s  validate_order        step succeeded
  +0.02s  process_payment       step started
  +0.08s  process_payment       attempt 1 failed: Declined: the card was �[31mdeclined; retry in 2s
  +2.08s  process_payment       step started, attempt 2
  +2.10s  (invocation)          invocation failed: Runtime.ExitError: exit status 2; it will be tried again
  +3.18s  process_payment       step succeeded, attempt 2 in 1.1s
  +3.20s  later                 context started
  +3.20s    (wait 3-1)          wait 1m05s, until ` + until + `
  +1m09s    (wait 3-1)          wait over after 1m05s
  +1m09s  later                 context succeeded in 1m06s
  +1m09s  (execution)           execution succeeded after 1m09s
`
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), b.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if strings.ContainsAny(b.String(), "\x1b\r") {
		t.Error("a pipe got control characters")
	}
}

// The live area must show what is open, count down, and leave nothing behind.
func TestLiveArea(t *testing.T) {
	now := start.Time()
	var b strings.Builder
	v := New(&b, Options{Live: true, Size: func() (int, int) { return 60, 24 }, Now: func() time.Time { return now }})
	events := order()
	for _, e := range events[:5] {
		now = e.Time.Time()
		v.Event(e)
	}
	screen := func() []string { return emulate(b.String()) }
	want := []string{
		"✓ validate_order        step succeeded",
		"! process_payment       attempt 1 failed: Declined: the card was �[31mdeclined; retry in 2s",
		"⠋ process_payment       step, attempt 2 in 2s",
	}
	if diff := cmp.Diff(want, screen()); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
	now = now.Add(1200 * time.Millisecond)
	v.Log("hello\x1b[2J from the function")
	v.tick()
	want = append(want[:2], "  | hello�[2J from the function", "⠙ process_payment       step, attempt 2 in 1s")
	if diff := cmp.Diff(want, screen()); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
	for _, e := range events[5:] {
		now = e.Time.Time()
		v.Event(e)
	}
	v.Close()
	if got := screen(); got[len(got)-1] != "✓ (execution)           execution succeeded after 1m09s" {
		t.Errorf("last line on the screen: %q", got[len(got)-1])
	}
}

// An invocation that ends its execution is told as one thing, not as two.
func TestFailureIsToldOnce(t *testing.T) {
	reason := &protocol.ErrorObject{ErrorType: "E", ErrorMessage: "RequestId: 1-2 Error: m"}
	crash := &protocol.Event{Type: protocol.EventInvocationCompleted, ID: 2, Time: start, Error: reason}
	for _, test := range []struct {
		name string
		then func(v *View)
		want string
	}{
		{"execution failed", func(v *View) {
			v.Event(&protocol.Event{Type: protocol.EventExecutionFailed, ID: 3, Time: start, Error: reason})
		}, "execution failed after 0ms"},
		{"nothing for a while", func(v *View) { v.tick() }, "invocation failed: E: m; it will be tried again"},
		{"closed", func(*View) {}, "invocation failed: E: m; it will be tried again"},
	} {
		var b strings.Builder
		v := New(&b, Options{})
		v.Event(&protocol.Event{Type: protocol.EventExecutionStarted, ID: 1, Time: start})
		v.Event(crash)
		test.then(v)
		v.Close()
		if lines := strings.Split(strings.TrimSpace(b.String()), "\n"); len(lines) != 1 || !strings.HasSuffix(lines[0], test.want) {
			t.Errorf("%s: got %q, want one line with %q", test.name, lines, test.want)
		}
	}
}

func TestLiveAreaIsBounded(t *testing.T) {
	var b strings.Builder
	v := New(&b, Options{Live: true, Size: func() (int, int) { return 40, 6 }, Now: start.Time})
	for i := range 100 {
		v.Event(&protocol.Event{Type: protocol.EventStepStarted, ID: int64(i + 1), Time: start, OpID: fmt.Sprint(i),
			Name: strings.Repeat("long", 20)})
	}
	got := emulate(b.String())
	if len(got) != 4 || !strings.Contains(got[3], "and 97 more") {
		t.Errorf("got %d lines: %q", len(got), got)
	}
	for _, l := range got {
		if n := len([]rune(l)); n >= 40 {
			t.Errorf("line of %d characters on a screen of 40: %q", n, l)
		}
	}
}

func TestLogIsBounded(t *testing.T) {
	now := start.Time()
	var b strings.Builder
	v := New(&b, Options{Now: func() time.Time { return now }})
	for range 1000 {
		v.Log(strings.Repeat("x", 5000))
	}
	v.Close()
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != maxLogRate+1 || !strings.Contains(lines[maxLogRate], "900 more lines") {
		t.Errorf("got %d lines, the last %q", len(lines), lines[len(lines)-1])
	}
	if n := len([]rune(lines[0])); n > maxLogLine+len(logBar) {
		t.Errorf("a line of %d characters", n)
	}
}

func TestErrorLineOfNothing(t *testing.T) {
	if got := ErrorLine(&protocol.ErrorObject{}); got != "" {
		t.Errorf("ErrorLine of an empty object: got %q", got)
	}
}

// emulate returns the lines that a terminal shows after s, for the sequences
// that the view uses.
func emulate(s string) []string {
	lines, row := []string{""}, 0
	for s != "" {
		var up int
		switch {
		case strings.HasPrefix(s, "\x1b[J"):
			lines, s = append(lines[:row:row], ""), s[3:]
		case strings.HasPrefix(s, "\x1b[K"), strings.HasPrefix(s, "\r"):
			s = strings.TrimPrefix(strings.TrimPrefix(s, "\r"), "\x1b[K")
		case strings.HasPrefix(s, "\x1b["):
			fmt.Sscanf(s, "\x1b[%dA", &up)
			row -= up
			s = s[strings.IndexByte(s, 'A')+1:]
		default:
			text, rest, _ := strings.Cut(s, "\n")
			lines[row] = strings.TrimSuffix(text, "\x1b[K")
			row, s = row+1, rest
			if row == len(lines) {
				lines = append(lines, "")
			}
		}
	}
	return lines[:row]
}

func TestPauses(t *testing.T) {
	reason := "look into\x00 it"
	paused := &protocol.Event{Type: protocol.EventExecutionPaused, ID: 1, Time: start, Payload: &reason}
	resumed := &protocol.Event{Type: protocol.EventExecutionResumed, ID: 2, Time: start + 1000}
	var b strings.Builder
	v := New(&b, Options{})
	v.Event(paused)
	v.Event(resumed)
	want := "  +0.00s  (execution)           execution paused: look into� it\n  +1.00s  (execution)           execution resumed\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}

	b.Reset()
	v = New(&b, Options{Live: true, Size: func() (int, int) { return 60, 24 }, Now: start.Time})
	v.Event(paused)
	screen := []string{"! (execution)           execution paused: look into� it", "⠋ paused until somebody resumes the execution"}
	if diff := cmp.Diff(screen, emulate(b.String())); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
	v.Event(resumed)
	screen[1] = "· (execution)           execution resumed"
	if diff := cmp.Diff(screen, emulate(b.String())[:2]); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
}

// TestEventOfNewerEngine: it is told by its type, and nothing that is open ends.
func TestEventOfNewerEngine(t *testing.T) {
	var b strings.Builder
	v := New(&b, Options{})
	for i, e := range []*protocol.Event{
		{Type: protocol.EventExecutionStarted, OpID: "x"}, {Type: protocol.EventStepStarted, OpID: "1", Name: "pay"},
		{Type: "StepDreamt", OpID: "1", Name: "pay"},
	} {
		e.ID, e.Time = int64(i+1), protocol.Timestamp(1000*(i+1))
		v.Event(e)
	}
	if got, want := b.String(), "StepDreamt"; !strings.Contains(got, want) || len(v.open) != 1 {
		t.Errorf("got %q with %d operations open, want %s with 1", got, len(v.open), want)
	}
}
