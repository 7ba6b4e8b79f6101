package pgstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/internal/core/store/storetest"
)

// The store suite passes on a network that cuts connections at random: before a statement leaves, in the middle of it, when
// it has left, and when its answer is there. Each commit takes effect wholly or not at all, once.
func TestContractOnABrokenNetwork(t *testing.T) {
	pgtest.Shared(t) // or the test is skipped as a whole
	network := &brokenNetwork{random: rand.New(rand.NewPCG(12, 1))}
	storetest.Run(t, func(t *testing.T) store.Store {
		a, err := parse(pgtest.Schema(t))
		if err != nil {
			t.Fatal(err)
		}
		a.pool.ConnConfig.AfterNetConnect = network.wrap
		network.whole.Add(1) // until the store is open
		s, err := openAt(t.Context(), a, &Options{})
		network.whole.Add(-1)
		if err != nil {
			t.Fatal(err)
		}
		return &stubborn{Store: s, network: network}
	})
	for how := range network.cuts {
		if n := network.cuts[how].Load(); n < 10 {
			t.Errorf("only %d connections were cut in way %d", n, how)
		}
	}
}

// The ways to cut a connection.
const (
	beforeSending = iota
	whileSending
	afterSending
	beforeAnswer // the server is done
	wayCount
)

// brokenNetwork cuts connections.
type brokenNetwork struct {
	whole atomic.Int32 // while it is positive, nothing is cut
	cuts  [wayCount]atomic.Int32

	mu     sync.Mutex
	random *rand.Rand
}

func (n *brokenNetwork) wrap(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
	return &brokenConn{Conn: conn, network: n}, nil
}

// draw returns the way in which the next message is cut off; wayCount for none.
func (n *brokenNetwork) draw() int {
	if n.whole.Load() > 0 {
		return wayCount
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	way := n.random.IntN(25 * wayCount)
	if way < wayCount {
		n.cuts[way].Add(1)
	}
	return min(way, wayCount)
}

type brokenConn struct {
	net.Conn
	network *brokenNetwork
	doomed  atomic.Bool // the next answer is lost
}

var errCut = &net.OpError{Op: "write", Net: "tcp", Err: errors.New("cut by the test")}

func (c *brokenConn) Write(b []byte) (n int, err error) {
	way := c.network.draw()
	switch way {
	case beforeSending:
	case whileSending:
		n, _ = c.Conn.Write(b[:len(b)/2])
	case beforeAnswer:
		c.doomed.Store(true)
		return c.Conn.Write(b)
	case afterSending:
		n, _ = c.Conn.Write(b)
	default:
		return c.Conn.Write(b)
	}
	c.Conn.Close()
	return n, errCut
}

func (c *brokenConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.doomed.Load() {
		c.Conn.Close()
		return 0, errCut
	}
	return n, err
}

// stubborn tries again until it knows an outcome, as an engine does. It marks what it commits, so that it can tell its
// own entry from another's.
type stubborn struct {
	*Store
	network *brokenNetwork
}

var marks atomic.Int64

// again runs f until it has an answer.
func (s *stubborn) again(f func() error) error {
	for {
		if err := f(); err == nil || !strings.Contains(err.Error(), s.Place()) || errors.Is(err, store.ErrCorrupt) {
			return err
		}
	}
}

func stubbornly[T any](s *stubborn, f func() (T, error)) (got T, err error) {
	err = s.again(func() error { got, err = f(); return err })
	return got, err
}

func (s *stubborn) Commit(ctx context.Context, writes ...store.Write) error {
	marked := make([]store.Write, len(writes))
	mark := fmt.Appendf(nil, "%016d", marks.Add(1))
	for i, w := range writes {
		w.Entry.Data = append(bytes.Clone(mark), w.Entry.Data...)
		marked[i] = w
	}
	tried := false
	return s.again(func() error {
		err := s.Store.Commit(ctx, marked...)
		if errors.Is(err, store.ErrConflict) && tried {
			found := 0
			for _, w := range marked {
				for e := range s.whole(ctx, w.ID, store.Range{From: w.Entry.Seq, To: w.Entry.Seq}) {
					if bytes.HasPrefix(e.Data, mark) {
						found++
					}
				}
			}
			if found == len(marked) {
				return nil
			}
			if found > 0 {
				return fmt.Errorf("%d of %d writes took effect", found, len(marked))
			}
		}
		tried = true
		return err
	})
}

// whole reads entries as they are stored.
func (s *stubborn) whole(ctx context.Context, id string, part store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		s.network.whole.Add(1)
		defer s.network.whole.Add(-1)
		for e, err := range s.Store.Journal(ctx, id, part) {
			if err != nil && strings.Contains(err.Error(), s.Place()) { // its connection had been doomed before
				for e, err := range s.whole(ctx, id, part) {
					if !yield(e, err) {
						return
					}
				}
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func (s *stubborn) Journal(ctx context.Context, id string, part store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for e, err := range s.whole(ctx, id, part) {
			e.Data = e.Data[min(16, len(e.Data)):]
			if !yield(e, err) {
				return
			}
		}
	}
}

func (s *stubborn) Row(ctx context.Context, id string) (*store.Row, error) {
	return stubbornly(s, func() (*store.Row, error) { return s.Store.Row(ctx, id) })
}

func (s *stubborn) Named(ctx context.Context, function, name string) (*store.Row, error) {
	return stubbornly(s, func() (*store.Row, error) { return s.Store.Named(ctx, function, name) })
}

func (s *stubborn) List(ctx context.Context, q store.Query) ([]*store.Row, error) {
	return stubbornly(s, func() ([]*store.Row, error) { return s.Store.List(ctx, q) })
}

func (s *stubborn) Count(ctx context.Context, q store.Query, by store.Grouping) ([]store.Count, error) {
	return stubbornly(s, func() ([]store.Count, error) { return s.Store.Count(ctx, q, by) })
}

func (s *stubborn) Agenda(ctx context.Context, a store.Agenda, after store.Item, limit int) ([]store.Item, error) {
	return stubbornly(s, func() ([]store.Item, error) { return s.Store.Agenda(ctx, a, after, limit) })
}

func (s *stubborn) Calls(ctx context.Context, id string) ([]store.Call, error) {
	return stubbornly(s, func() ([]store.Call, error) { return s.Store.Calls(ctx, id) })
}

func (s *stubborn) Delete(ctx context.Context, id string) error {
	return s.again(func() error { return s.Store.Delete(ctx, id) })
}

func (s *stubborn) Document(ctx context.Context, kind, key string) ([]byte, error) {
	return stubbornly(s, func() ([]byte, error) { return s.Store.Document(ctx, kind, key) })
}

func (s *stubborn) Documents(ctx context.Context, kind, after string, limit int) ([]store.Document, error) {
	return stubbornly(s, func() ([]store.Document, error) { return s.Store.Documents(ctx, kind, after, limit) })
}

func (s *stubborn) PutDocument(ctx context.Context, kind, key string, value []byte) error {
	return s.again(func() error { return s.Store.PutDocument(ctx, kind, key, value) })
}

func (s *stubborn) EnsureDocument(ctx context.Context, kind, key string, value []byte) ([]byte, error) {
	return stubbornly(s, func() ([]byte, error) { return s.Store.EnsureDocument(ctx, kind, key, value) })
}

func (s *stubborn) DeleteDocument(ctx context.Context, kind, key string) error {
	return s.again(func() error { return s.Store.DeleteDocument(ctx, kind, key) })
}

// AppendLog is spared: lines may come twice.
func (s *stubborn) AppendLog(ctx context.Context, writes ...store.LogWrite) error {
	s.network.whole.Add(1)
	defer s.network.whole.Add(-1)
	return s.Store.AppendLog(ctx, writes...)
}

func (s *stubborn) Log(ctx context.Context, id string, after int64, limit int) ([]store.LogLine, error) {
	return stubbornly(s, func() ([]store.LogLine, error) { return s.Store.Log(ctx, id, after, limit) })
}
