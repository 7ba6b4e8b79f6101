package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/perdure/perdure/internal/core/store"
)

// Hints travel by NOTIFY, apart from what they are about: of transactions that notify, the server commits one at a
// time. Those that come within a moment travel together.
const (
	hintsWait     = 2 * time.Millisecond
	maxPayload    = 7000    // in bytes; the server takes 8000
	maxHintsQueue = 1 << 20 // in bytes, while the server takes none; more are dropped
)

// A hint may get lost, so no flush of the disk is worth it.
const sqlNotify = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, payload) " +
	"FROM unnest($2::text[]) payload"

// hints are what this store has to tell.
type hints struct {
	mu      sync.Mutex
	waiting map[store.NodeID][]string
	size    int
	wake    chan struct{}
}

func newHints() *hints {
	return &hints{waiting: map[store.NodeID][]string{}, wake: make(chan struct{}, 1)}
}

// Tell implements [store.Fleet]. It does not wait until the hints are sent.
func (s *Store) Tell(ctx context.Context, node store.NodeID, told ...string) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	if err := store.CheckHints(told); err != nil {
		return err
	}
	s.hints.add(node, told)
	return ctx.Err()
}

func (h *hints) add(node store.NodeID, told []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, hint := range told {
		if h.size += len(hint) + 1; h.size > maxHintsQueue {
			h.size -= len(hint) + 1
			break
		}
		h.waiting[node] = append(h.waiting[node], hint)
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// payloads takes what waits: the node, and a hint on each line behind.
func (h *hints) payloads() (all []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for node, told := range h.waiting {
		head := strconv.FormatInt(int64(node), 16)
		payload := head
		for _, hint := range told {
			if len(payload)+1+len(hint) > maxPayload {
				all, payload = append(all, payload), head
			}
			payload += "\n" + hint
		}
		all = append(all, payload)
	}
	clear(h.waiting)
	h.size = 0
	return all
}

// tellOn sends hints until ctx ends.
func (s *Store) tellOn(ctx context.Context) {
	for {
		select {
		case <-s.hints.wake:
		case <-ctx.Done():
			return
		}
		if !pause(ctx, hintsWait) {
			return
		}
		if err := s.change(ctx, sqlNotify, s.channel(), s.hints.payloads()); err != nil && ctx.Err() == nil {
			s.log.Debug("hints for other nodes are lost", "error", err)
			pause(ctx, minBackoff)
		}
	}
}

func (s *Store) channel() string { return "perdure_" + strconv.FormatInt(s.oid, 10) }

// Waiting between two attempts to listen.
const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// Hear implements [store.Fleet]. It has a connection of its own.
func (s *Store) Hear(ctx context.Context, node store.NodeID, heard func(hint string)) error {
	if s.pooled {
		return fmt.Errorf("%s: a pooler is in between, and none passes on what others notify: %w", s.place,
			errors.ErrUnsupported)
	}
	backoff := minBackoff
	for ctx.Err() == nil && !s.closed.Load() {
		began := time.Now()
		err := s.listen(ctx, node, heard)
		if ctx.Err() != nil {
			break
		}
		s.log.Debug("no hints from other nodes; trying again", "error", err)
		if backoff = min(2*backoff, maxBackoff); time.Since(began) > maxBackoff {
			backoff = minBackoff
		}
		pause(ctx, backoff)
	}
	if s.closed.Load() {
		return store.ErrClosed
	}
	return ctx.Err()
}

// listenFor is how long a connection may be silent before it is asked whether it is still there.
const listenFor = 15 * time.Second

// listen hears until the connection breaks.
func (s *Store) listen(ctx context.Context, node store.NodeID, heard func(hint string)) error {
	conn, err := s.single(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := s.ask(ctx, conn, "LISTEN "+s.channel()); err != nil {
		return err
	}
	heard("") // hints came before
	self := strconv.FormatInt(int64(node), 16)
	for {
		waiting, cancel := context.WithTimeout(ctx, listenFor)
		n, err := conn.WaitForNotification(waiting)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case s.closed.Load():
			return store.ErrClosed
		case err == nil:
			from, told, _ := strings.Cut(n.Payload, "\n")
			for hint := range strings.SplitSeq(told, "\n") {
				if from != self {
					heard(hint)
				}
			}
		case isTimeout(err) && !conn.IsClosed():
			if err := s.ask(ctx, conn, "SELECT"); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// ask runs a statement that answers at once if the connection is whole.
func (c *connections) ask(ctx context.Context, conn *pgx.Conn, sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := conn.Exec(ctx, sql, args...)
	return err
}
