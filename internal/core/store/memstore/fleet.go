package memstore

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Fleet is a [store.Fleet] in memory, for tests of engines that share a store. Its clock is that of the process.
type Fleet struct {
	*Store
	editing chan struct{} // holds a value while somebody is in Exclusively
	nodes   map[store.NodeID]*store.Node
	hearers map[store.NodeID]chan string
}

var _ store.Fleet = (*Fleet)(nil)

// NewFleet returns an empty store for several engines.
func NewFleet() *Fleet {
	return &Fleet{
		Store: New(), editing: make(chan struct{}, 1), nodes: map[store.NodeID]*store.Node{},
		hearers: map[store.NodeID]chan string{},
	}
}

// forgotten is how long nodes are told of after their death.
const forgotten = time.Hour

func now() protocol.Timestamp { return protocol.TimestampOf(time.Now()) }

// Beat implements [store.Fleet].
func (f *Fleet) Beat(
	ctx context.Context, id store.NodeID, first bool, lease time.Duration, tell func(*store.Census) []byte,
) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usableLocked(ctx); err != nil {
		return err
	}
	node := f.nodes[id]
	if node == nil && !first || node != nil && !f.aliveLocked(id) {
		return store.ErrLeaseOver
	}
	info := tell(f.censusLocked())
	if node == nil {
		node = &store.Node{ID: id, Joined: now()}
		f.nodes[id] = node
	}
	node.Info, node.Until = info, now().Add(lease)
	return nil
}

func (f *Fleet) aliveLocked(id store.NodeID) bool {
	n := f.nodes[id]
	return n != nil && n.Until > now()
}

func (f *Fleet) censusLocked() *store.Census {
	c := &store.Census{Now: now(), Documents: f.revision}
	owns := map[store.NodeID]int64{}
	for _, e := range f.executions {
		owns[e.row.Owner]++
	}
	for id, n := range f.nodes {
		if n.Until.Add(forgotten) < c.Now && owns[id] == 0 {
			delete(f.nodes, id)
			continue
		}
		one := *n
		one.Info, one.Alive, one.Owns = bytes.Clone(n.Info), f.aliveLocked(id), owns[id]
		c.Nodes = append(c.Nodes, one)
	}
	slices.SortFunc(c.Nodes, func(a, b store.Node) int {
		if a.Joined != b.Joined {
			return int(a.Joined - b.Joined)
		}
		return int(min(max(a.ID-b.ID, -1), 1))
	})
	return c
}

// Nodes implements [store.Fleet].
func (f *Fleet) Nodes(ctx context.Context) (*store.Census, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.censusLocked(), f.usableLocked(ctx)
}

// Leave implements [store.Fleet].
func (f *Fleet) Leave(ctx context.Context, node store.NodeID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.nodes[node]; n != nil {
		n.Until = min(n.Until, now())
	}
	return f.usableLocked(ctx)
}

// ownLocked gives an execution another owner.
func (f *Fleet) ownLocked(e *execution, owner store.NodeID) {
	row := e.row
	row.Owner = owner
	f.setRowLocked(e, &row)
}

// ClaimExecutions implements [store.Fleet].
func (f *Fleet) ClaimExecutions(
	ctx context.Context, node store.NodeID, claim store.Claim, limit int,
) ([]*store.Row, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usableLocked(ctx); err != nil || !f.aliveLocked(node) {
		return nil, err
	}
	var found []*execution
	at := func(e *execution) protocol.Timestamp { return e.row.Due }
	for _, e := range f.executions {
		r := &e.row
		switch {
		case claim.Left:
			if r.Owner != 0 && !f.aliveLocked(r.Owner) {
				found = append(found, e)
			}
		case r.Owner != 0:
		case claim.Due != 0:
			if r.Due != 0 && r.Due <= claim.Due {
				found = append(found, e)
			}
		case r.Function == claim.Function && r.Version == claim.Version && r.Wanted != 0 && r.Wanted <= now():
			found = append(found, e)
			at = func(e *execution) protocol.Timestamp { return e.row.Wanted }
		}
	}
	slices.SortFunc(found, func(a, b *execution) int {
		if at(a) != at(b) {
			return int(at(a) - at(b))
		}
		return strings.Compare(a.row.ID, b.row.ID)
	})
	var rows []*store.Row
	for _, e := range found[:min(limit, len(found))] {
		rows = append(rows, e.copyRow())
		f.ownLocked(e, node)
	}
	return rows, nil
}

// ClaimCalls implements [store.Fleet].
func (f *Fleet) ClaimCalls(
	ctx context.Context, node store.NodeID, function, version string, limit int,
) ([]store.Item, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usableLocked(ctx); err != nil || !f.aliveLocked(node) {
		return nil, err
	}
	var items []store.Item
	for _, e := range f.executions {
		for _, c := range e.calls {
			if c.Function == function && c.Version == version && c.Wanted <= now() && !f.aliveLocked(c.Owner) {
				items = append(items, store.Item{At: c.Wanted, ID: e.row.ID, Operation: c.Operation})
			}
		}
	}
	slices.SortFunc(items, store.Item.Compare)
	items = items[:min(limit, len(items))]
	for _, item := range items {
		e := f.executions[item.ID]
		c := e.calls[item.Operation]
		c.Owner = node
		f.setCallLocked(e, c)
	}
	return items, nil
}

// Waiting implements [store.Fleet].
func (f *Fleet) Waiting(ctx context.Context) ([]store.Agenda, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	found := map[store.Agenda]bool{}
	for _, e := range f.executions {
		if e.row.Wanted != 0 && e.row.Wanted <= now() && e.row.Owner == 0 {
			found[store.Agenda{Kind: store.Invocations, Function: e.row.Function, Version: e.row.Version}] = true
		}
		for _, c := range e.calls {
			if c.Wanted <= now() && !f.aliveLocked(c.Owner) {
				found[store.Agenda{Kind: store.Calls, Function: c.Function, Version: c.Version}] = true
			}
		}
	}
	return slices.Collect(maps.Keys(found)), f.usableLocked(ctx)
}

// Release implements [store.Fleet].
func (f *Fleet) Release(ctx context.Context, node store.NodeID, ids ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		e := f.executions[id]
		if e == nil {
			continue
		}
		if e.row.Owner == node && e.row.Doing&store.Invoking == 0 {
			f.ownLocked(e, 0)
		}
		for _, c := range e.calls {
			if c.Owner == node {
				c.Owner = 0
				f.setCallLocked(e, c)
			}
		}
	}
	return f.usableLocked(ctx)
}

// Owned implements [store.Fleet].
func (f *Fleet) Owned(ctx context.Context, node store.NodeID, after string, limit int) ([]*store.Row, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var rows []*store.Row
	for id := range f.started.after(after) {
		if e := f.executions[id]; e.row.Owner == node && len(rows) < limit {
			rows = append(rows, e.copyRow())
		}
	}
	return rows, f.usableLocked(ctx)
}

// Last implements [store.Fleet].
func (f *Fleet) Last(ctx context.Context, ids ...string) (map[string]int64, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	last := map[string]int64{}
	for _, id := range ids {
		if e := f.executions[id]; e != nil {
			last[id] = int64(len(e.journal))
		}
	}
	return last, f.usableLocked(ctx)
}

// DocumentsRevision implements [store.Fleet].
func (f *Fleet) DocumentsRevision(ctx context.Context) (int64, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.revision, f.usableLocked(ctx)
}

// Exclusively implements [store.Fleet].
func (f *Fleet) Exclusively(ctx context.Context, do func(ctx context.Context) error) error {
	select {
	case f.editing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-f.editing }()
	return do(ctx)
}

// Tell implements [store.Fleet].
func (f *Fleet) Tell(ctx context.Context, node store.NodeID, hints ...string) error {
	if err := store.CheckHints(hints); err != nil {
		return err
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	for id, c := range f.hearers {
		for _, hint := range hints {
			if id == node {
				continue
			}
			select {
			case c <- hint:
			default: // it gets lost
			}
		}
	}
	return f.usableLocked(ctx)
}

// Hear implements [store.Fleet].
func (f *Fleet) Hear(ctx context.Context, node store.NodeID, heard func(hint string)) error {
	c := make(chan string, 100)
	f.mu.Lock()
	f.hearers[node] = c
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.hearers[node] == c {
			delete(f.hearers, node)
		}
	}()
	heard("")
	for {
		select {
		case hint := <-c:
			heard(hint)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Copy returns the executions, calls, documents and nodes as they are now, for [Fleet.Restore].
func (f *Fleet) Copy() *Fleet {
	f.mu.RLock()
	defer f.mu.RUnlock()
	c := NewFleet()
	for id, node := range f.nodes {
		one := *node
		c.nodes[id] = &one
	}
	c.revision = f.revision
	for _, e := range f.executions {
		c.appendLocked(store.Write{ID: e.row.ID, Entry: store.Entry{Data: e.journal[0]}, Row: e.copyRow()})
		copied := c.executions[e.row.ID]
		copied.journal = slices.Clone(e.journal)
		for _, call := range e.calls {
			c.setCallLocked(copied, call)
		}
	}
	for kind, docs := range f.documents {
		c.documents[kind] = maps.Clone(docs)
	}
	return c
}

// Restore makes the store what it was when it was copied, as a database that lost its latest commits.
func (f *Fleet) Restore(c *Fleet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.executions, f.names, f.started, f.agendas = c.executions, c.names, c.started, c.agendas
	f.documents, f.revision, f.nodes = c.documents, c.revision, c.nodes
}
