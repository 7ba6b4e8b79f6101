package memstore

import (
	"context"

	"github.com/perdure/perdure/internal/core/store"
)

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
