package pgstore

import (
	"cmp"
	"context"
	"time"
)

// now is the moment of the statement by the database's clock, as a timestamp of ours.
const now = "(extract(epoch FROM statement_timestamp()) * 1000)::bigint"

// A deletion takes part in the race for the next entry: it appends one with a negative sum, behind which nothing is
// appended. So a commit that did not see the deletion loses. What is left of a long journal, and that entry, are
// removed later, when no commit can be under way that began before.
const (
	sqlDelete = `WITH there AS MATERIALIZED (
			SELECT coalesce((SELECT seq FROM perdure.journal WHERE id = $1 ORDER BY id DESC, seq DESC LIMIT 1), 0) AS last
			FROM perdure.executions WHERE id = $1),
		fence AS (INSERT INTO perdure.journal (id, seq, sum, data) SELECT $1, last + 1, -1, '' FROM there
			ON CONFLICT DO NOTHING RETURNING id),
		noted AS (INSERT INTO perdure.deletions (id, at) SELECT id, ` + now + ` FROM fence
			ON CONFLICT (id) DO UPDATE SET at = excluded.at),
		e AS (DELETE FROM perdure.executions WHERE id = $1 AND (SELECT id FROM fence) IS NOT NULL),
		c AS (DELETE FROM perdure.calls WHERE id = $1 AND (SELECT id FROM fence) IS NOT NULL),
		t AS (DELETE FROM perdure.tags WHERE execution = $1 AND (SELECT id FROM fence) IS NOT NULL),
		l AS (DELETE FROM perdure.log WHERE id = $1 AND (SELECT id FROM fence) IS NOT NULL),
		j AS (DELETE FROM perdure.journal WHERE id = $1 AND seq > (SELECT last FROM there) - $2
			AND (SELECT id FROM fence) IS NOT NULL)
		SELECT (SELECT count(*) FROM there) - (SELECT count(*) FROM fence)`

	sqlPurge = `WITH d AS MATERIALIZED (SELECT id FROM perdure.deletions WHERE at < ` + now + ` - $1
			ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED),
		part AS MATERIALIZED (SELECT j.id, j.seq FROM d, LATERAL (
			SELECT id, seq FROM perdure.journal WHERE id = d.id ORDER BY id, seq LIMIT $2) j LIMIT $2),
		cut AS (DELETE FROM perdure.journal j USING part WHERE j.id = part.id AND j.seq = part.seq),
		l AS (DELETE FROM perdure.log WHERE id = ANY (ARRAY(SELECT id FROM d))),
		over AS (DELETE FROM perdure.deletions WHERE id = ANY (ARRAY(SELECT id FROM d)) AND (SELECT count(*) FROM part) < $2)
		SELECT count(*) FROM part`
)

// maxCut bounds how many entries one transaction removes.
const maxCut = 500

// Remains of deletions are removed when they are old enough, by whichever node looks first.
const (
	purgeAfter = time.Minute // longer than any statement takes
	purgeEvery = 10 * time.Second
)

// Delete implements [store.Store]. The execution is gone for everybody when it returns; the background removes the
// rest of a long journal.
func (s *Store) Delete(ctx context.Context, id string) error {
	for {
		lost, err := changed(ctx, s, scanNumber, sqlDelete, id, int64(maxCut))
		if err != nil || len(lost) == 0 || lost[0] == 0 {
			return err
		}
		if err := ctx.Err(); err != nil { // a commit was first
			return err
		}
	}
}

// purgeOn removes the remains of deletions, and of files that never became whole, until ctx ends. Of an outage it says
// one thing.
func (s *Store) purgeOn(ctx context.Context) {
	for failed := false; pause(ctx, purgeEvery); {
		err := s.purgeAll(ctx)
		if err != nil && !failed && ctx.Err() == nil {
			s.log.Warn("what is left of deleted executions and files is not removed; trying again", "error", err)
		}
		failed = err != nil
	}
}

// purgeAll removes what is old enough, and forgets nodes that are.
func (s *Store) purgeAll(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := s.purge(ctx, purgeAfter)
		if err != nil {
			return err
		}
		if n < maxCut {
			break
		}
	}
	return cmp.Or(s.purgeFiles(ctx), s.change(ctx, sqlForget))
}

// purge removes a part of what deletions left that are old enough, and returns how many entries that was.
func (s *Store) purge(ctx context.Context, age time.Duration) (int64, error) {
	n, err := changed(ctx, s, scanNumber, sqlPurge, age.Milliseconds(), int64(maxCut))
	if err != nil || len(n) == 0 {
		return 0, err
	}
	return n[0], nil
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
