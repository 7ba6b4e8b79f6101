package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// The head of the file says whose it is and which schema it has.
const (
	applicationID = 0x50455244 // "PERD"
	schemaVersion = 8
)

// The journal keeps its entries in order of arrival, with an index beside it: entries of all executions share the
// last page. For small entries this makes a commit a third cheaper than a journal clustered by execution, where
// each entry touches a page of its own. Reading an execution back costs half as much again, but is much rarer.
//
// Executions are clustered by id, the order in which they start and are listed. The indexes for lists also hold the
// other members that a list may restrict, so a search passes over rows without looking them up. Doing comes after
// the id there, so a change, which every invocation brings, moves nothing. What runs is in that index alone, so a
// start and an end have nothing to change in the one by status but the status of the end.
//
// Work is found by what it waits for: a moment, an invocation or a call of one function version, the end of
// retention. Each has an index of its own, so a million rows that wait for a function do not stand before one that
// waits for nothing.
//
// What failed is also in an index by its error, for counts. Tags are in a table beside it, which a start without tags
// does not touch.
//
// The sums are those of package store.
const schema = `
CREATE TABLE journal (
	id   TEXT    NOT NULL,
	seq  INTEGER NOT NULL,
	sum  INTEGER NOT NULL,
	data BLOB    NOT NULL,
	PRIMARY KEY (id, seq)
) STRICT;

CREATE TABLE executions (
	id         TEXT    NOT NULL PRIMARY KEY,
	arn        TEXT    NOT NULL,
	function   TEXT    NOT NULL,
	version    TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	status     TEXT    NOT NULL,
	started    INTEGER NOT NULL,
	closed     INTEGER NOT NULL,
	due        INTEGER NOT NULL,
	wanted     INTEGER NOT NULL,
	expires    INTEGER NOT NULL,
	doing      INTEGER NOT NULL,
	since      INTEGER NOT NULL,
	error      TEXT    NOT NULL,
	message    TEXT    NOT NULL,
	redriven   INTEGER NOT NULL,
	tags       TEXT    NOT NULL,
	input_hash BLOB    NOT NULL,
	sum        INTEGER NOT NULL,
	state_sum  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX executions_name ON executions (function, name);
CREATE INDEX executions_function ON executions (function, id, status);
CREATE INDEX executions_due ON executions (due, id) WHERE due > 0;
CREATE INDEX executions_wanted ON executions (function, version, wanted, id) WHERE wanted > 0;
CREATE INDEX executions_expires ON executions (expires, id) WHERE expires > 0;
CREATE INDEX executions_status ON executions (status, id, function, version, error, doing, redriven)
	WHERE status <> 'RUNNING';
CREATE INDEX executions_running ON executions (id, doing, since, function, version, status, name, error, redriven)
	WHERE status = 'RUNNING' OR doing > 0;
CREATE INDEX executions_error ON executions (error, function, version, status, id, redriven)
	WHERE status IN ('FAILED', 'TIMED_OUT', 'STOPPED');

CREATE TABLE tags (
	key       TEXT NOT NULL,
	value     TEXT NOT NULL,
	execution TEXT NOT NULL,
	PRIMARY KEY (key, value, execution)
) STRICT, WITHOUT ROWID;

CREATE INDEX tags_execution ON tags (execution);

CREATE TABLE calls (
	id        TEXT    NOT NULL,
	operation TEXT    NOT NULL,
	function  TEXT    NOT NULL,
	version   TEXT    NOT NULL,
	wanted    INTEGER NOT NULL,
	PRIMARY KEY (id, operation)
) STRICT, WITHOUT ROWID;

CREATE INDEX calls_wanted ON calls (function, version, wanted, id, operation);

CREATE TABLE deletions (
	id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE documents (
	kind  TEXT NOT NULL,
	key   TEXT NOT NULL,
	sum   INTEGER NOT NULL,
	value BLOB NOT NULL,
	PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
`

// sqlite is a database file.
type sqlite struct {
	*file
	durability Durability
}

// Pages of 8 KiB take a payload of 100 KB with half the calls of the system that pages of 4 KiB take, and what a group
// writes lies on fewer of them. Larger ones cost a lone small commit more than they save.
const pageSize = 8 << 10

// The write-ahead log is copied into the database when it has checkpointPages pages, and then written anew from its
// start, unless a reader is in the way. If readers are in the way for too long, we wait for them.
const (
	checkpointPages = 8 << 20 / pageSize
	tooManyPages    = 4 * checkpointPages
)

// makePrivate makes a new file that only its owner can read; SQLite would let in everybody who can enter the
// directory. The files beside it get the same mode. On any error, SQLite meets the cause, too, and says it better.
func (f sqlite) makePrivate() {
	if file, err := os.OpenFile(f.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
		file.Close()
	}
}

// connect opens a pool of at most n connections that begin with the pragmas. They make no file: where somebody
// removed ours, they would find an empty one.
func (f sqlite) connect(n int, pragmas ...string) (*sql.DB, error) {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(f.path)}
	if !strings.HasPrefix(u.Path, "/") { // a drive letter
		u.Path = "/" + u.Path
	}
	u.RawQuery = url.Values{"_pragma": append(pragmas, "busy_timeout(5000)"), "mode": {"rw"}}.Encode()
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// forReading opens all connections of the readers' pool at once: a later one would open whatever is at the path by
// then. The file must have its schema.
func (f sqlite) forReading(ctx context.Context) (*sql.DB, error) {
	n := max(4, runtime.GOMAXPROCS(0))
	db, err := f.connect(n, "query_only(1)", "cache_size(-4000)",
		"case_sensitive_like(1)")
	if err != nil {
		return nil, err
	}
	for range n {
		conn, err := db.Conn(ctx)
		if err == nil {
			defer conn.Close() // puts it back into the pool
			err = conn.PingContext(ctx)
		}
		if err != nil {
			db.Close()
			return nil, f.fault(err)
		}
	}
	return db, nil
}

// forWriting opens the one connection that writes, and gives a new file its schema. It does not change a file that
// is not ours.
func (f sqlite) forWriting(ctx context.Context) (*sql.DB, error) {
	synchronous := [...]string{Power: "FULL", Process: "NORMAL", None: "OFF"}[f.durability]
	f.makePrivate()
	db, err := f.connect(1, "cache_size(-16000)", "synchronous("+synchronous+")",
		"wal_autocheckpoint(0)",         // the writer decides
		"journal_size_limit(100000000)") // of a log that grew too large
	if err != nil {
		return nil, err
	}
	if err := f.prepare(ctx, db); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

func (f sqlite) prepare(ctx context.Context, db *sql.DB) error {
	id, version, objects, err := identify(ctx, db)
	switch {
	case err != nil:
		return err
	case id == 0 && version == 0 && objects == 0:
		if err := create(ctx, db); err != nil {
			return err
		}
	case id != applicationID:
		return errors.New("this is the database of another program: choose another data directory")
	case version < schemaVersion:
		return fmt.Errorf("the database was written by a perdure from before the first release (schema %d, this one "+
			"knows %d): choose another data directory", version, schemaVersion)
	case version > schemaVersion:
		return fmt.Errorf("the database was written by a newer perdure (schema %d, this one knows %d): update "+
			"perdure, or choose another data directory", version, schemaVersion)
	}
	_, err = db.ExecContext(ctx, "PRAGMA journal_mode = WAL") // only now: it is stored in the file
	return err
}

// identify reads the head of the file, and the number of its tables and indexes.
func identify(ctx context.Context, db *sql.DB) (id, version, objects int64, err error) {
	err = errors.Join(
		db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id),
		db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version),
		db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&objects))
	return id, version, objects, err
}

func create(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA page_size = %d", pageSize)); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	head := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, schemaVersion)
	if _, err := tx.ExecContext(ctx, head+schema); err != nil {
		return err
	}
	return tx.Commit()
}

// checkpoint copies the write-ahead log into the database, as far as readers let it, and returns the length of the
// log in pages.
func checkpoint(conn *sql.Conn, mode string) (pages int, err error) {
	var busy, copied int
	err = conn.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &pages, &copied)
	return pages, err
}

// Durability says what an acknowledged commit survives.
type Durability int

const (
	// Power survives the loss of power: every commit waits for the disk.
	Power Durability = iota
	// Process survives the death of the process. A loss of power may cost the latest commits, but leaves the
	// database intact.
	Process
	// None survives the death of the process, too, but a loss of power may cost the whole database.
	None
)

var durabilities = []string{Power: "power", Process: "process", None: "none"}

func (d Durability) String() string { return durabilities[d] }

// MarshalText returns the name of d, for flags and configuration files.
func (d Durability) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText accepts a name.
func (d *Durability) UnmarshalText(text []byte) error {
	i := slices.Index(durabilities, string(text))
	if i < 0 {
		return fmt.Errorf("durability %q: choose one of %s", text, strings.Join(durabilities, ", "))
	}
	*d = Durability(i)
	return nil
}
