package adminapi

import (
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// SavedEvent is an event that somebody keeps, to start executions of a function with.
type SavedEvent struct {
	Name           string
	Bytes          int
	SavedTimestamp protocol.Seconds
	By             string `json:",omitempty"`
	Event          string `json:",omitempty"` // as it was saved; not in a list
}

// SavedEventList are the saved events of a function, by name.
type SavedEventList struct{ Events []SavedEvent }

// SaveEvent is the body of a request to keep an event, in place of one with its name.
type SaveEvent struct {
	Name  string
	Event string // JSON
}

type savedEventEngine interface{ SavedEvents() *engine.SavedEvents }

// maxSavedBody is for the event, however it is escaped.
const maxSavedBody = 6*engine.MaxSavedEvent + smallBody

// savedEvents answers with all saved events of a function, or with the one that the query names.
func (a *api) savedEvents(w http.ResponseWriter, r *http.Request, function string) error {
	q := newQuery(r)
	name, named := q.text("Name"), r.URL.Query().Has("Name")
	if err := q.err(); err != nil {
		return err
	}
	if named {
		one, err := a.engine.SavedEvents().Get(r.Context(), function, name)
		if err != nil {
			return err
		}
		shown := savedEventOf(one)
		shown.Event = one.Event
		return reply(w, shown)
	}
	all, err := a.engine.SavedEvents().List(r.Context(), function)
	if err != nil {
		return err
	}
	list := SavedEventList{Events: []SavedEvent{}}
	for i := range all {
		list.Events = append(list.Events, savedEventOf(&all[i]))
	}
	return reply(w, list)
}

func savedEventOf(one *engine.SavedEvent) SavedEvent {
	return SavedEvent{Name: one.Name, Bytes: len(one.Event), SavedTimestamp: protocol.Seconds(one.Saved), By: one.By}
}

func (a *api) saveEvent(w http.ResponseWriter, r *http.Request, function string) error {
	var body SaveEvent
	if err := readJSON(r, &body, maxSavedBody); err != nil {
		return err
	}
	one := &engine.SavedEvent{Function: function, Name: body.Name, Event: body.Event}
	one, err := a.engine.SavedEvents().Save(r.Context(), one)
	if err != nil {
		return err
	}
	return reply(w, savedEventOf(one))
}

func (a *api) forgetEvent(w http.ResponseWriter, r *http.Request, function string) error {
	q := newQuery(r)
	name := q.text("Name")
	if err := q.err(); err != nil {
		return err
	}
	one, err := a.engine.SavedEvents().Get(r.Context(), function, name)
	if err != nil {
		return err
	}
	if err := a.engine.SavedEvents().Forget(r.Context(), function, name); err != nil {
		return err
	}
	return reply(w, savedEventOf(one))
}
