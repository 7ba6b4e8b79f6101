package storetest

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/internal/core/store"
)

// Cut is one node's way to a [store.Fleet]. While it is off, all calls fail.
type Cut struct {
	store.Fleet
	off      atomic.Bool
	readOnly atomic.Bool
	deaf     atomic.Bool
	asked    atomic.Int64
	mu       sync.Mutex
	ears     []context.CancelFunc // of those who hear
}

// NewCut returns a way to a store that is on.
func NewCut(f store.Fleet) *Cut { return &Cut{Fleet: f} }

// ErrCut is the error of a way that is off.
var ErrCut = errors.New("the store cannot be reached")

// Off cuts the way.
func (c *Cut) Off() {
	c.off.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range c.ears {
		end()
	}
	c.ears = nil
}

// On mends it.
func (c *Cut) On() { c.off.Store(false) }

// ReadOnly makes all changes fail, and nothing else.
func (c *Cut) ReadOnly(on bool) { c.readOnly.Store(on) }

// Asked is how often a method was called.
func (c *Cut) Asked() int64 { return c.asked.Load() }

// LoseHints loses all hints from now on.
func (c *Cut) LoseHints() { c.deaf.Store(true) }

func (c *Cut) err() error {
	if c.off.Load() {
		return ErrCut
	}
	return nil
}

// through calls a method unless the way is off. What it answered is lost if the way was cut meanwhile.
func through[T any](c *Cut, call func() (T, error)) (T, error) {
	c.asked.Add(1)
	if err := c.err(); err != nil {
		return *new(T), err
	}
	v, err := call()
	if off := c.err(); off != nil {
		return *new(T), off
	}
	return v, err
}

func tell(c *Cut, call func() error) error {
	_, err := through(c, func() (none struct{}, err error) {
		if c.readOnly.Load() {
			return none, ErrCut
		}
		return none, call()
	})
	return err
}

// Commit implements [store.Store].
func (c *Cut) Commit(ctx context.Context, writes ...store.Write) error {
	return tell(c, func() error { return c.Fleet.Commit(ctx, writes...) })
}

// Row implements [store.Store].
func (c *Cut) Row(ctx context.Context, id string) (*store.Row, error) {
	return through(c, func() (*store.Row, error) { return c.Fleet.Row(ctx, id) })
}

// Named implements [store.Store].
func (c *Cut) Named(ctx context.Context, function, name string) (*store.Row, error) {
	return through(c, func() (*store.Row, error) { return c.Fleet.Named(ctx, function, name) })
}

// Journal implements [store.Store].
func (c *Cut) Journal(ctx context.Context, id string, part store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		c.asked.Add(1)
		if err := c.err(); err != nil {
			yield(store.Entry{}, err)
			return
		}
		c.Fleet.Journal(ctx, id, part)(yield)
	}
}

// List implements [store.Store].
func (c *Cut) List(ctx context.Context, q store.Query) ([]*store.Row, error) {
	return through(c, func() ([]*store.Row, error) { return c.Fleet.List(ctx, q) })
}

// Count implements [store.Store].
func (c *Cut) Count(ctx context.Context, q store.Query, by store.Grouping) ([]store.Count, error) {
	return through(c, func() ([]store.Count, error) { return c.Fleet.Count(ctx, q, by) })
}

// Agenda implements [store.Store].
func (c *Cut) Agenda(ctx context.Context, a store.Agenda, after store.Item, limit int) ([]store.Item, error) {
	return through(c, func() ([]store.Item, error) { return c.Fleet.Agenda(ctx, a, after, limit) })
}

// Calls implements [store.Store].
func (c *Cut) Calls(ctx context.Context, id string) ([]store.Call, error) {
	return through(c, func() ([]store.Call, error) { return c.Fleet.Calls(ctx, id) })
}

// Delete implements [store.Store].
func (c *Cut) Delete(ctx context.Context, id string) error {
	return tell(c, func() error { return c.Fleet.Delete(ctx, id) })
}

// Document implements [store.Store].
func (c *Cut) Document(ctx context.Context, kind, key string) ([]byte, error) {
	return through(c, func() ([]byte, error) { return c.Fleet.Document(ctx, kind, key) })
}

// Documents implements [store.Store].
func (c *Cut) Documents(ctx context.Context, kind, after string, limit int) ([]store.Document, error) {
	return through(c, func() ([]store.Document, error) { return c.Fleet.Documents(ctx, kind, after, limit) })
}

// PutDocument implements [store.Store].
func (c *Cut) PutDocument(ctx context.Context, kind, key string, value []byte) error {
	return tell(c, func() error { return c.Fleet.PutDocument(ctx, kind, key, value) })
}

// EnsureDocument implements [store.Store].
func (c *Cut) EnsureDocument(ctx context.Context, kind, key string, value []byte) ([]byte, error) {
	return through(c, func() ([]byte, error) { return c.Fleet.EnsureDocument(ctx, kind, key, value) })
}

// DeleteDocument implements [store.Store].
func (c *Cut) DeleteDocument(ctx context.Context, kind, key string) error {
	return tell(c, func() error { return c.Fleet.DeleteDocument(ctx, kind, key) })
}

// AppendLog implements [store.Store].
func (c *Cut) AppendLog(ctx context.Context, writes ...store.LogWrite) error {
	return tell(c, func() error { return c.Fleet.AppendLog(ctx, writes...) })
}

// Log implements [store.Store].
func (c *Cut) Log(ctx context.Context, id string, after int64, limit int) ([]store.LogLine, error) {
	return through(c, func() ([]store.LogLine, error) { return c.Fleet.Log(ctx, id, after, limit) })
}

// Beat implements [store.Fleet].
func (c *Cut) Beat(
	ctx context.Context, node store.NodeID, first bool, lease time.Duration, say func(*store.Census) []byte,
) error {
	return tell(c, func() error { return c.Fleet.Beat(ctx, node, first, lease, say) })
}

// Nodes implements [store.Fleet].
func (c *Cut) Nodes(ctx context.Context) (*store.Census, error) {
	return through(c, func() (*store.Census, error) { return c.Fleet.Nodes(ctx) })
}

// Leave implements [store.Fleet].
func (c *Cut) Leave(ctx context.Context, node store.NodeID) error {
	return tell(c, func() error { return c.Fleet.Leave(ctx, node) })
}

// ClaimExecutions implements [store.Fleet].
func (c *Cut) ClaimExecutions(
	ctx context.Context, node store.NodeID, claim store.Claim, limit int,
) ([]*store.Row, error) {
	return through(c, func() ([]*store.Row, error) { return c.Fleet.ClaimExecutions(ctx, node, claim, limit) })
}

// ClaimCalls implements [store.Fleet].
func (c *Cut) ClaimCalls(
	ctx context.Context, node store.NodeID, function, version string, limit int,
) ([]store.Item, error) {
	return through(c, func() ([]store.Item, error) { return c.Fleet.ClaimCalls(ctx, node, function, version, limit) })
}

// Waiting implements [store.Fleet].
func (c *Cut) Waiting(ctx context.Context) ([]store.Agenda, error) {
	return through(c, func() ([]store.Agenda, error) { return c.Fleet.Waiting(ctx) })
}

// Release implements [store.Fleet].
func (c *Cut) Release(ctx context.Context, node store.NodeID, ids ...string) error {
	return tell(c, func() error { return c.Fleet.Release(ctx, node, ids...) })
}

// Owned implements [store.Fleet].
func (c *Cut) Owned(ctx context.Context, node store.NodeID, after string, limit int) ([]*store.Row, error) {
	return through(c, func() ([]*store.Row, error) { return c.Fleet.Owned(ctx, node, after, limit) })
}

// Last implements [store.Fleet].
func (c *Cut) Last(ctx context.Context, ids ...string) (map[string]int64, error) {
	return through(c, func() (map[string]int64, error) { return c.Fleet.Last(ctx, ids...) })
}

// DocumentsRevision implements [store.Fleet].
func (c *Cut) DocumentsRevision(ctx context.Context) (int64, error) {
	return through(c, func() (int64, error) { return c.Fleet.DocumentsRevision(ctx) })
}

// Exclusively implements [store.Fleet].
func (c *Cut) Exclusively(ctx context.Context, do func(ctx context.Context) error) error {
	return tell(c, func() error { return c.Fleet.Exclusively(ctx, do) })
}

// Tell implements [store.Fleet].
func (c *Cut) Tell(ctx context.Context, node store.NodeID, hints ...string) error {
	if c.deaf.Load() {
		return nil
	}
	return tell(c, func() error { return c.Fleet.Tell(ctx, node, hints...) })
}

// Hear implements [store.Fleet].
func (c *Cut) Hear(ctx context.Context, node store.NodeID, heard func(hint string)) error {
	if err := c.err(); err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	c.mu.Lock()
	c.ears = append(c.ears, end)
	c.mu.Unlock()
	return c.Fleet.Hear(ctx, node, func(hint string) {
		if !c.deaf.Load() {
			heard(hint)
		}
	})
}
