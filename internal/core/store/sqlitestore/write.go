package sqlitestore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/perdure/perdure/internal/core/store"
)

// The fence is in the insert: an entry goes in only behind the one before it, and only if its place is free.
const (
	sqlAppend = `INSERT INTO journal (id, seq, sum, data)
		SELECT $1, $2, $3, $4 WHERE EXISTS (SELECT 1 FROM journal WHERE id = $1 AND seq = $2 - 1)
		ON CONFLICT DO NOTHING`
	sqlStart  = `INSERT INTO journal (id, seq, sum, data) VALUES ($1, 1, $2, $3) ON CONFLICT DO NOTHING`
	sqlCreate = `INSERT INTO executions (` + columns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING`
	sqlUpdate = `UPDATE executions SET status = $2, closed = $3, due = $4, wanted = $5, expires = $6, doing = $7, since = $8, state_sum = $9 WHERE id = $1`
)

// transaction runs statements on the writer's connection, between begin and end or rollback.
type transaction struct {
	statements statements

	beginning, ending, rollingBack *sql.Stmt
	mark, backToMark, unmark       *sql.Stmt
	append, start, create, update  *sql.Stmt
	call, callOver                 *sql.Stmt
	deletes                        deleteStatements
	documents                      documentStatements
}

func newTransaction(ctx context.Context, conn *sql.Conn) (*transaction, error) {
	s := statements{prepare: conn.PrepareContext}
	tx := &transaction{
		beginning: s.of(ctx, "BEGIN IMMEDIATE"), ending: s.of(ctx, "COMMIT"), rollingBack: s.of(ctx, "ROLLBACK"),
		mark: s.of(ctx, "SAVEPOINT job"), backToMark: s.of(ctx, "ROLLBACK TO job"), unmark: s.of(ctx, "RELEASE job"),
		append: s.of(ctx, sqlAppend), start: s.of(ctx, sqlStart), create: s.of(ctx, sqlCreate), update: s.of(ctx, sqlUpdate),
		call: s.of(ctx, sqlCall), callOver: s.of(ctx, sqlCallOver),
	}
	tx.deletes.prepare(ctx, &s)
	tx.documents.prepare(ctx, &s)
	tx.statements = s
	return tx, s.err
}

// close closes the statements. Otherwise SQLite would keep the connection; package sql does this only for
// statements of its pool.
func (tx *transaction) close() { tx.statements.close() }

func (tx *transaction) begin() error { return run(tx.beginning) }
func (tx *transaction) end() error   { return run(tx.ending) }

// rollback undoes everything since begin. It fails if a statement's error has done so already.
func (tx *transaction) rollback() { _ = run(tx.rollingBack) }

func run(stmt *sql.Stmt) error {
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
	if err := changed(tx.append.Exec(w.ID, w.Entry.Seq, w.Entry.Sum(w.ID), blob(w.Entry.Data))); err != nil || w.Row == nil {
		return err
	}
	r := w.Row
	_, state := r.Sums()
	err := changed(tx.update.Exec(r.ID, string(r.Status), int64(r.Closed),
		int64(r.Due), int64(r.Wanted), int64(r.Expires), int64(r.Doing), int64(r.Since), state))
	if errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("execution %s has a journal but no row", w.ID)
	}
	return err
}

func (tx *transaction) writeFirst(w *store.Write) error {
	r := w.Row
	identity, state := r.Sums()
	err := changed(tx.create.Exec(r.ID, r.ARN, r.Function, r.Version, r.Name, string(r.Status),
		int64(r.Started), int64(r.Closed), int64(r.Due), int64(r.Wanted), int64(r.Expires), int64(r.Doing), int64(r.Since), r.InputHash[:], identity, state))
	if err != nil {
		return err
	}
	sum := w.Entry.Sum(w.ID)
	err = changed(tx.start.Exec(w.ID, sum, blob(w.Entry.Data)))
	if errors.Is(err, store.ErrConflict) { // only remains of a deletion can be there
		if err = tx.restart(w.ID); err == nil {
			_, err = tx.start.Exec(w.ID, sum, blob(w.Entry.Data))
		}
	}
	return err
}

// changed turns a statement that found its place taken into ErrConflict.
func changed(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
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
