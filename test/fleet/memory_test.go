package fleet

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perdure/perdure/engine/memstore"
	"github.com/perdure/perdure/internal/core/store"
	memory "github.com/perdure/perdure/internal/core/store/memstore"
)

// These tests have the database in memory, so they try far more than a real one lets them in the same time.

// TestOneEngineIsLinearizable is how one engine does without faults: the models are right.
func TestOneEngineIsLinearizable(t *testing.T) {
	c := newCrew(t)
	n := openNode(t, &nodeOptions{name: "alone", store: memstore.New(), register: c.register})
	c.nodes = []*api{n.api}
	r := chance(t)
	for round := range 10 {
		c.round(fmt.Sprintf("round-%d", round), r.Uint64())
	}
	c.rec.check(t)
}

// staleStore is a bug that is planted: of executions that it has looked at, it tells the number of the last entry that
// it saw then, for a while.
type staleStore struct {
	store.Fleet
	mu   sync.Mutex
	seen map[string]staleLast
}

type staleLast struct {
	number int64
	at     time.Time
}

// Last implements [store.Fleet].
func (s *staleStore) Last(ctx context.Context, ids ...string) (map[string]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.Fleet.Last(ctx, ids...)
	for id, n := range all {
		if old, ok := s.seen[id]; ok && time.Since(old.at) < 200*time.Millisecond {
			all[id] = old.number
			continue
		}
		s.seen[id] = staleLast{n, time.Now()}
	}
	return all, err
}

// TestPlantedBugIsFound has nodes that do not ask whether what they remember is still true.
func TestPlantedBugIsFound(t *testing.T) {
	r, database := chance(t), memory.NewFleet()
	c := newCrew(t)
	for n := range 2 {
		node := openNode(t, &nodeOptions{name: fmt.Sprintf("node %d", n), register: c.register,
			store: &staleStore{Fleet: database, seen: map[string]staleLast{}}})
		c.nodes = append(c.nodes, node.api)
	}
	for round := range 10 {
		c.round(fmt.Sprintf("round-%d", round), r.Uint64())
	}
	bad := c.rec.violations(t)
	t.Logf("%d violations", len(bad))
	if len(bad) == 0 {
		t.Error("nodes that answer from memory were not found out")
	}
}

// TestFaultyStoreIsLinearizable has three nodes whose database fails: for a while altogether, and with single calls at
// random, before and after they took effect.
func TestFaultyStoreIsLinearizable(t *testing.T) {
	t.Parallel()
	r, database := chance(t), memory.NewFleet()
	c := newCrew(t)
	var stores []*faultyStore
	for n := range 3 {
		s := &faultyStore{Fleet: database}
		stores = append(stores, s)
		node := openNode(t, &nodeOptions{name: fmt.Sprintf("node %d", n), store: s, register: c.register})
		c.nodes = append(c.nodes, node.api)
	}
	for _, s := range stores {
		s.oneIn.Store(100)
	}
	c.under(r, *kills/3, func() {
		s := stores[r.IntN(len(stores))]
		s.away.Store(true)
		time.Sleep(about(r, 2*lease))
		s.away.Store(false)
	})
	for _, s := range stores {
		s.oneIn.Store(0)
	}
}

// faultyStore is the way of one node to a database, which fails.
type faultyStore struct {
	store.Fleet
	away  atomic.Bool  // every call fails
	oneIn atomic.Int64 // one call in so many fails; zero is none
}

var errFaulty = errors.New("the network failed")

// before fails a call that has not been made.
func (s *faultyStore) before() error {
	if n := s.oneIn.Load(); s.away.Load() || n > 0 && rand.Int64N(n) == 0 {
		return errFaulty
	}
	return nil
}

// after fails a call that has been made.
func (s *faultyStore) after(err error) error { return errors.Join(err, s.before()) }

func (s *faultyStore) Commit(ctx context.Context, writes ...store.Write) error {
	if err := s.before(); err != nil {
		return err
	}
	err := s.Fleet.Commit(ctx, writes...)
	if lost := s.before(); lost != nil {
		return lost
	}
	return err
}

func (s *faultyStore) Row(ctx context.Context, id string) (*store.Row, error) {
	row, err := s.Fleet.Row(ctx, id)
	return row, s.fault(err)
}

func (s *faultyStore) Named(ctx context.Context, function, name string) (*store.Row, error) {
	row, err := s.Fleet.Named(ctx, function, name)
	return row, s.fault(err)
}

// fault takes the place of a read's error sometimes.
func (s *faultyStore) fault(err error) error {
	if fault := s.before(); fault != nil {
		return fault
	}
	return err
}

func (s *faultyStore) Journal(ctx context.Context, id string, part store.Range) iter.Seq2[store.Entry, error] {
	if err := s.before(); err != nil {
		return func(yield func(store.Entry, error) bool) { yield(store.Entry{}, err) }
	}
	return s.Fleet.Journal(ctx, id, part)
}

func (s *faultyStore) List(ctx context.Context, q store.Query) ([]*store.Row, error) {
	rows, err := s.Fleet.List(ctx, q)
	return rows, s.fault(err)
}

func (s *faultyStore) Agenda(ctx context.Context, a store.Agenda, after store.Item, limit int) ([]store.Item, error) {
	items, err := s.Fleet.Agenda(ctx, a, after, limit)
	return items, s.fault(err)
}

func (s *faultyStore) Delete(ctx context.Context, id string) error {
	if err := s.before(); err != nil {
		return err
	}
	return s.after(s.Fleet.Delete(ctx, id))
}

func (s *faultyStore) Beat(
	ctx context.Context, node store.NodeID, first bool, lease time.Duration, tell func(*store.Census) []byte,
) error {
	if err := s.before(); err != nil {
		return err
	}
	return s.fault(s.Fleet.Beat(ctx, node, first, lease, tell))
}

func (s *faultyStore) ClaimExecutions(
	ctx context.Context, node store.NodeID, claim store.Claim, limit int,
) ([]*store.Row, error) {
	if err := s.before(); err != nil {
		return nil, err
	}
	rows, err := s.Fleet.ClaimExecutions(ctx, node, claim, limit)
	return rows, s.fault(err)
}

func (s *faultyStore) Release(ctx context.Context, node store.NodeID, ids ...string) error {
	if err := s.before(); err != nil {
		return err
	}
	return s.fault(s.Fleet.Release(ctx, node, ids...))
}

func (s *faultyStore) Owned(ctx context.Context, node store.NodeID, after string, limit int) ([]*store.Row, error) {
	rows, err := s.Fleet.Owned(ctx, node, after, limit)
	return rows, s.fault(err)
}

func (s *faultyStore) Last(ctx context.Context, ids ...string) (map[string]int64, error) {
	all, err := s.Fleet.Last(ctx, ids...)
	return all, s.fault(err)
}

func (s *faultyStore) Tell(ctx context.Context, node store.NodeID, hints ...string) error {
	if err := s.before(); err != nil {
		return nil // a hint that is lost is no error
	}
	return s.Fleet.Tell(ctx, node, hints...)
}
