package sqlitestore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"

	"github.com/perdure/perdure/internal/core/store"
)

// Functions' output is in a file of its own. Commits to it are not flushed to the disk, so it never delays
// checkpoints. The file is opened when first needed. A damaged one is put aside and begun anew, since only people
// depend on it. A file of another program stays as it is.
//
// A row is the output of one call. "upto" counts the bytes of all rows of the execution up to and with this one,
// deleted ones too, so two rows tell the size of a log. A damaged row reads as one line that says so.
const logSchema = `
CREATE TABLE lines (
	id    TEXT    NOT NULL,
	first INTEGER NOT NULL,
	last  INTEGER NOT NULL,
	upto  INTEGER NOT NULL,
	sum   INTEGER NOT NULL,
	data  BLOB    NOT NULL,
	PRIMARY KEY (id, first)
) STRICT`

const (
	sqlLogEnd    = `SELECT last, upto FROM lines WHERE id = $1 ORDER BY first DESC LIMIT 1`
	sqlLogBegin  = `SELECT upto FROM lines WHERE id = $1 ORDER BY first LIMIT 1`
	sqlLogAppend = `INSERT INTO lines (id, first, last, upto, sum, data) VALUES ($1, $2, $3, $4, $5, $6)`
	sqlLogPrune  = `DELETE FROM lines WHERE id = $1 AND upto <= $2`
	sqlLogDelete = `DELETE FROM lines WHERE id = $1`
	sqlLogRead   = `SELECT first, sum, data FROM lines WHERE id = $1
		AND first >= coalesce((SELECT max(first) FROM lines WHERE id = $1 AND first <= $2), 0) ORDER BY first`
)

type logs struct {
	*file
	logger *slog.Logger

	mu     sync.Mutex
	db     *sql.DB // nil until it is needed
	closed bool
}

// poolLocked returns the database, opened. Without create it is nil if there is no file yet. l.mu is held.
func (l *logs) poolLocked(ctx context.Context, create bool) (*sql.DB, error) {
	if l.closed {
		return nil, store.ErrClosed
	}
	if l.db != nil {
		return l.db, nil
	}
	if _, err := os.Stat(l.path); !create && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	file := sqlite{file: l.file}
	file.makePrivate()
	db, err := file.connect(1, "synchronous(NORMAL)", "cache_size(-1000)")
	if err != nil {
		return nil, err
	}
	if err := prepareLogs(ctx, db); err != nil {
		db.Close()
		return nil, err
	}
	l.db = db
	return db, nil
}

// logsID marks the file as ours; see [applicationID].
const logsID = 0x5045524c // "PERL"

func prepareLogs(ctx context.Context, db *sql.DB) error {
	id, _, objects, err := identify(ctx, db)
	switch {
	case err != nil:
		return err
	case id == 0 && objects == 0:
		_, err = db.ExecContext(ctx, fmt.Sprintf("BEGIN; PRAGMA application_id = %d; %s; COMMIT", logsID, logSchema))
	case id != logsID:
		err = errors.New("this is the database of another program")
	}
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "PRAGMA journal_mode = WAL")
	return err
}

// use runs f on the database. If the database turns out to be damaged, it is begun anew and f runs again. Without
// create, f does not run if there is no file.
func (l *logs) use(ctx context.Context, create bool, f func(db *sql.DB) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.tryLocked(ctx, create, f)
	if !errors.Is(err, store.ErrCorrupt) {
		return err
	}
	aside := l.path + ".damaged-" + rand.Text()
	l.logger.Warn("the logs of functions are damaged, and begun anew", "file", l.path, "aside", aside, "error", err)
	l.putAsideLocked(aside)
	return l.tryLocked(ctx, create, f)
}

func (l *logs) tryLocked(ctx context.Context, create bool, f func(db *sql.DB) error) error {
	db, err := l.poolLocked(ctx, create)
	if err == nil && db != nil {
		err = f(db)
	}
	if err == nil || errors.Is(err, store.ErrClosed) {
		return err
	}
	return l.fault(err)
}

// putAsideLocked gives the database a new, unused name.
func (l *logs) putAsideLocked(aside string) {
	if l.db != nil {
		l.db.Close()
		l.db = nil
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		os.Rename(l.path+suffix, aside+suffix)
	}
}

func (l *logs) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.db == nil {
		return nil
	}
	return l.db.Close()
}

// AppendLog implements [store.Store].
func (s *Store) AppendLog(ctx context.Context, writes ...store.LogWrite) error {
	var wanted []store.LogWrite
	for _, w := range writes {
		_, err := s.Row(ctx, w.ID)
		if err == nil && len(w.Lines) > 0 {
			wanted = append(wanted, w)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	return s.logs.use(ctx, true, func(db *sql.DB) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		for i := range wanted {
			if err := appendLog(ctx, tx, &wanted[i]); err != nil {
				return err
			}
		}
		return tx.Commit()
	})
}

func appendLog(ctx context.Context, tx *sql.Tx, w *store.LogWrite) error {
	var last, upto int64
	err := tx.QueryRowContext(ctx, sqlLogEnd, w.ID).Scan(&last, &upto)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	for i := range w.Lines {
		upto += int64(w.Lines[i].Size())
	}
	data, err := store.EncodeLines(w.Lines)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, sqlLogAppend, w.ID, last+1, last+int64(len(w.Lines)), upto,
		store.LinesSum(w.ID, last+1, data), data); err != nil {
		return err
	}
	return pruneLog(ctx, tx, w.ID, upto)
}

// pruneLog drops the oldest rows of a log that has grown well beyond its bound.
func pruneLog(ctx context.Context, tx *sql.Tx, id string, upto int64) error {
	if upto <= store.MaxLog {
		return nil
	}
	var begin int64
	if err := tx.QueryRowContext(ctx, sqlLogBegin, id).Scan(&begin); err != nil {
		return err
	}
	if upto-begin <= store.MaxLog*5/4 {
		return nil
	}
	_, err := tx.ExecContext(ctx, sqlLogPrune, id, upto-store.MaxLog)
	return err
}

// Log implements [store.Store].
func (s *Store) Log(ctx context.Context, id string, after int64, limit int) (found []store.LogLine, err error) {
	if limit < 1 {
		return nil, nil
	}
	err = s.logs.use(ctx, false, func(db *sql.DB) error {
		found = nil
		rows, err := db.QueryContext(ctx, sqlLogRead, id, after+1)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() && len(found) < limit {
			v := make(values, 3)
			if err := rows.Scan(v.places()...); err != nil {
				return err
			}
			for _, line := range store.DecodeLines(id, v.int(0), v.int(1), v.blob(2)) {
				if line.Seq > after && len(found) < limit {
					found = append(found, line)
				}
			}
		}
		return rows.Err()
	})
	return found, err
}

func (s *Store) deleteLog(ctx context.Context, id string) error {
	return s.logs.use(ctx, false, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, sqlLogDelete, id)
		return err
	})
}
