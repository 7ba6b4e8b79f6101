package page

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/history"
	"github.com/perdure/perdure/protocol"
)

// details are what a page says of the selected operation.
type details struct {
	*history.Operation
	Name, Class, State string
	Left               protocol.Timestamp // when it was left behind; zero if it has ended, or may end
	Size               int64
	Reason             *engine.Reason // what it waits for, as the engine says it; nil if it is not among the first
	Input, Result      *payload
	Stored             string // the result as it is stored, for a fork that changes it; empty if it is too long
	Failure            *failure
	Tries              []tryDetails
	Log                []logLine
	From, To           int // invocations
}

// Waits reports whether somebody has to answer it.
func (d *details) Waits() bool { return d.CallbackID != "" && d.GoesOn() }

// GoesOn reports whether it may end yet.
func (d *details) GoesOn() bool { return d.Open() && d.Left == 0 }

// Skippable reports whether it waits for a moment that may come early.
func (d *details) Skippable() bool {
	return d.GoesOn() && (d.Until() != 0 || d.Waits() && d.TimesOut != 0)
}

// tryDetails is an attempt with what it brought.
type tryDetails struct {
	try
	Failure *failure
	State   *payload // with which a step looks again
	Changed []difference
}

// failure is an error for people.
type failure struct {
	Type, Message string
	Trace         []string
	Data          *payload
}

const (
	maxTrace   = 40 // lines of one stack trace
	triesShown = 10 // of a step, the last ones
)

// emptyData is what an error without data may have recorded.
var emptyData = []string{"", "{}", "[]", "null", `""`}

func newFailure(id string, e *protocol.ErrorObject, raw string) *failure {
	if e == nil {
		return nil
	}
	f := &failure{Type: visible(protocol.Clip(e.ErrorType, maxString)),
		Message: visible(protocol.Clip(e.ErrorMessage, maxString))}
	for _, line := range e.StackTrace[:min(len(e.StackTrace), maxTrace)] {
		f.Trace = append(f.Trace, visible(protocol.Clip(line, maxLine)))
	}
	if !slices.Contains(emptyData, strings.TrimSpace(e.ErrorData)) {
		f.Data = newPayload(id, "Data", &e.ErrorData, raw)
	}
	return f
}

// text is the failure as lines, to compare it.
func (f *failure) text() string {
	return f.Type + ": " + f.Message + "\n" + strings.Join(f.Trace, "\n")
}

// detail reads what happened to an operation.
func (s *site) detail(ctx context.Context, p *place, o *operation) (*details, error) {
	d := &details{Operation: o.Operation, Name: nameOf(o.Operation), Class: o.class(), State: o.State(),
		Left: o.left, Size: o.bytes}
	tries := slices.Clone(o.tries[max(0, len(o.tries)-triesShown):])
	for ev, err := range s.engine.Events(ctx, p.arn, 0) {
		if err != nil {
			return nil, err
		}
		if ev.ID > o.last {
			break
		}
		if ev.OpID != o.ID {
			continue
		}
		if ev.Status() == protocol.StatusStarted {
			d.Input = s.payload(ctx, p, "input", "Input", ev.Payload, o.ID)
			d.Input.name("operation-input")
			continue
		}
		for i := range tries {
			if tries[i].Number == ev.CurrentAttempt {
				id := fmt.Sprintf("try-%d", i)
				d.Tries = append(d.Tries, tryDetails{try: tries[i],
					Failure: newFailure(id, ev.OperationError(), ""),
					State:   s.payload(ctx, p, id, "Result", ev.Payload, o.ID)})
			}
		}
		if ev.ID == o.last || !o.Open() {
			d.Result, d.Stored = s.payload(ctx, p, "result", "Result", ev.Payload, o.ID), editable(ev.Payload)
			d.Result.name("operation-result")
			d.Failure = newFailure("failure", ev.OperationError(), "")
		}
	}
	d.compare()
	slices.Reverse(d.Tries)
	return d, nil
}

// maxEdited bounds the payloads that a form offers for a change.
const maxEdited = 64 << 10

// editable is a payload for a form; empty if there is none, it is too long, or what one sees would not be what it is.
func editable(text *string) string {
	if text == nil || len(*text) > maxEdited || visible(*text) != *text {
		return ""
	}
	return *text
}

// compare says what each attempt did otherwise than the one before.
func (d *details) compare() {
	for i := 1; i < len(d.Tries); i++ {
		before, after := &d.Tries[i-1], &d.Tries[i]
		switch {
		case before.Failure != nil && after.Failure != nil:
			after.Changed = changes(before.Failure.text(), after.Failure.text())
		case before.State != nil && after.State != nil:
			after.Changed = changes(before.State.Text, after.State.Text)
		}
	}
}

// changes are the differences of two texts; nil if there are none.
func changes(before, after string) []difference {
	if before == after {
		return nil
	}
	return differences(before, after)
}

// payload shows a payload of an operation, or of the execution if that is empty, decoded if there is a decoder.
func (s *site) payload(ctx context.Context, p *place, id, title string, text *string, operation string) *payload {
	if text == nil {
		return nil
	}
	note, shown := "", *text
	if !p.asStored {
		shown, note, _ = s.decoder.decode(ctx, *text)
	}
	part := id
	if strings.HasPrefix(id, "try") {
		part = ""
	}
	raw := ""
	if part != "" {
		raw = rawPath(p.arn, operation, part)
	}
	shownAs := newPayload(id, title, &shown, raw)
	shownAs.Note = note
	return shownAs
}

// raw answers with a whole payload as it is stored, as a file: browsers show none of it as a page.
func (s *site) raw(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	text, err := s.find(r.Context(), q.Get("arn"), q.Get("operation"), q.Get("part"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+q.Get("part")+`.json"`)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(text))
	return nil
}

// find returns the input or the result of an execution, or of an operation.
func (s *site) find(ctx context.Context, arn, operation, part string) (string, error) {
	none := protocol.Errorf(protocol.CodeNotFound, "There is no such payload.")
	if part != "input" && part != "result" {
		return "", none
	}
	var text *string
	if operation == "" {
		d, err := s.engine.Describe(ctx, arn)
		if err != nil {
			return "", err
		}
		if text = d.Input; part == "result" {
			text = d.Result
		}
	} else {
		for ev, err := range s.engine.Events(ctx, arn, 0) {
			if err != nil {
				return "", err
			}
			if isInput := ev.Status() == protocol.StatusStarted; ev.OpID == operation && isInput == (part == "input") {
				text = ev.Payload
			}
		}
	}
	if text == nil {
		return "", none
	}
	return *text, nil
}
