package page

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

const (
	eventsShown = 200 // of a history, on one page
	linesShown  = 300 // of a log, on one page
)

// historyView is a part of a history: events that the filter lets through, newest first.
type historyView struct {
	Events  []event
	Types   []string
	Type    string
	Text    string
	Older   int64 // the number of the event before which older ones are; zero if there are none
	Matched int   // events of the whole history
}

// event is a line of the history.
type event struct {
	ID   int64
	Time protocol.Timestamp
	Type protocol.EventType
	Name string
	Text string // its error
	Note string // how long it took, of an invocation
	Size int    // of its payload
}

func (s *site) readHistory(ctx context.Context, p *place) (*historyView, error) {
	v := &historyView{Type: p.typ, Text: p.text}
	for t := range protocol.Meanings {
		v.Types = append(v.Types, string(t))
	}
	slices.Sort(v.Types)
	for ev, err := range s.engine.Events(ctx, p.arn, 0) {
		if err != nil {
			return nil, err
		}
		e := event{ID: ev.ID, Time: ev.Time, Type: ev.Type, Name: visible(ev.Name)}
		if failure := ev.OperationError(); failure != nil {
			e.Text = visible(protocol.Clip(failure.Line(), maxLine))
		}
		if ev.Type == protocol.EventInvocationCompleted {
			e.Note = "took " + text.Spaced(ev.End.Sub(ev.Start))
			if ev.Init > 0 {
				e.Note += ", " + coldStart(ev.Init)
			}
		}
		if ev.Payload != nil {
			e.Size = len(*ev.Payload)
		}
		if p.typ != "" && p.typ != string(ev.Type) || !e.has(strings.ToLower(p.text)) {
			continue
		}
		if v.Matched++; p.before == 0 || e.ID < p.before {
			v.Events = keepLast(append(v.Events, e), eventsShown+1)
		}
	}
	v.Events = v.Events[max(0, len(v.Events)-eventsShown-1):]
	if len(v.Events) > eventsShown {
		v.Events = v.Events[1:]
		v.Older = v.Events[0].ID
	}
	slices.Reverse(v.Events)
	return v, nil
}

// has reports whether a text, in lower case, is in the line.
func (e *event) has(text string) bool {
	return text == "" || strings.Contains(strings.ToLower(string(e.Type)+" "+e.Name+" "+e.Text), text)
}

// logLine is one line that the function wrote.
type logLine struct {
	Seq       int64
	Time      protocol.Timestamp
	Stream    string
	Operation string // its id, empty if the line has none
	Level     string
	Message   string
	Raw       string
}

// logView is a part of a log: the last lines that the filter lets through.
type logView struct {
	Lines []logLine
	Text  string
	Older int64 // the number of the line before which older ones are; zero if there are none
}

func (s *site) readLogView(ctx context.Context, p *place) (*logView, error) {
	v := &logView{Text: p.text}
	var err error
	v.Lines, v.Older, err = s.readLog(ctx, p, "", strings.ToLower(p.text))
	return v, err
}

// readLog returns the last lines of an execution's log: all, or those of an operation, with a text in them that is in
// lower case.
func (s *site) readLog(
	ctx context.Context, p *place, operation, text string,
) (lines []logLine, older int64, err error) {
	for after := int64(0); ; {
		entries, err := s.engine.ReadLog(ctx, p.arn, after, 0)
		if err != nil {
			return nil, 0, err
		}
		for i := range entries {
			e := &entries[i]
			if after = e.Seq; operation != "" && e.Operation != operation ||
				operation == "" && p.before != 0 && e.Seq >= p.before ||
				text != "" && !strings.Contains(strings.ToLower(e.Text), text) {
				continue
			}
			lines = keepLast(append(lines, readLine(e)), linesShown+1)
		}
		if len(entries) == 0 {
			break
		}
	}
	if lines = lines[max(0, len(lines)-linesShown-1):]; len(lines) > linesShown {
		lines = lines[1:]
		older = lines[0].Seq
	}
	return lines, older, nil
}

// readLine takes the main parts out of a structured line.
func readLine(e *engine.LogEntry) logLine {
	line := logLine{Seq: e.Seq, Time: e.Time, Stream: e.Stream, Operation: e.Operation, Message: visible(e.Text),
		Raw: visible(e.Text)}
	var members struct{ Level, Message, Msg string }
	if strings.HasPrefix(e.Text, "{") && json.Unmarshal([]byte(e.Text), &members) == nil &&
		members.Message+members.Msg != "" {
		line.Level, line.Message = visible(members.Level), visible(members.Message+members.Msg)
	}
	return line
}
