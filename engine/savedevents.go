package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// SavedEvent is an event that somebody keeps, to start executions of a function with.
type SavedEvent struct {
	Function string
	Name     string // unique within Function; text of at most [MaxSavedEventName] bytes
	Event    string // JSON
	Saved    protocol.Timestamp
	By       string // who saved it; see AskedBy
}

const (
	// MaxSavedEvents bounds the saved events that an engine keeps, of all functions.
	MaxSavedEvents = 100
	// MaxSavedEvent bounds the event of one, in bytes. As JSON in JSON it takes up to twice as many.
	MaxSavedEvent = 64 << 10
	// MaxSavedEventName bounds the name of one, in bytes.
	MaxSavedEventName = 64
)

// SavedEvents are the events that people keep. They are documents of the store, so every node has them, and a backup.
type SavedEvents struct {
	*life
	store     store.Store
	functions *Functions
}

// kindSavedEvent is the kind of documents that are saved events. The key is the function's name, a slash, and its name.
const kindSavedEvent = "event"

// SavedEvents are the events that people keep.
func (e *Engine) SavedEvents() *SavedEvents {
	return &SavedEvents{life: e.life, store: e.ledger.store, functions: e.functions}
}

// List returns the saved events of a function, by name. A version or an alias in the reference does not matter, nor
// whether there is such a function now.
func (s *SavedEvents) List(ctx context.Context, function string) (events []SavedEvent, err error) {
	name, _, err := s.functions.home.parseRef(function, "")
	if err != nil {
		return nil, err
	}
	all, err := s.all(ctx)
	return slices.DeleteFunc(all, func(one SavedEvent) bool { return one.Function != name }), err
}

// Get returns one saved event, or a ResourceNotFoundException.
func (s *SavedEvents) Get(ctx context.Context, function, name string) (*SavedEvent, error) {
	key, err := s.key(function, name)
	if err != nil {
		return nil, err
	}
	data, err := s.store.Document(ctx, kindSavedEvent, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, protocol.Errorf(protocol.CodeNotFound, "There is no saved event %q of function %s",
			protocol.Clip(name, MaxSavedEventName), protocol.Clip(function, protocol.MaxName))
	}
	if err != nil {
		return nil, err
	}
	one := &SavedEvent{}
	return one, json.Unmarshal(data, one)
}

// key is that of a document.
func (s *SavedEvents) key(function, name string) (string, error) {
	function, _, err := s.functions.home.parseRef(function, "")
	if err == nil {
		err = checkSavedName(name)
	}
	return function + "/" + name, err
}

func (s *SavedEvents) all(ctx context.Context) (events []SavedEvent, err error) {
	for doc, err := range store.AllDocuments(ctx, s.store, kindSavedEvent) {
		if err != nil {
			return nil, err
		}
		var one SavedEvent
		if doc.Damaged || json.Unmarshal(doc.Value, &one) != nil {
			s.log.Error("a saved event is not what was written", "key", doc.Key)
			continue
		}
		events = append(events, one)
	}
	slices.SortFunc(events, func(a, b SavedEvent) int {
		return cmp.Or(strings.Compare(a.Function, b.Function), strings.Compare(a.Name, b.Name))
	})
	return events, nil
}

// Save keeps an event, in place of one with its name, and returns it as it is kept: of which function, when and by
// whom. Without JSON, or with too many, it is refused, as is one of a function that is not registered.
func (s *SavedEvents) Save(ctx context.Context, event *SavedEvent) (*SavedEvent, error) {
	f, _, err := s.functions.Lookup(ctx, event.Function, "")
	if err != nil {
		return nil, err
	}
	if err := event.check(); err != nil {
		return nil, err
	}
	all, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	kept := *event
	kept.Function, kept.Saved = f.Name, s.now()
	if kept.By, err = caller(ctx, event.By); err != nil {
		return nil, err
	}
	isThere := slices.ContainsFunc(all, func(one SavedEvent) bool {
		return one.Function == kept.Function && one.Name == kept.Name
	})
	if len(all) >= MaxSavedEvents && !isThere {
		return nil, protocol.Errorf(protocol.CodeConflict, "There are %d saved events already; delete one", len(all))
	}
	return &kept, s.store.PutDocument(ctx, kindSavedEvent, kept.Function+"/"+kept.Name, encodeDocument(kept))
}

func (s *SavedEvent) check() error {
	switch err := checkSavedName(s.Name); {
	case err != nil:
		return err
	case len(s.Event) > MaxSavedEvent:
		return invalid("A saved event has at most %d bytes, not %d", MaxSavedEvent, len(s.Event))
	case !json.Valid([]byte(s.Event)) || !utf8.ValidString(s.Event):
		return invalid("The event is not JSON")
	}
	return nil
}

func checkSavedName(name string) error {
	isOdd := func(r rune) bool { return !unicode.IsPrint(r) }
	isText := utf8.ValidString(name) && !strings.ContainsFunc(name, isOdd)
	if name == "" || len(name) > MaxSavedEventName || !isText {
		return invalid("A saved event has a name of 1 to %d bytes of text", MaxSavedEventName)
	}
	return nil
}

// Forget deletes a saved event. One that is not there stays so.
func (s *SavedEvents) Forget(ctx context.Context, function, name string) error {
	key, err := s.key(function, name)
	if err != nil {
		return err
	}
	return s.store.DeleteDocument(ctx, kindSavedEvent, key)
}
