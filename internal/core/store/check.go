package store

import "fmt"

// Check refuses writes that no store can accept whatever it holds: mistakes of
// the caller, not lost races. Every Commit begins with it.
func Check(writes []Write) error {
	for _, w := range writes {
		switch {
		case w.ID == "":
			return fmt.Errorf("store: a write without an execution id")
		case w.Entry.Seq < 1:
			return fmt.Errorf("store: %s: entry %d: entries count from 1", w.ID, w.Entry.Seq)
		case w.Entry.Seq == 1 && w.Row == nil:
			return fmt.Errorf("store: %s: the first entry needs a row", w.ID)
		case w.Row != nil && w.Row.ID != w.ID:
			return fmt.Errorf("store: %s: the row is of execution %q", w.ID, w.Row.ID)
		}
	}
	return nil
}

// Check refuses a query without a limit.
func (q *Query) Check() error {
	if q.Limit < 1 {
		return fmt.Errorf("store: a list needs a limit, got %d", q.Limit)
	}
	return nil
}

// CheckDocument refuses a document that is out of bounds. Every PutDocument and
// EnsureDocument begins with it.
func CheckDocument(kind, key string, value []byte) error {
	for _, name := range []string{kind, key} {
		if name == "" || len(name) > MaxDocumentName {
			return fmt.Errorf("store: document %.40q of kind %.40q: a kind and a key have 1 to %d bytes", key, kind, MaxDocumentName)
		}
	}
	if len(value) > MaxDocument {
		return fmt.Errorf("store: document %q of kind %q: a value has at most %d bytes, not %d", key, kind, MaxDocument, len(value))
	}
	return nil
}
