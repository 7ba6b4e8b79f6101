// Package memstore keeps executions in memory, for tests and for programs that may forget their executions when the
// process ends.
//
// It starts no goroutine and reads no clock, so it works inside a testing/synctest bubble.
package memstore

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Store is a [store.Store] in memory.
type Store struct {
	mu         sync.RWMutex
	closed     bool
	intercept  Interceptor
	executions map[string]*execution
	names      map[name]string // the id of each name taken
	started    ordered[string] // all ids
	agendas    map[store.Agenda]*ordered[store.Item]
	documents  map[string]map[string][]byte // by kind and key
	revision   int64                        // counts changes of documents
}

var _ store.Store = (*Store)(nil)

// Health implements [store.Reporter].
func (s *Store) Health(context.Context) store.Health {
	return store.Health{Kind: "memory", Durability: "nothing: it forgets everything at the end of the process"}
}

// execution is one row and its journal: entry n is journal[n-1]. The journal only grows and its entries never
// change, so a reader may keep the slice it saw under the lock.
type execution struct {
	row     store.Row
	journal [][]byte
	calls   map[string]store.Call // by operation
	log     lines
}

type name struct{ function, name string }

// New returns an empty store.
func New() *Store {
	return &Store{
		executions: make(map[string]*execution),
		names:      make(map[name]string),
		started:    ordered[string]{compare: strings.Compare},
		agendas:    make(map[store.Agenda]*ordered[store.Item]),
		documents:  make(map[string]map[string][]byte),
	}
}

// An Interceptor stands in for the Commit of writes. It calls commit to let the commit take effect, or leaves it
// out; its error is the one that the caller of Commit gets.
type Interceptor func(writes []store.Write, commit func() error) error

// Intercept sends every later Commit through f, so that a test can count, delay or fail it, before or after its
// effect. Nil ends that.
func (s *Store) Intercept(f Interceptor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intercept = f
}

// Commit implements [store.Store].
func (s *Store) Commit(ctx context.Context, writes ...store.Write) error {
	if err := store.Check(writes); err != nil {
		return err
	}
	s.mu.RLock()
	intercept := s.intercept
	s.mu.RUnlock()
	if intercept == nil {
		return s.commit(ctx, writes)
	}
	return intercept(writes, func() error { return s.commit(ctx, writes) })
}

func (s *Store) commit(ctx context.Context, writes []store.Write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usableLocked(ctx); err != nil {
		return err
	}
	if !s.fitsLocked(writes) {
		return store.ErrConflict
	}
	for _, w := range writes {
		s.appendLocked(w)
	}
	return nil
}

// fitsLocked reports whether every write is the next of its execution, given
// those before it, and takes no name twice.
func (s *Store) fitsLocked(writes []store.Write) bool {
	last := make(map[string]int64, len(writes))
	taken := make(map[name]bool)
	for _, w := range writes {
		n, seen := last[w.ID]
		if e := s.executions[w.ID]; e != nil && !seen {
			n = int64(len(e.journal))
		}
		if w.Entry.Seq != n+1 {
			return false
		}
		last[w.ID] = w.Entry.Seq
		if w.Entry.Seq > 1 {
			continue
		}
		key := name{w.Row.Function, w.Row.Name}
		if _, ok := s.names[key]; ok || taken[key] {
			return false
		}
		taken[key] = true
	}
	return true
}

func (s *Store) appendLocked(w store.Write) {
	e := s.executions[w.ID]
	if e == nil {
		e = &execution{row: *w.Row}
		e.row.Due, e.row.Wanted, e.row.Expires, e.row.Owner = 0, 0, 0, 0 // so that setRowLocked notes them
		s.executions[w.ID] = e
		s.names[name{w.Row.Function, w.Row.Name}] = w.ID
		s.started.include(w.ID)
	}
	e.journal = append(e.journal, append([]byte{}, w.Entry.Data...))
	if w.Row != nil {
		s.setRowLocked(e, w.Row)
	}
	for _, c := range w.Calls {
		s.setCallLocked(e, c)
	}
}

// setRowLocked takes the changeable members over from row.
func (s *Store) setRowLocked(e *execution, row *store.Row) {
	owner := row.Owner
	if owner == store.KeepOwner {
		owner = e.row.Owner
	}
	s.moveOwnedLocked(store.Agenda{Kind: store.Moments}, e, "", e.row.Owner, owner, e.row.Due, row.Due)
	s.moveOwnedLocked(store.Agenda{Kind: store.Invocations, Function: e.row.Function, Version: e.row.Version}, e, "",
		e.row.Owner, owner, e.row.Wanted, row.Wanted)
	e.row.Owner = owner
	s.moveLocked(store.Agenda{Kind: store.Removals}, e, "", e.row.Expires, row.Expires)
	e.row.Status, e.row.Closed, e.row.Due = row.Status, row.Closed, row.Due
	e.row.Wanted, e.row.Expires = row.Wanted, row.Expires
	e.row.Doing, e.row.Since = row.Doing, row.Since
	e.row.Error, e.row.Message, e.row.Redriven = row.Error, row.Message, row.Redriven
}

func (s *Store) setCallLocked(e *execution, c store.Call) {
	old := e.calls[c.Operation]
	s.moveOwnedLocked(store.Agenda{Kind: store.Calls, Function: old.Function, Version: old.Version}, e, c.Operation,
		old.Owner, 0, old.Wanted, 0)
	s.moveOwnedLocked(store.Agenda{Kind: store.Calls, Function: c.Function, Version: c.Version}, e, c.Operation,
		0, c.Owner, 0, c.Wanted)
	if c.Wanted == 0 {
		delete(e.calls, c.Operation)
		return
	}
	if e.calls == nil {
		e.calls = map[string]store.Call{}
	}
	e.calls[c.Operation] = c
}

// moveOwnedLocked moves an item of an agenda, which is also on that of its owner, to another time and another owner.
func (s *Store) moveOwnedLocked(
	agenda store.Agenda, e *execution, op string, before, owner store.NodeID, from, to protocol.Timestamp,
) {
	s.moveLocked(agenda, e, op, from, to)
	if agenda.Owner = before; before != 0 {
		s.moveLocked(agenda, e, op, from, 0)
	}
	if agenda.Owner = owner; owner != 0 {
		s.moveLocked(agenda, e, op, 0, to)
	}
}

// moveLocked moves an item of an agenda to another time; zero is not on it.
func (s *Store) moveLocked(agenda store.Agenda, e *execution, op string, from, to protocol.Timestamp) {
	if from == to {
		return
	}
	items := s.agendas[agenda]
	if items == nil {
		items = &ordered[store.Item]{compare: store.Item.Compare}
		s.agendas[agenda] = items
	}
	if from != 0 {
		items.exclude(store.Item{At: from, ID: e.row.ID, Operation: op})
	}
	if to != 0 {
		items.include(store.Item{At: to, ID: e.row.ID, Operation: op})
	}
	if items.empty() {
		delete(s.agendas, agenda)
	}
}

// Row implements [store.Store].
func (s *Store) Row(ctx context.Context, id string) (*store.Row, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usableLocked(ctx); err != nil {
		return nil, err
	}
	e, ok := s.executions[id]
	if !ok {
		return nil, store.ErrNotFound
	}
	return e.copyRow(), nil
}

// Named implements [store.Store].
func (s *Store) Named(ctx context.Context, function, n string) (*store.Row, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usableLocked(ctx); err != nil {
		return nil, err
	}
	id, ok := s.names[name{function, n}]
	if !ok {
		return nil, store.ErrNotFound
	}
	return s.executions[id].copyRow(), nil
}

// Journal implements [store.Store]. It holds no lock while it yields.
func (s *Store) Journal(ctx context.Context, id string, part store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		journal, err := s.journal(ctx, id)
		if err != nil {
			yield(store.Entry{}, err)
			return
		}
		for seq := range selected(part, int64(len(journal))) {
			if err := ctx.Err(); err != nil {
				yield(store.Entry{}, err)
				return
			}
			if !yield(store.Entry{Seq: seq, Data: bytes.Clone(journal[seq-1])}, nil) {
				return
			}
		}
	}
}

func (s *Store) journal(ctx context.Context, id string) ([][]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usableLocked(ctx); err != nil {
		return nil, err
	}
	if e := s.executions[id]; e != nil {
		return e.journal, nil
	}
	return nil, nil
}

// List implements [store.Store].
func (s *Store) List(ctx context.Context, q store.Query) ([]*store.Row, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usableLocked(ctx); err != nil {
		return nil, err
	}
	if q.Ranked() {
		return s.stuckLocked(&q), nil
	}
	var rows []*store.Row
	for row := range s.selectedLocked(&q) {
		if rows = append(rows, row); len(rows) == q.Limit {
			break
		}
	}
	return rows, nil
}

// Agenda implements [store.Store].
func (s *Store) Agenda(ctx context.Context, agenda store.Agenda, after store.Item, limit int) ([]store.Item, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usableLocked(ctx); err != nil {
		return nil, err
	}
	items := s.agendas[agenda]
	if items == nil || limit <= 0 {
		return nil, nil
	}
	var page []store.Item
	for item := range items.after(after) {
		if page = append(page, item); len(page) == limit {
			break
		}
	}
	return page, nil
}

// Calls implements [store.Store].
func (s *Store) Calls(ctx context.Context, id string) ([]store.Call, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usableLocked(ctx); err != nil {
		return nil, err
	}
	var calls []store.Call
	if e := s.executions[id]; e != nil {
		for _, op := range slices.Sorted(maps.Keys(e.calls)) {
			calls = append(calls, e.calls[op])
		}
	}
	return calls, nil
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usableLocked(ctx); err != nil {
		return err
	}
	e := s.executions[id]
	if e == nil {
		return nil
	}
	s.setRowLocked(e, &store.Row{})
	for op := range e.calls {
		s.setCallLocked(e, store.Call{Operation: op})
	}
	delete(s.executions, id)
	delete(s.names, name{e.row.Function, e.row.Name})
	s.started.exclude(id)
	return nil
}

// Close implements [store.Store].
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func (s *Store) usableLocked(ctx context.Context) error {
	if s.closed {
		return store.ErrClosed
	}
	return ctx.Err()
}

func (e *execution) copyRow() *store.Row {
	row := e.row
	return &row
}
