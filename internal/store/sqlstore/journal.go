package sqlstore

import (
	"context"
	"database/sql"
	"iter"
	"math"

	"github.com/perdure/perdure/internal/store"
)

// The bounds of what an iteration over a journal reads at a time. It holds
// neither a connection nor a transaction while its caller works, so a slow
// caller hinders nobody, and may call the store.
const (
	maxChunkEntries = 500
	maxChunkBytes   = 1 << 20
)

// Journal implements [store.Store].
func (s *Store) Journal(ctx context.Context, id string, span store.Span) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for c := newCursor(id, span); !c.done; {
			chunk, err := c.next(ctx, s.readers)
			for _, e := range chunk {
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(store.Entry{}, fault(s.readers.path, err))
				return
			}
		}
	}
}

// cursor is what is left to read of a journal.
type cursor struct {
	id       string
	from, to int64
	reverse  bool
	left     int // at most this many entries
	done     bool
}

func newCursor(id string, span store.Span) *cursor {
	c := &cursor{id: id, from: span.From, to: span.To, reverse: span.Reverse, left: span.Limit}
	if c.to == 0 {
		c.to = math.MaxInt64
	}
	if c.left == 0 {
		c.left = math.MaxInt
	}
	return c
}

// next returns the next entries, and with an error those before it.
func (c *cursor) next(ctx context.Context, r *reader) (chunk []store.Entry, err error) {
	stmt := r.journal
	if c.reverse {
		stmt = r.journalDescending
	}
	most := min(c.left, maxChunkEntries)
	rows, err := stmt.QueryContext(ctx, c.id, c.from, c.to, most)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	size := 0
	for size < maxChunkBytes && rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return chunk, err
		}
		chunk = append(chunk, e)
		size += len(e.Data)
	}
	c.advance(chunk)
	c.done = c.left == 0 || len(chunk) < most && size < maxChunkBytes
	return chunk, rows.Err()
}

func (c *cursor) advance(chunk []store.Entry) {
	if len(chunk) == 0 {
		return
	}
	c.left -= len(chunk)
	last := chunk[len(chunk)-1].Seq
	if c.reverse {
		c.to = last - 1
	} else {
		c.from = last + 1
	}
}

func scanEntry(rows *sql.Rows) (e store.Entry, err error) {
	err = rows.Scan(&e.Seq, &e.Data)
	return e, err
}
