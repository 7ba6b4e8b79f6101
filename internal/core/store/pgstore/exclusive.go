package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The lock of [Store.Exclusively] is held by an open transaction that is asked every aliveEvery whether it is there. If
// it does not answer within aliveWait, f is told to stop; the server ends a transaction that was silent for silentFor,
// and only then has another node the lock.
const (
	aliveEvery = 2 * time.Second
	aliveWait  = 3 * time.Second
	silentFor  = 10 * time.Second
	lockWait   = 5 * time.Second // then it asks again, so that an end of the context is heard
)

// Exclusively implements [store.Fleet]. It has a connection of its own.
func (s *Store) Exclusively(ctx context.Context, f func(ctx context.Context) error) error {
	conn, err := s.single(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for {
		err := s.lockExclusive(ctx, conn)
		if err == nil {
			break
		}
		_ = s.ask(ctx, conn, "ROLLBACK")
		if code(err) != "55P03" {
			return s.fault(ctx, err)
		}
	}
	working, lost := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for pause(working, aliveEvery) {
			asking, cancel := context.WithTimeout(working, aliveWait)
			_, err := conn.Exec(asking, "SELECT")
			cancel()
			if err != nil && working.Err() == nil {
				lost(fmt.Errorf("%s: this node no longer works alone: %w", s.place, err))
			}
		}
	}()
	err = f(working)
	cause := context.Cause(working)
	lost(nil)
	<-watched
	if err == nil && cause != nil && ctx.Err() == nil {
		return cause
	}
	return err
}

func (s *Store) lockExclusive(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, lockWait+patience)
	defer cancel()
	for _, sql := range []string{"BEGIN", fmt.Sprintf("SET LOCAL lock_timeout = %d", lockWait.Milliseconds()),
		fmt.Sprintf("SET LOCAL idle_in_transaction_session_timeout = %d", silentFor.Milliseconds()),
		fmt.Sprintf("SELECT pg_advisory_xact_lock(%d, %d)", lockExclusive, int32(s.oid))} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}
