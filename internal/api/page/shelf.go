package page

import (
	"context"
	"slices"
	"sync"
)

const (
	// readers bounds the histories that are read at one time.
	readers = 2
	// maxShelf bounds the records that are kept, in operations: some 50 MB. The one that is in use may be larger.
	maxShelf = 100_000
)

// shelf keeps the records of executions that people look at, so that only news is read. The zero value is empty.
type shelf struct {
	mu      sync.Mutex
	records []*shelved // the longest unused first
}

// shelved is a record on the shelf. Who reads or changes it holds mu.
type shelved struct {
	mu  sync.Mutex
	arn string
	record
	revision int64 // up to which it was read at least
	held     int   // its size, as the shelf counts it
}

// take returns the record of an execution, and makes it the last that leaves the shelf.
func (s *shelf) take(arn string) *shelved {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.records, func(r *shelved) bool { return r.arn == arn })
	r := &shelved{arn: arn}
	if i >= 0 {
		r = s.records[i]
		s.records = slices.Delete(s.records, i, i+1)
	}
	s.records = append(s.records, r)
	return r
}

// keep notes a record's size, and drops others until there is room.
func (s *shelf) keep(r *shelved, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.held = size
	total := 0
	for _, other := range s.records {
		total += other.held
	}
	for total > maxShelf && len(s.records) > 1 && s.records[0] != r {
		total -= s.records[0].held
		s.records = slices.Delete(s.records, 0, 1)
	}
}

// look calls see with the record of an execution as it is at a revision, or later.
func (s *site) look(ctx context.Context, arn string, revision int64, see func(*record) error) error {
	r := s.shelf.take(arn)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.revision < revision {
		if err := s.patiently(ctx, func() error { return r.read(s.engine.Events(ctx, arn, r.revision)) }); err != nil {
			return err
		}
		r.revision = revision
	}
	s.shelf.keep(r, r.size())
	return see(&r.record)
}

// patiently reads a history when no more are read at the same time than may be.
func (s *site) patiently(ctx context.Context, read func() error) error {
	select {
	case s.reading <- struct{}{}:
		defer func() { <-s.reading }()
		return read()
	case <-ctx.Done():
		return ctx.Err()
	}
}
