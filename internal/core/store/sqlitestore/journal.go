package sqlitestore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/perdure/perdure/internal/core/store"
)

// Bounds for one read of a journal iteration. The iteration holds no connection and no transaction while its caller
// works, so a slow caller blocks nobody, and may call the store.
const (
	maxChunkEntries = 500
	maxChunkBytes   = 1 << 20
)

// Journal implements [store.Store].
func (s *Store) Journal(ctx context.Context, id string, part store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for c := newCursor(id, part); !c.done; {
			chunk, err := c.next(ctx, s.readers)
			for _, e := range chunk {
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(store.Entry{}, s.readers.fault(err))
				return
			}
		}
	}
}

// cursor is the part of a journal that is still to be read.
type cursor struct {
	id       string
	from, to int64
	reverse  bool
	left     int   // at most this many entries
	last     int64 // the number of the last entry read; zero before the first
	done     bool
}

func newCursor(id string, part store.Range) *cursor {
	c := &cursor{id: id, from: max(part.From, 1), to: part.To, reverse: part.Reverse, left: part.Limit}
	if c.to == 0 {
		c.to = math.MaxInt64
	}
	if c.left == 0 {
		c.left = math.MaxInt
	}
	return c
}

// next returns the next entries; with an error, those before it.
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
		e, err := c.scan(rows)
		if err != nil {
			return chunk, err
		}
		chunk = append(chunk, e)
		size += len(e.Data)
	}
	c.left -= len(chunk)
	c.done = c.left == 0 || len(chunk) < most && size < maxChunkBytes
	if err := rows.Err(); err != nil {
		return chunk, err
	}
	if c.done && c.left > 0 && c.reverse && c.last > c.from {
		return chunk, c.begins(ctx, r)
	}
	return chunk, nil
}

// begins explains why a journal that is read backwards ends before its beginning. It may have been deleted
// meanwhile.
func (c *cursor) begins(ctx context.Context, r *reader) error {
	_, err := r.one(r.row.QueryRowContext(ctx, c.id))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return cmp.Or(err, c.missing(c.last-1))
}

// scan reads an entry and checks its place and its sum.
func (c *cursor) scan(rows *sql.Rows) (e store.Entry, err error) {
	v := make(values, 3)
	if err := rows.Scan(v.places()...); err != nil {
		return e, err
	}
	e = store.Entry{Seq: v.int(0), Data: v.blob(2)}
	if want := c.follows(); want != 0 && e.Seq != want {
		return e, c.missing(want)
	}
	if v.int(1) != int64(e.Sum(c.id)) {
		return e, &store.DamagedError{ID: c.id, What: fmt.Sprintf("entry %d", e.Seq)}
	}
	c.last = e.Seq
	if c.reverse {
		c.to = e.Seq - 1
	} else {
		c.from = e.Seq + 1
	}
	return e, nil
}

// follows is the number that the next entry must have; zero if any may, since nobody knows the last one.
func (c *cursor) follows() int64 {
	if c.reverse {
		return max(c.last-1, 0)
	}
	return c.from
}

func (c *cursor) missing(seq int64) error {
	return &store.DamagedError{ID: c.id, What: fmt.Sprintf("entry %d is missing, so the journal", seq)}
}
