package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
)

// Bounds for one transaction that removes parts of a journal. Others wait for it, and the write-ahead log keeps a
// copy of every page that it touches.
const (
	maxCutEntries = 500
	maxCutBytes   = 4 << 20
)

// An execution is gone once its row and the end of its journal are: without the row nobody finds the rest, and
// without the end nothing can be appended. The rest of a long journal is removed bit by bit, from the end; a line
// in deletions remembers it until nothing is left, also for the next store that opens the database.
const (
	sqlDelete     = `DELETE FROM executions WHERE id = $1`
	sqlUntag      = `DELETE FROM tags WHERE execution = $1`
	sqlTail       = `SELECT seq, length(data) FROM journal WHERE id = $1 ORDER BY seq DESC LIMIT $2`
	sqlCut        = `DELETE FROM journal WHERE id = $1 AND seq >= $2`
	sqlDelay      = `INSERT INTO deletions (id) VALUES ($1) ON CONFLICT DO NOTHING`
	sqlDelayed    = `SELECT id FROM deletions LIMIT 1`
	sqlDelayOver  = `DELETE FROM deletions WHERE id = $1`
	sqlStartAgain = `DELETE FROM journal WHERE id = $1 AND EXISTS (SELECT 1 FROM deletions WHERE id = $1)`
)

// deleteStatements belong to the writer.
type deleteStatements struct {
	row, calls, tags, tail, cut, delay, delayed, delayOver, startAgain *sql.Stmt
}

func (d *deleteStatements) prepare(ctx context.Context, s *statements) {
	d.row, d.tail, d.cut = s.of(ctx, sqlDelete), s.of(ctx, sqlTail), s.of(ctx, sqlCut)
	d.delay, d.delayed, d.delayOver = s.of(ctx, sqlDelay), s.of(ctx, sqlDelayed), s.of(ctx, sqlDelayOver)
	d.startAgain, d.calls, d.tags = s.of(ctx, sqlStartAgain), s.of(ctx, sqlCallsOver), s.of(ctx, sqlUntag)
}

// Delete implements [store.Store]. The execution is gone for everybody when it returns; the background removes the
// rest of a long journal.
func (s *Store) Delete(ctx context.Context, id string) error {
	if err := s.deleteLog(ctx, id); err != nil {
		return err
	}
	var left bool
	err := s.writer.do(ctx, 0, func(tx *transaction) (err error) {
		left, err = tx.delete(id)
		return err
	})
	if left && err == nil {
		s.purger.nudge()
	}
	return err
}

func (tx *transaction) delete(id string) (left bool, err error) {
	for _, stmt := range []*sql.Stmt{tx.deletes.row, tx.deletes.calls, tx.deletes.tags} {
		if _, err := stmt.Exec(id); err != nil {
			return false, err
		}
	}
	if left, err = tx.cut(id); left && err == nil {
		_, err = tx.deletes.delay.Exec(id)
	}
	return left, err
}

// cut removes the end of a journal and reports whether something is left.
func (tx *transaction) cut(id string) (left bool, err error) {
	from, err := tx.lastEntries(id)
	if from == 0 || err != nil {
		return false, err
	}
	_, err = tx.deletes.cut.Exec(id, from)
	return from > 1, err
}

// lastEntries returns the number of the first entry that one transaction may remove with all after it; zero if
// there is none.
func (tx *transaction) lastEntries(id string) (from int64, err error) {
	rows, err := tx.deletes.tail.Query(id, maxCutEntries)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for size := 0; size < maxCutBytes && rows.Next(); {
		var bytes int
		if err := rows.Scan(&from, &bytes); err != nil {
			return 0, err
		}
		size += bytes
	}
	return from, rows.Err()
}

// purge removes a part of what deletions left, and reports whether there is more.
func (tx *transaction) purge() (more bool, err error) {
	var id string
	err = tx.deletes.delayed.QueryRow().Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	left, err := tx.cut(id)
	if err == nil && !left {
		_, err = tx.deletes.delayOver.Exec(id)
	}
	return true, err
}

// restart makes room for an execution that has the id of a deleted one.
func (tx *transaction) restart(id string) error {
	if _, err := tx.deletes.startAgain.Exec(id); err != nil {
		return err
	}
	_, err := tx.deletes.delayOver.Exec(id)
	return err
}

// purger removes the remains of deletions in the background.
type purger struct {
	wake chan struct{}
	stop context.CancelFunc
	done chan struct{}
}

// startPurger begins with the remains that the store before left.
func startPurger(w *writer, log *slog.Logger) *purger {
	ctx, cancel := context.WithCancel(context.Background())
	p := &purger{wake: make(chan struct{}, 1), stop: cancel, done: make(chan struct{})}
	go p.run(ctx, w, log)
	p.nudge()
	return p
}

func (p *purger) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *purger) run(ctx context.Context, w *writer, log *slog.Logger) {
	defer close(p.done)
	for {
		select {
		case <-p.wake:
		case <-ctx.Done():
			return
		}
		for more := true; more && ctx.Err() == nil; {
			err := w.do(ctx, maxCutBytes, func(tx *transaction) (err error) {
				more, err = tx.purge()
				return err
			})
			if err != nil && ctx.Err() == nil {
				log.Warn("what is left of a deleted execution was not removed; trying again with the next one",
					"error", err)
				break
			}
		}
	}
}

// close returns when the purger has stopped writing.
func (p *purger) close() {
	p.stop()
	<-p.done
}
