package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/perdure/perdure/internal/core/store"
)

// Snapshot reads a store as it was at one moment, with the methods of a [store.Store] that read. It is for one
// goroutine at a time. While it is open the server keeps what has changed since, so it should be closed soon.
type Snapshot struct {
	reader
	conn *pgx.Conn
}

// Snapshot opens a snapshot, on a connection of its own.
func (s *Store) Snapshot(ctx context.Context) (*Snapshot, error) {
	if s.closed.Load() {
		return nil, store.ErrClosed
	}
	conn, err := s.single(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.ask(ctx, conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, s.fault(ctx, err)
	}
	return &Snapshot{reader{s.connections, conn}, conn}, nil
}

// Close ends the snapshot.
func (s *Snapshot) Close() error { return s.conn.Close(context.Background()) }

// Kinds returns the kinds of documents that there are, in order.
func (r *reader) Kinds(ctx context.Context) ([]string, error) {
	return all(ctx, r, scanText, `WITH RECURSIVE kinds (kind) AS (
			(SELECT kind FROM perdure.documents ORDER BY kind LIMIT 1)
			UNION ALL
			SELECT (SELECT d.kind FROM perdure.documents d WHERE d.kind > k.kind ORDER BY d.kind LIMIT 1)
			FROM kinds k WHERE k.kind IS NOT NULL)
		SELECT kind FROM kinds WHERE kind IS NOT NULL ORDER BY kind`)
}
