package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"os"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/observe/metrics"
	"github.com/perdure/perdure/protocol"
)

const columns = `id, arn, function, version, name, status, started, closed, due, wanted, expires,
	doing, since, error, message, redriven, tags, input_hash, sum, state_sum`

const (
	sqlRow     = `SELECT ` + columns + ` FROM executions WHERE id = $1`
	sqlNamed   = `SELECT ` + columns + ` FROM executions WHERE function = $1 AND name = $2`
	sqlJournal = `SELECT seq, sum, data FROM journal WHERE id = $1 AND seq >= $2 AND seq <= $3
		AND EXISTS (SELECT 1 FROM executions WHERE id = $1) ORDER BY seq`
)

// reader owns the connections that read.
type reader struct {
	*file
	db                         *sql.DB
	row, named                 *sql.Stmt
	agendas                    [len(sqlAgendas)]*sql.Stmt
	journal, journalDescending *sql.Stmt
}

func openReader(ctx context.Context, file sqlite) (*reader, error) {
	db, err := file.forReading(ctx)
	if err != nil {
		return nil, err
	}
	s := statements{prepare: db.PrepareContext}
	r := &reader{
		file: file.file, db: db,
		row: s.of(ctx, sqlRow), named: s.of(ctx, sqlNamed),
		journal: s.of(ctx, sqlJournal+` LIMIT $4`), journalDescending: s.of(ctx, sqlJournal+` DESC LIMIT $4`),
	}
	for kind, query := range sqlAgendas {
		r.agendas[kind] = s.of(ctx, query)
	}
	if s.err != nil {
		db.Close()
		return nil, file.fault(s.err)
	}
	return r, nil
}

func (r *reader) close() error { return r.db.Close() }

// Row implements [store.Store].
func (s *Store) Row(ctx context.Context, id string) (*store.Row, error) {
	return s.readers.one(s.readers.row.QueryRowContext(ctx, id))
}

// Named implements [store.Store].
func (s *Store) Named(ctx context.Context, function, name string) (*store.Row, error) {
	return s.readers.one(s.readers.named.QueryRowContext(ctx, function, name))
}

func (r *reader) one(row *sql.Row) (*store.Row, error) {
	found, err := scan(row.Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, store.ErrNotFound
	case err != nil:
		return nil, r.fault(err)
	case found.Damaged:
		return nil, &store.DamagedError{ID: found.ID, What: "the row"}
	}
	return found, nil
}

func (r *reader) all(rows *sql.Rows, err error) ([]*store.Row, error) {
	if err != nil {
		return nil, r.fault(err)
	}
	defer rows.Close()
	var found []*store.Row
	for rows.Next() {
		row, err := scan(rows.Scan)
		if err != nil {
			return nil, r.fault(err)
		}
		found = append(found, row)
	}
	return found, r.fault(rows.Err())
}

// scan reads the columns. A value of another type than was written is damage like any other.
func scan(into func(dest ...any) error) (*store.Row, error) {
	var r store.Row
	v := make(values, 20)
	if err := into(v.places()...); err != nil {
		return nil, err
	}
	r.ID, r.ARN, r.Function, r.Version, r.Name = v.text(0), v.text(1), v.text(2), v.text(3), v.text(4)
	r.Status = protocol.ExecutionStatus(v.text(5))
	r.Started, r.Closed = protocol.Timestamp(v.int(6)), protocol.Timestamp(v.int(7))
	r.Due, r.Wanted, r.Expires = protocol.Timestamp(v.int(8)), protocol.Timestamp(v.int(9)),
		protocol.Timestamp(v.int(10))
	r.Doing, r.Since = uint32(v.int(11)), protocol.Timestamp(v.int(12))
	r.Error, r.Message, r.Redriven = v.text(13), v.text(14), v.int(15) == 1
	r.SetTagText(v.text(16))
	copy(r.InputHash[:], v.blob(17))
	identity, state := r.Sums()
	r.Damaged = v.int(18) != int64(identity) || v.int(19) != int64(state) || len(v.blob(17)) != len(r.InputHash) ||
		v.int(11) != int64(r.Doing) || v.int(15)>>1 != 0
	return &r, nil
}

// values are the columns of a row. A value of the wrong type reads as zero.
type values []any

// places returns pointers to scan into.
func (v values) places() []any {
	places := make([]any, len(v))
	for i := range v {
		places[i] = &v[i]
	}
	return places
}

func (v values) text(i int) string { s, _ := v[i].(string); return s }
func (v values) int(i int) int64   { n, _ := v[i].(int64); return n }
func (v values) blob(i int) []byte { b, _ := v[i].([]byte); return b }

// countingOne counts the executions with one status.
func countingOne(status protocol.ExecutionStatus) string {
	index := walked(&store.Query{Statuses: []protocol.ExecutionStatus{status}})
	return "SELECT count(*) FROM " + indexed(index) + " AND status = $1"
}

type counters struct{ commit, group *metrics.Histogram }

func newCounters() counters {
	return counters{
		commit: metrics.NewHistogram(metrics.Seconds),
		group:  metrics.NewHistogram([]float64{1, 2, 4, 8, 16, 32, 64, 128, 256}),
	}
}

// Health implements [store.Reporter].
func (s *Store) Health(context.Context) store.Health {
	w := s.writer
	w.mu.Lock()
	waiting := len(w.queue)
	w.mu.Unlock()
	return store.Health{
		Kind: "SQLite", Durability: w.durability.String(), Bytes: s.size(),
		Commit: w.counters.commit.Read(), Group: w.counters.group.Read(), Waiting: waiting,
	}
}

// size is the size of the database on disk, with its log.
func (s *Store) size() (bytes int64) {
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(s.writer.path + suffix); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

var openStatuses = []protocol.ExecutionStatus{protocol.ExecutionRunning, protocol.ExecutionPausing,
	protocol.ExecutionPaused}

// CountOpen counts the executions that have not ended, by status. It reads an index: 100,000 take some
// milliseconds.
func (s *Store) CountOpen(ctx context.Context) (map[protocol.ExecutionStatus]int64, error) {
	counts := make(map[protocol.ExecutionStatus]int64, len(openStatuses))
	for _, status := range openStatuses {
		var n int64
		if err := s.readers.db.QueryRowContext(ctx, countingOne(status), string(status)).Scan(&n); err != nil {
			return nil, s.writer.fault(err)
		}
		counts[status] = n
	}
	return counts, nil
}
