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
