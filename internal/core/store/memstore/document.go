package memstore

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"github.com/perdure/perdure/internal/core/store"
)

// Document implements [store.Store].
func (s *Store) Document(ctx context.Context, kind, key string) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usableLocked(ctx); err != nil {
		return nil, err
	}
	value, ok := s.documents[kind][key]
	if !ok {
		return nil, store.ErrNotFound
	}
	return bytes.Clone(value), nil
}

// Documents implements [store.Store].
func (s *Store) Documents(ctx context.Context, kind, after string, limit int) ([]store.Document, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usableLocked(ctx); err != nil {
		return nil, err
	}
	var found []store.Document
	for _, key := range slices.Sorted(maps.Keys(s.documents[kind])) {
		if key <= after || len(found) == limit {
			continue
		}
		found = append(found, store.Document{Key: key, Value: bytes.Clone(s.documents[kind][key])})
	}
	return found, nil
}

// Kinds returns the kinds of all documents, in order.
func (s *Store) Kinds(ctx context.Context) ([]string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usableLocked(ctx); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(s.documents)), nil
}

// PutDocument implements [store.Store].
func (s *Store) PutDocument(ctx context.Context, kind, key string, value []byte) error {
	if err := store.CheckDocument(kind, key, value); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usableLocked(ctx); err != nil {
		return err
	}
	s.putLocked(kind, key, value)
	return nil
}

// EnsureDocument implements [store.Store].
func (s *Store) EnsureDocument(ctx context.Context, kind, key string, value []byte) ([]byte, error) {
	if err := store.CheckDocument(kind, key, value); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usableLocked(ctx); err != nil {
		return nil, err
	}
	if _, ok := s.documents[kind][key]; !ok {
		s.putLocked(kind, key, value)
	}
	return bytes.Clone(s.documents[kind][key]), nil
}

func (s *Store) putLocked(kind, key string, value []byte) {
	if s.documents[kind] == nil {
		s.documents[kind] = make(map[string][]byte)
	}
	s.documents[kind][key] = append([]byte{}, value...)
	s.changedLocked(kind)
}

// DeleteDocument implements [store.Store].
func (s *Store) DeleteDocument(ctx context.Context, kind, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usableLocked(ctx); err != nil {
		return err
	}
	if _, ok := s.documents[kind][key]; !ok {
		return nil
	}
	delete(s.documents[kind], key)
	if len(s.documents[kind]) == 0 {
		delete(s.documents, kind)
	}
	s.changedLocked(kind)
	return nil
}

func (s *Store) changedLocked(kind string) {
	if store.Counts(kind) {
		s.revision++
	}
}

// lines is the log of one execution.
type lines struct {
	kept []store.LogLine
	size int
	last int64 // the Seq given last
}

// AppendLog implements [store.Store].
func (s *Store) AppendLog(ctx context.Context, writes ...store.LogWrite) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usableLocked(ctx); err != nil {
		return err
	}
	for _, w := range writes {
		if e := s.executions[w.ID]; e != nil {
			e.log.add(w.Lines)
		}
	}
	return nil
}

func (l *lines) add(added []store.LogLine) {
	for _, line := range added {
		l.last++
		line.Seq = l.last
		l.kept = append(l.kept, line)
		l.size += line.Size()
	}
	for len(l.kept) > 1 && l.size > store.MaxLog {
		l.size -= l.kept[0].Size()
		l.kept = l.kept[1:]
	}
}

// Log implements [store.Store].
func (s *Store) Log(ctx context.Context, id string, after int64, limit int) ([]store.LogLine, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usableLocked(ctx); err != nil {
		return nil, err
	}
	e := s.executions[id]
	if e == nil {
		return nil, nil
	}
	var found []store.LogLine
	for _, line := range e.log.kept {
		if line.Seq > after && len(found) < limit {
			found = append(found, line)
		}
	}
	return found, nil
}
