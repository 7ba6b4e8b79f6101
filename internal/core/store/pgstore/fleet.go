package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// A census and what a node tells after it are one step of all nodes: whoever tells says how many beats there were
// before its census, and begins anew if there has been another one meanwhile. So nobody holds a lock while it thinks,
// or is cut off.
const (
	// $1 is whether to count what nodes own, roughly.
	sqlCensus = `SELECT ` + now + `, p.documents, p.beats, n.id, n.info, n.joined, n.until, CASE WHEN $1 THEN (
			SELECT count(*) FROM (SELECT FROM perdure.executions WHERE owner = n.id AND owner > 0 LIMIT 100000) o) ELSE 0 END
		FROM perdure.perdure p LEFT JOIN perdure.nodes n ON NOT (` + forgotten + `) WHERE p.single ORDER BY n.joined, n.id`
	sqlBeat = `WITH first AS (UPDATE perdure.perdure SET beats = beats + 1 WHERE single AND beats = $1 RETURNING beats),
		renewed AS (UPDATE perdure.nodes SET info = $3, until = ` + now + ` + $4
			WHERE id = $2 AND until > ` + now + ` AND (SELECT beats FROM first) IS NOT NULL RETURNING id),
		joined AS (INSERT INTO perdure.nodes (id, info, joined, until)
			SELECT $2, $3, ` + now + `, ` + now + ` + $4 FROM first WHERE $5 ON CONFLICT DO NOTHING RETURNING id)
		SELECT CASE WHEN (SELECT count(*) FROM first) = 0 THEN 0
			ELSE 1 + (SELECT count(*) FROM renewed) + (SELECT count(*) FROM joined) END`
	sqlForget = `DELETE FROM perdure.nodes n WHERE ` + forgotten
	// forgotten are nodes n that died an hour ago and own nothing.
	forgotten = `n.until < ` + now + ` - 3600000
		AND (SELECT id FROM perdure.executions WHERE owner = n.id AND owner > 0 ORDER BY owner, id LIMIT 1) IS NULL
		AND (SELECT id FROM perdure.calls WHERE owner = n.id AND owner > 0
			ORDER BY owner, id, operation LIMIT 1) IS NULL`
	sqlLeave = `UPDATE perdure.nodes SET until = least(until, ` + now + `) WHERE id = $1`
)

// Beat implements [store.Fleet]. It calls tell again if another node was first.
func (s *Store) Beat(
	ctx context.Context, node store.NodeID, first bool, lease time.Duration, tell func(*store.Census) []byte,
) error {
	for {
		census, beats, err := s.census(ctx, false)
		if err != nil {
			return err
		}
		if !first && !lives(census, node) {
			return store.ErrLeaseOver
		}
		info := blob(tell(census))
		outcome, err := changed(ctx, s, scanNumber, sqlBeat, beats, int64(node), info, lease.Milliseconds(), first)
		switch {
		case err != nil:
			return err
		case outcome[0] == 1:
			return store.ErrLeaseOver
		case outcome[0] > 1:
			return nil
		}
	}
}

func lives(census *store.Census, node store.NodeID) bool {
	for i := range census.Nodes {
		if census.Nodes[i].ID == node {
			return census.Nodes[i].Alive
		}
	}
	return false
}

// Nodes implements [store.Fleet].
func (s *Store) Nodes(ctx context.Context) (*store.Census, error) {
	census, _, err := s.census(ctx, true)
	return census, err
}

func (s *Store) census(ctx context.Context, count bool) (census *store.Census, beats int64, err error) {
	census = &store.Census{}
	err = s.read(ctx, func(rows pgx.Rows) error {
		var id, joined, until *int64
		var n store.Node
		err := rows.Scan((*int64)(&census.Now), &census.Documents, &beats, &id, &n.Info, &joined, &until, &n.Owns)
		if err != nil || id == nil {
			return err
		}
		n.ID, n.Joined, n.Until = store.NodeID(*id), protocol.Timestamp(*joined), protocol.Timestamp(*until)
		n.Alive = n.Until > census.Now
		census.Nodes = append(census.Nodes, n)
		return nil
	}, sqlCensus, count)
	return census, beats, err
}

// Leave implements [store.Fleet].
func (s *Store) Leave(ctx context.Context, node store.NodeID) error {
	return s.change(ctx, sqlLeave, int64(node))
}

const sqlLast = `SELECT w.id, coalesce((SELECT seq FROM perdure.journal j WHERE j.id = w.id
		ORDER BY j.id DESC, j.seq DESC LIMIT 1), 0)
	FROM unnest($1::text[]) w (id) WHERE (SELECT e.id FROM perdure.executions e WHERE e.id = w.id) IS NOT NULL`

// Last implements [store.Fleet].
func (s *Store) Last(ctx context.Context, ids ...string) (map[string]int64, error) {
	last := make(map[string]int64, len(ids))
	err := s.read(ctx, func(rows pgx.Rows) error {
		var id string
		var seq int64
		err := rows.Scan(&id, &seq)
		last[id] = seq
		return err
	}, sqlLast, ids)
	if err != nil {
		return nil, err
	}
	return last, nil
}
