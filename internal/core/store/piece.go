package store

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"
)

// Bounds for one read of a journal iteration. Between two the iteration holds no connection and no transaction, so a
// slow caller blocks nobody, and may call the store.
const (
	maxPieceEntries = 500
	maxPieceBytes   = 1 << 20
)

// Piece is what one read of a journal asks a database for: entries with From <= Seq <= To, at most Most.
type Piece struct {
	ID       string
	From, To int64
	Reverse  bool
	Most     int
}

// ReadPieces is [Store.Journal] for a store in a database. read hands the entries of a piece to take, in order, each
// with the sum that is stored beside it, until take returns false. exists returns [ErrNotFound] if the execution is
// gone.
func ReadPieces(id string, part Range, read func(p Piece, take func(e Entry, sum int64) bool) error,
	exists func() error) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for c := newCursor(id, part); !c.done; {
			entries, err := c.next(read, exists)
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(Entry{}, err)
				return
			}
		}
	}
}

// cursor is the part of a journal that is still to be read.
type cursor struct {
	Piece
	left int   // at most this many entries
	last int64 // the number of the last entry read; zero before the first
	done bool
}

func newCursor(id string, part Range) *cursor {
	c := &cursor{Piece: Piece{ID: id, From: max(part.From, 1), To: part.To, Reverse: part.Reverse}, left: part.Limit}
	if c.To == 0 {
		c.To = math.MaxInt64
	}
	if c.left == 0 {
		c.left = math.MaxInt
	}
	return c
}

// next returns the next entries; with an error, those before it.
func (c *cursor) next(read func(Piece, func(Entry, int64) bool) error, exists func() error) (found []Entry, err error) {
	c.Most = min(c.left, maxPieceEntries)
	size := 0
	var damage error
	err = read(c.Piece, func(e Entry, sum int64) bool {
		if damage = c.check(&e, sum); damage != nil {
			return false
		}
		found = append(found, e)
		size += len(e.Data)
		return size < maxPieceBytes
	})
	c.left -= len(found)
	c.done = c.left == 0 || len(found) < c.Most && size < maxPieceBytes
	if err = cmp.Or(damage, err); err != nil {
		return found, err
	}
	if c.done && c.left > 0 && c.Reverse && c.last > c.From {
		return found, c.begins(exists)
	}
	return found, nil
}

// begins explains why a journal that is read backwards ends before its beginning. It may have been deleted
// meanwhile.
func (c *cursor) begins(exists func() error) error {
	err := exists()
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return cmp.Or(err, c.missing(c.last-1))
}

// check checks the place and the sum of an entry, and goes on behind it.
func (c *cursor) check(e *Entry, sum int64) error {
	if want := c.follows(); want != 0 && e.Seq != want {
		return c.missing(want)
	}
	if sum != int64(e.Sum(c.ID)) {
		return &DamagedError{ID: c.ID, What: fmt.Sprintf("entry %d", e.Seq)}
	}
	c.last = e.Seq
	if c.Reverse {
		c.To = e.Seq - 1
	} else {
		c.From = e.Seq + 1
	}
	return nil
}

// follows is the number that the next entry must have; zero if any may, since nobody knows the last one.
func (c *cursor) follows() int64 {
	if c.Reverse {
		return max(c.last-1, 0)
	}
	return c.From
}

func (c *cursor) missing(seq int64) error {
	return &DamagedError{ID: c.ID, What: fmt.Sprintf("entry %d is missing, so the journal", seq)}
}
