package top

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/protocol"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.Local)

// fake is a model that asks nobody: the test sends it what an engine would answer.
func fake(t *testing.T, filter url.Values) *model {
	opt := &Options{Client: &client.Client{Endpoint: "http://127.0.0.1:3001"}, Filter: filter, Interval: time.Hour,
		Word: func(err error) error { return err }}
	m := newModel(t.Context(), opt)
	m.now = noon
	m.Init()
	return m
}

func ago(d time.Duration) protocol.Seconds {
	return protocol.Seconds(protocol.TimestampOf(noon.Add(-d)))
}

func execution(name string, status protocol.ExecutionStatus, doing ...engine.Activity) Execution {
	e := Execution{Execution: adminapi.Execution{
		DurableExecutionArn:  "arn:aws:lambda:us-east-1:000000000000:function:order:$LATEST/durable-execution/" + name + "/1",
		DurableExecutionName: name, Status: status, StartTimestamp: ago(time.Hour), Doing: doing, Since: ago(90 * time.Second)}}
	if len(doing) == 0 {
		e.EndTimestamp, e.Error, e.Message = ago(time.Minute), "Declined", "no money"
	}
	return e
}

func overview(executions ...Execution) *Overview {
	return &Overview{
		Timestamp: ago(0), Executions: executions, Rates: Rates{1.25, 12, 0},
		Counts: &adminapi.Counts{Total: 41, Statuses: map[protocol.ExecutionStatus]int{"RUNNING": 1, "FAILED": 40},
			Doing:    map[engine.Activity]int{engine.Retrying: 1},
			Failures: []adminapi.FailureCount{{Function: "order", Error: "Declined", Count: 40}}},
		Throughput: []adminapi.Throughput{{Started: 4, Ended: 1}, {Started: 0}, {Started: 8, Ended: 2}},
		Jobs:       []adminapi.Job{{Action: "redrive", Filter: "Status=FAILED", Total: 40, Done: 3, Refused: 1, Canceling: true}},
		status:     &adminapi.Status{Version: "v9", Started: ago(2 * time.Hour)},
	}
}

// send sends messages, and runs no commands.
func (m *model) send(messages ...tea.Msg) (last tea.Cmd) {
	for _, msg := range messages {
		_, last = m.Update(msg)
	}
	return last
}

// see answers the look that is under way.
func (m *model) see(o *Overview) tea.Cmd {
	return m.send(lookedMsg{m.question, o, nil, noon})
}

// press presses keys, each a word as the library names it.
func (m *model) press(keys ...string) (last tea.Cmd) {
	codes := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown, "end": tea.KeyEnd,
		"home": tea.KeyHome, "pgdown": tea.KeyPgDown, "backspace": tea.KeyBackspace}
	for _, k := range keys {
		msg := tea.KeyPressMsg{Code: codes[k]}
		if msg.Code == 0 {
			msg = tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
		}
		last = m.send(msg)
	}
	return last
}

// screen is what one sees, without styles and empty lines.
func (m *model) screen() []string {
	var lines []string
	for _, l := range strings.Split(ansi.Strip(m.View().Content), "\n") {
		if l = strings.TrimRight(l, " "); l != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

func (m *model) shows(t *testing.T, wants ...string) {
	t.Helper()
	screen := strings.Join(m.screen(), "\n")
	for _, want := range wants {
		if !strings.Contains(screen, want) {
			t.Errorf("%q is not on the screen:\n%s", want, screen)
		}
	}
}

func TestScreen(t *testing.T) {
	m := fake(t, url.Values{"Status": {"FAILED,RUNNING"}})
	m.shows(t, "asking …")
	stuck := execution("o-7", "RUNNING", engine.Retrying)
	stuck.Reason = "step charge is tried again in 30s"
	redriven := execution("o-9", "TIMED_OUT")
	redriven.Redriven = true
	m.see(overview(stuck, execution("o-8", "FAILED"), redriven))
	want := []string{
		"perdure top  http://127.0.0.1:3001  v9  up 2h                           12:00:00",
		"filter: Status=FAILED,RUNNING",
		"41 executions  40 FAILED  1 RUNNING  1 retrying",
		"started 1.2/s ▅ █  ended 12/s ▅ █  failed 0/s  0 invocations run",
		"0 wait for a place",
		"job redrive: 3 of 40 done, 1 not, being canceled: Status=FAILED",
		"FAILURES BY ERROR",
		"40 of order failed with Declined",
		"  STATE     FOR    FUNCTION  EXECUTION  WHY",
		"> retrying  1m30s  order     o-7        step charge is tried again in 30s",
		"  FAILED    1m     order     o-8        Declined: no money",
		"  redriven  1m     order     o-9        Declined: no money",
		"↑↓ move  Enter why  / filter  p pause  s stop  r redrive  q quit",
	}
	if diff := cmp.Diff(want, m.screen()); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
}

// TestScreenFits: no size of a terminal, no amount of anything and no text from elsewhere breaks the screen, and the
// list and the keys are always there.
func TestScreenFits(t *testing.T) {
	hostile := "\x1b[2J\x1b]0;title\x07\u202e\n" + strings.Repeat("日本👩", 50)
	var all []Execution
	for i := range 100 {
		e := execution(fmt.Sprintf("o-%d", i), "RUNNING", engine.Retrying, engine.Callback)
		e.DurableExecutionName += hostile
		e.Reason, e.Tags = hostile, map[string]string{hostile: hostile}
		all = append(all, e)
	}
	o := overview(all...)
	for i := range 50 {
		o.Counts.Failures = append(o.Counts.Failures, adminapi.FailureCount{Function: hostile, Error: hostile, Count: i})
		o.Jobs = append(o.Jobs, adminapi.Job{Action: "stop", Filter: "Name=" + url.QueryEscape(hostile)})
		o.Nodes = append(o.Nodes, adminapi.Node{Name: hostile, State: engine.NodeDead})
	}
	o.status.Version = hostile
	why := &adminapi.Explanation{Text: hostile, SideBySide: hostile + "\n" + hostile,
		Reasons: []adminapi.Reason{{Text: hostile, CallbackId: hostile}}}
	for _, size := range []tea.WindowSizeMsg{{Width: 1, Height: 1}, {Width: 20, Height: 5}, {Width: 40, Height: 12},
		{Width: 80, Height: 24}, {Width: 300, Height: 100}} {
		for _, keys := range [][]string{nil, {"end"}, {"enter"}, {"s"}, {"/"}} {
			m := fake(t, url.Values{"Error": {hostile}})
			m.send(size)
			m.see(o)
			m.press(keys...)
			m.send(explainedMsg{all[0].DurableExecutionArn, why, nil})
			content := m.View().Content
			lines := strings.Split(content, "\n")
			if len(lines) > max(size.Height, 3) {
				t.Errorf("%v %v: %d lines", size, keys, len(lines))
			}
			for _, l := range lines {
				if w := ansi.StringWidth(l); w > size.Width {
					t.Errorf("%v %v: a line is %d wide: %q", size, keys, w, l)
				}
			}
			if strings.ContainsAny(ansi.Strip(content), "\x1b\a\r\u202e") || strings.Contains(content, "\x1b]") ||
				strings.Contains(content, "\x1b[2J") {
				t.Errorf("%v %v: the terminal is steered: %q", size, keys, content)
			}
			if screen := strings.Join(m.screen(), "\n"); size.Height >= 12 && keys == nil && !strings.Contains(screen, "> ") {
				t.Errorf("%v: nothing is selected:\n%s", size, screen)
			}
		}
	}
}

// TestSelection: it stays with its execution when the list changes, and is that which came in its place when it is
// gone; whoever has not moved sees what is first.
func TestSelection(t *testing.T) {
	a, b, c := execution("a", "RUNNING", engine.Retrying), execution("b", "RUNNING", engine.Queued), execution("c", "FAILED")
	m := fake(t, nil)
	selected := func(want string) {
		t.Helper()
		if e := m.current(); e == nil || e.name() != want {
			t.Errorf("got %v, want %s", e, want)
		}
	}
	m.press("down", "up", "enter", "s") // without any, nothing happens
	m.see(overview(a, b))
	selected("a")
	m.see(overview(c, a, b))
	selected("c")
	m.press("down")
	m.see(overview(b, c, a))
	selected("a")
	m.see(overview(b, c))
	selected("c")
	m.see(overview())
	if e := m.current(); e != nil {
		t.Errorf("of nothing: got %v", e)
	}
	m.shows(t, "no executions yet; start one with: perdure invoke FUNCTION")
}

// TestScrolling: what comes into sight is asked for its reasons at once.
func TestScrolling(t *testing.T) {
	var all []Execution
	for i := range 100 {
		all = append(all, execution(fmt.Sprintf("o-%02d", i), "RUNNING", engine.Retrying))
	}
	m := fake(t, nil)
	m.see(overview(all...))
	if cmd := m.press("down"); cmd != nil {
		t.Error("it was asked again, and nothing came into sight")
	}
	if cmd := m.press("end"); cmd == nil || !m.asking {
		t.Error("what came into sight has no reasons")
	}
	m.shows(t, "> retrying  1m30s  order     o-99")
	m.send(tea.WindowSizeMsg{Width: 80, Height: 50})
	m.shows(t, "o-99")
	m.press("home")
	m.shows(t, "> retrying  1m30s  order     o-00")
}

// TestActsAreConfirmed: only y does what a key stands for, to the execution that was named, whatever the list became.
func TestActsAreConfirmed(t *testing.T) {
	a, b := execution("a", "RUNNING", engine.Retrying), execution("b", "RUNNING", engine.Queued)
	paused, failed := execution("c", "PAUSED", engine.Paused), execution("d", "FAILED")
	ok := execution("e", "SUCCEEDED")
	for _, test := range []struct {
		of          Execution
		key, answer string
		asks, says  string
	}{
		{a, "s", "n", "a: Stop it for good?", "nothing was done"},
		{a, "s", "esc", "a: Stop it for good?", "nothing was done"},
		{a, "s", "enter", "a: Stop it for good?", "nothing was done"},
		{a, "s", "y", "a: Stop it for good?", "stop a …"},
		{a, "p", "y", "a: Pause it until somebody resumes it?", "pause a …"},
		{paused, "p", "y", "c: Resume it?", "resume c …"},
		{failed, "r", "y", "d: Redrive it?", "redrive d …"},
		{a, "r", "", "", "a: only what failed, timed out or was stopped can be redriven"},
		{ok, "r", "", "", "e: only what failed, timed out or was stopped can be redriven"},
		{failed, "s", "", "", "d: it is over"},
		{failed, "p", "", "", "d: it is over"},
	} {
		m := fake(t, nil)
		m.see(overview(test.of))
		m.press(test.key)
		m.shows(t, test.asks)
		m.see(overview(b, test.of))
		var cmd tea.Cmd
		if test.answer != "" {
			if m.wanted == nil || m.wanted.arn != test.of.DurableExecutionArn {
				t.Errorf("%s %s: got %+v", test.key, test.of.name(), m.wanted)
			}
			cmd = m.press(test.answer)
		}
		m.shows(t, test.says)
		if (cmd != nil) != (test.answer == "y") {
			t.Errorf("%s %s, answered %q: done is %v", test.key, test.of.name(), test.answer, cmd != nil)
		}
	}
	m := fake(t, nil)
	o := overview(a)
	o.readOnly = true
	m.see(o)
	m.press("s")
	m.shows(t, "this access key may look, and not act", "Enter why  / filter  q quit")
	if m.wanted != nil {
		t.Error("a read-only key was asked")
	}
}

// TestAway: the last figures stay, with their age, until the engine is back.
func TestAway(t *testing.T) {
	m := fake(t, nil)
	away := lookedMsg{0, nil, errors.New("no engine at\x1b[2J there"), noon}
	m.send(away)
	m.shows(t, "! no engine at�[2J there; trying again")
	m.send(tickMsg{m.tick, noon})
	m.see(overview(execution("a", "FAILED")))
	m.send(tickMsg{m.tick, noon})
	away.at = noon.Add(5 * time.Second)
	if cmd := m.send(away); cmd == nil {
		t.Error("it is not asked again")
	}
	m.shows(t, "! no engine at�[2J there; this is of 5s ago", "Declined: no money")
	if cmd := m.send(tickMsg{m.tick - 1, noon}); cmd != nil || m.asking {
		t.Error("an old tick asked")
	}
	m.send(tickMsg{m.tick, noon})
	m.see(overview(execution("a", "FAILED")))
	if screen := strings.Join(m.screen(), "\n"); strings.Contains(screen, "no engine") {
		t.Errorf("it is back:\n%s", screen)
	}
}

// TestFilterIsTyped: mistakes are told, and answers to the question before do not count.
func TestFilterIsTyped(t *testing.T) {
	m := fake(t, url.Values{"Name": {"o-*"}})
	m.press("/")
	m.shows(t, "/Name=o-*_", "Status= Doing= Name=")
	m.press("q", "backspace", " ", "x")
	m.send(tea.PasteMsg{Content: "=1\r\n\x1b[2J"})
	m.press("enter")
	m.shows(t, `a filter has no "x"`)
	m.send(tea.KeyPressMsg{Code: 'u', Mod: tea.ModCtrl})
	m.press("s", "t", "a", "t", "u", "s", "=", "f", "a", "i", "l", "e", "d")
	before := m.question
	m.press("enter")
	if got := m.filter.Encode(); got != "Status=failed" || m.typed != nil {
		t.Errorf("got %s", got)
	}
	if cmd := m.send(lookedMsg{before, overview(), nil, noon}); m.seen != nil || cmd == nil || !m.asking {
		t.Errorf("an answer to the question before: got %v", m.seen)
	}
	m.see(overview())
	m.shows(t, "filter: Status=failed", "no execution is like that; / changes the filter")
	m.press("/", "esc")
	if m.typed != nil || m.filter.Encode() != "Status=failed" {
		t.Error("Esc changed the filter")
	}
}

// TestWhy: an explanation stays in place of the list until Esc, and answers for others do not count.
func TestWhy(t *testing.T) {
	a, b := execution("a", "RUNNING", engine.Callback), execution("b", "FAILED")
	m := fake(t, nil)
	m.see(overview(a, b))
	if cmd := m.press("enter"); cmd == nil {
		t.Fatal("nobody asks why")
	}
	m.shows(t, "asking …")
	m.send(explainedMsg{b.DurableExecutionArn, &adminapi.Explanation{Text: "another's"}, nil})
	m.send(explainedMsg{a.DurableExecutionArn, &adminapi.Explanation{Text: "waits for callback approval", Total: 3,
		Reasons: []adminapi.Reason{{Text: "for ann", CallbackId: "id-1"}}, ExpectedExecutionTimeoutTimestamp: ago(-time.Hour)}, nil})
	m.shows(t, "order  a", "waits for callback approval", "  for ann", "    id-1", "  and 2 more", "times out in 1h", "Esc back")
	m.see(overview(b))
	m.press("s")
	m.shows(t, "a: Stop it for good?")
	m.press("n", "esc")
	m.shows(t, "STATE")
}

func TestQuit(t *testing.T) {
	m := fake(t, nil)
	for _, keys := range [][]string{{"q"}, {"enter", "q"}} {
		if cmd := m.press(keys...); cmd == nil || cmd() != tea.Quit() {
			t.Errorf("%v did not quit", keys)
		}
	}
	m.press("/")
	if cmd := m.send(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}); cmd == nil || cmd() != tea.Quit() {
		t.Error("Ctrl-C did not quit")
	}
}

func TestSpark(t *testing.T) {
	for _, test := range []struct {
		counts []uint64
		want   string
	}{{nil, ""}, {[]uint64{0, 0}, ""}, {[]uint64{1, 0, 8}, "▂ █"}, {[]uint64{1, 1000}, "▁█"}, {[]uint64{5, 5}, "██"}} {
		if got := spark(test.counts); got != test.want {
			t.Errorf("%v: got %q, want %q", test.counts, got, test.want)
		}
	}
}
