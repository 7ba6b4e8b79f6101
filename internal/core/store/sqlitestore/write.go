package sqlitestore

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/perdure/perdure/internal/core/store"
)

// The fence is in the insert: an entry goes in only behind the one before it, and only if its place is free.
//
// Without a query around them, the values need no table of their own in between: that saves an eighth of a commit's
// processor time. An entry without the one before it has no number, so it is ignored like one whose place is taken.
const (
	sqlAppend = `INSERT OR IGNORE INTO journal (id, seq, sum, data)
		VALUES (?, (SELECT seq + 1 FROM journal WHERE id = ? AND seq = ?), ?, ?)`
	sqlStart  = `INSERT INTO journal (id, seq, sum, data) VALUES (?, 1, ?, ?) ON CONFLICT DO NOTHING`
	sqlCreate = `INSERT INTO executions (` + columns + `)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	sqlUpdate = `UPDATE executions SET status = ?, closed = ?, due = ?, wanted = ?, expires = ?,
		doing = ?, since = ?, error = ?, message = ?, redriven = ?, state_sum = ? WHERE id = ?`
	sqlTag = `INSERT OR IGNORE INTO tags (key, value, execution) VALUES (?, ?, ?)`
)

// transaction runs statements on the writer's connection, between begin and end or rollback.
type transaction struct {
	statements statements
	hot        hotStatements

	beginning, ending, rollingBack *hotStatement
	mark, backToMark, unmark       *hotStatement
	append, start, create, update  *hotStatement
	tag                            *hotStatement
	call, callOver                 *hotStatement
	deletes                        deleteStatements
	documents                      documentStatements
}

func newTransaction(ctx context.Context, conn *sql.Conn, raw preparer) (*transaction, error) {
	s, hot := statements{prepare: conn.PrepareContext}, hotStatements{conn: raw}
	tx := &transaction{
		beginning: hot.of(ctx, "BEGIN IMMEDIATE"), ending: hot.of(ctx, "COMMIT"), rollingBack: hot.of(ctx, "ROLLBACK"),
		mark: hot.of(ctx, "SAVEPOINT job"), backToMark: hot.of(ctx, "ROLLBACK TO job"),
		unmark: hot.of(ctx, "RELEASE job"),
		append: hot.of(ctx, sqlAppend), start: hot.of(ctx, sqlStart), create: hot.of(ctx, sqlCreate),
		update: hot.of(ctx, sqlUpdate), tag: hot.of(ctx, sqlTag),
		call: hot.of(ctx, sqlCall), callOver: hot.of(ctx, sqlCallOver),
	}
	tx.deletes.prepare(ctx, &s)
	tx.documents.prepare(ctx, &s)
	tx.statements, tx.hot = s, hot
	return tx, cmp.Or(s.err, hot.err)
}

// close closes the statements. Otherwise SQLite would keep the connection; package sql does this only for
// statements of its pool.
func (tx *transaction) close() {
	tx.statements.close()
	tx.hot.close()
}

func (tx *transaction) begin() error { return run(tx.beginning) }
func (tx *transaction) end() error   { return run(tx.ending) }

// rollback undoes everything since begin. It fails if a statement's error has done so already.
func (tx *transaction) rollback() { _ = run(tx.rollingBack) }

func run(stmt *hotStatement) error {
	_, err := stmt.Exec()
	return err
}

// commit applies the writes of one job. After ErrConflict the transaction holds none of them.
func (tx *transaction) commit(writes []store.Write) error {
	if len(writes) == 1 {
		return tx.write(&writes[0])
	}
	if err := run(tx.mark); err != nil {
		return err
	}
	for i := range writes {
		err := tx.write(&writes[i])
		if errors.Is(err, store.ErrConflict) {
			return cmp.Or(run(tx.backToMark), run(tx.unmark), err)
		}
		if err != nil {
			return err
		}
	}
	return run(tx.unmark)
}

// write applies one write. The statement that can conflict comes first, so a conflict leaves nothing behind.
func (tx *transaction) write(w *store.Write) error {
	write := tx.writeNext
	if w.Entry.Seq == 1 {
		write = tx.writeFirst
	}
	if err := write(w); err != nil {
		return err
	}
	return tx.setCalls(w.ID, w.Calls)
}

func (tx *transaction) writeNext(w *store.Write) error {
	id := driver.Value(w.ID) // allocated once
	err := changed(tx.append.Exec(id, id, w.Entry.Seq-1, int64(w.Entry.Sum(w.ID)), blob(w.Entry.Data)))
	if err != nil || w.Row == nil {
		return err
	}
	r := w.Row
	_, state := r.Sums()
	err = changed(tx.update.Exec(string(r.Status), int64(r.Closed), int64(r.Due), int64(r.Wanted),
		int64(r.Expires), int64(r.Doing), int64(r.Since), r.Error, r.Message, r.Redriven, int64(state), r.ID))
	if errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("execution %s has a journal but no row", w.ID)
	}
	return err
}

func (tx *transaction) writeFirst(w *store.Write) error {
	r := w.Row
	identity, state := r.Sums()
	err := changed(tx.create.Exec(r.ID, r.ARN, r.Function, r.Version, r.Name, string(r.Status),
		int64(r.Started), int64(r.Closed), int64(r.Due), int64(r.Wanted), int64(r.Expires), int64(r.Doing),
		int64(r.Since), r.Error, r.Message, r.Redriven, r.TagText(), r.InputHash[:], int64(identity), int64(state)))
	if err != nil {
		return err
	}
	for key, value := range r.Tags {
		if _, err := tx.tag.Exec(key, value, r.ID); err != nil {
			return err
		}
	}
	sum := int64(w.Entry.Sum(w.ID))
	err = changed(tx.start.Exec(w.ID, sum, blob(w.Entry.Data)))
	if errors.Is(err, store.ErrConflict) { // only remains of a deletion can be there
		if err = tx.restart(w.ID); err == nil {
			_, err = tx.start.Exec(w.ID, sum, blob(w.Entry.Data))
		}
	}
	return err
}

// changed turns a statement that found its place taken into ErrConflict.
func changed(rows int64, err error) error {
	if err == nil && rows == 0 {
		return store.ErrConflict
	}
	return err
}

// blob keeps empty data from becoming NULL.
func blob(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}
