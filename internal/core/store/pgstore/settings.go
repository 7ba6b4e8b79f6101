package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Settings is what a server and a database are, for those who look after them.
type Settings struct {
	Version           string // such as "15.18 (Debian 15.18-0+deb12u1)"
	Fsync             bool   // off: a crash of the machine destroys the database
	SynchronousCommit string // off: a crash of the server loses the last commits, although they were acknowledged
	FullPageWrites    bool   // off: a crash of the machine may destroy pages
	SyncReplicas      string // synchronous_standby_names: empty is asynchronous replication, or none
	Encoding          string
	Replica           bool // it reads only
	Pooled            bool // there is a pooler in between

	MaxConnections int64 // of the server
	Connections    int64 // in use, by anybody
	PoolSize       int64 // what this store takes at most, beside one for hints

	Schema        string
	SchemaVersion int64
	Size          int64 // of the schema with its indexes, in bytes
	Tables        []Table
	// Clock is how far the database's clock is ahead of this machine's. It may be off by as much as Asked, the time
	// that it took to ask.
	Clock, Asked time.Duration
}

// Table is a table of the schema. The counts are the server's, roughly.
type Table struct {
	Name       string
	Rows, Dead int64 // dead rows take space until they are vacuumed
	Size       int64 // with its indexes, in bytes
}

const (
	sqlSettings = `SELECT current_setting('server_version'), current_setting('fsync') = 'on',
		current_setting('synchronous_commit'), current_setting('full_page_writes') = 'on',
		current_setting('synchronous_standby_names'), current_setting('server_encoding'), pg_is_in_recovery(),
		current_setting('max_connections')::bigint, (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')`
	sqlTables = `SELECT c.relname, greatest(c.reltuples, 0)::bigint, coalesce(s.n_dead_tup, 0), pg_total_relation_size(c.oid)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
		WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') ORDER BY c.relname`
	sqlHealth = `SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint,
		'fsync ' || current_setting('fsync') || ', synchronous_commit ' || current_setting('synchronous_commit')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')`
	sqlClock = `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint`
)

// Settings asks the server about itself. Nothing is judged.
func (s *Store) Settings(ctx context.Context) (Settings, error) {
	found := Settings{Pooled: s.pooled, PoolSize: int64(s.address.pool.MaxConns), Schema: s.schema}
	err := s.read(ctx, func(rows pgx.Rows) error {
		return rows.Scan(&found.Version, &found.Fsync, &found.SynchronousCommit, &found.FullPageWrites,
			&found.SyncReplicas, &found.Encoding, &found.Replica, &found.MaxConnections, &found.Connections)
	}, sqlSettings)
	if err != nil {
		return found, err
	}
	if found.SchemaVersion, err = s.number(ctx, `SELECT version FROM perdure.perdure`); err != nil {
		return found, err
	}
	found.Tables, err = all(ctx, &s.reader, func(rows pgx.Rows) (t Table, err error) {
		return t, rows.Scan(&t.Name, &t.Rows, &t.Dead, &t.Size)
	}, sqlTables, s.schema)
	if err != nil {
		return found, err
	}
	for _, t := range found.Tables {
		found.Size += t.Size
	}
	began := time.Now()
	clock, err := s.number(ctx, sqlClock)
	found.Asked = time.Since(began)
	found.Clock = protocol.Timestamp(clock).Time().Sub(began.Add(found.Asked / 2))
	return found, err
}

// Health implements [store.Reporter].
func (s *Store) Health(ctx context.Context) store.Health {
	h := store.Health{
		Kind: "PostgreSQL", Commit: s.writer.durations.Read(), Group: s.writer.groups.Read(),
		Waiting: s.writer.waiting(),
	}
	_ = s.read(ctx, func(rows pgx.Rows) error { return rows.Scan(&h.Bytes, &h.Durability) }, sqlHealth, s.schema)
	return h
}
