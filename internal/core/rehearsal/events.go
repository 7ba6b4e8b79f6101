package rehearsal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/perdure/perdure/internal/core/history"
	"github.com/perdure/perdure/protocol"
)

func readEvents(doc *document) (*Recording, error) {
	if doc.NextMarker != "" {
		return nil, errPages
	}
	var events []*protocol.Event
	for _, raw := range doc.Events {
		if isTruncated(raw) {
			return nil, errors.New("it has no payloads: record it with execution data (--include-execution-data)")
		}
		ev, err := protocol.ReadEvent(raw)
		if err != nil {
			return nil, notRecorded(err)
		}
		events = append(events, ev)
	}
	return OfEvents(events, doc.DurableExecutionArn)
}

// isTruncated reports whether a payload was left out of an event. Within a text the quotation marks have backslashes.
func isTruncated(raw []byte) bool {
	if !bytes.Contains(raw, []byte(`"Truncated"`)) {
		return false
	}
	var b bytes.Buffer
	return json.Compact(&b, raw) == nil && bytes.Contains(b.Bytes(), []byte(`"Truncated":true`))
}

// OfEvents is an execution of all its events. arn may be empty.
func OfEvents(events []*protocol.Event, arn string) (*Recording, error) {
	if len(events) == 0 {
		return nil, errors.New("it has no events")
	}
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b *protocol.Event) int { return int(a.ID - b.ID) })
	if err := checkEvents(events); err != nil {
		return nil, err
	}
	var fold history.Fold
	for _, ev := range events {
		before := protocol.OperationStatus("")
		if o := fold.Operation(ev.OpID); o != nil {
			before = o.Status
		}
		o := fold.Add(ev)
		if o != nil && (before.Closed() || o.Type != ev.Type.Meaning().Operation) {
			return nil, fmt.Errorf("event %d, %s, is of operation %q, which is a %s and is %s: it is of another "+
				"execution", ev.ID, ev.Type, ev.OpID, o.Type, before)
		}
	}
	first, last := events[0], events[len(events)-1]
	rec := &Recording{Status: fold.Status, Operations: []*protocol.Operation{{
		ID: first.OpID, Type: protocol.TypeExecution, Name: first.Name, Status: protocol.StatusStarted,
		Start: first.Time, Payload: first.Payload,
	}}}
	for _, o := range fold.Operations() {
		rec.Operations = append(rec.Operations, &o.Operation)
	}
	if rec.Status.Closed() {
		rec.Result, rec.Error = last.Payload, last.Error
	}
	rec.identify(arn, first.Name)
	rec.rebuilt()
	rec.see()
	return rec.checked()
}

// checkEvents finds gaps, and events that are unknown or of several executions.
func checkEvents(events []*protocol.Event) error {
	for i, ev := range events {
		switch {
		case ev.Type == "":
			return errors.New("among its events is something without an EventType: it is of two forms, or cut off")
		case ev.Type.Meaning() == protocol.EventType("").Meaning():
			return fmt.Errorf("event %d has the type %.40q, "+newer, ev.ID, string(ev.Type))
		case i > 0 && (ev.Type == protocol.EventExecutionStarted || ev.ID == events[i-1].ID):
			return fmt.Errorf("event %d, %s, is there beside another event %d or start: it is of several executions",
				ev.ID, ev.Type, events[i-1].ID)
		case i == 0 && ev.Type != protocol.EventExecutionStarted:
			return fmt.Errorf("it begins with event %d, %s, not with the start: a page is missing", ev.ID, ev.Type)
		case ev.ID != int64(i+1):
			return fmt.Errorf("events %d to %d are missing: a page is missing, or it is of several executions", i+1,
				ev.ID-1)
		case events[max(i-1, 0)].EndsExecution() && i > 0:
			return fmt.Errorf("event %d, %s, comes after the end: it is of several executions", ev.ID, ev.Type)
		}
	}
	return nil
}

// rebuilt marks the contexts that closed without their results, which events do not tell: those that have operations,
// and no JSON of a result but nothing, a text for people, or the summary of a batch.
func (r *Recording) rebuilt() {
	within := map[string]bool{}
	for _, op := range r.Operations {
		within[op.ParentID] = true
	}
	for _, op := range r.Operations {
		if op.Type == protocol.TypeContext && op.Status == protocol.StatusSucceeded && within[op.ID] {
			op.ReplayChildren = op.Payload == nil || !json.Valid([]byte(*op.Payload)) || isSummary(*op.Payload)
		}
	}
}

// isSummary reports whether package durable recorded it in place of a batch's result.
func isSummary(payload string) bool {
	var summary struct {
		Items *string `json:"itemStatuses"`
		Type  string  `json:"type"`
	}
	return json.Unmarshal([]byte(payload), &summary) == nil && summary.Items != nil && summary.Type != ""
}

// see finds the operations that the code gets: a context that closed with its result stands for those in it.
func (r *Recording) see() {
	hides := map[string]bool{}
	for _, op := range r.Operations {
		inside := hides[op.ParentID]
		hides[op.ID] = inside || op.Type == protocol.TypeContext && op.Status.Closed() && !op.ReplayChildren
		if !inside {
			r.visible = append(r.visible, op)
		}
	}
}
