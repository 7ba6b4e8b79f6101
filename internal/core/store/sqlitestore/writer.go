package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/core/store"
)

// The bounds of a group keep a transaction in memory and its first job's wait short; far smaller groups already pay
// for the disk.
const (
	maxGroupJobs  = 512
	maxGroupBytes = 8 << 20
)

// writer owns the connection that writes.
type writer struct {
	*file
	log   *slog.Logger
	db    *sql.DB
	conn  *sql.Conn
	tx    *transaction
	pages int // in the write-ahead log since SQLite's last checkpoint

	counters counters

	mu     sync.RWMutex // held for reading by those who send
	closed bool
	jobs   chan *job
	done   chan struct{} // closed when run has returned
}

type job struct {
	ctx    context.Context
	size   int // about how many bytes it writes
	apply  func(*transaction) error
	err    error
	answer chan error
}

func startWriter(ctx context.Context, file sqlite, log *slog.Logger) (*writer, error) {
	w := &writer{
		file: file.file, log: log,
		counters: newCounters(), jobs: make(chan *job, maxGroupJobs), done: make(chan struct{}),
	}
	if err := w.connect(ctx, file); err != nil {
		w.disconnect()
		return nil, file.fault(err)
	}
	go w.run()
	return w, nil
}

func (w *writer) connect(ctx context.Context, file sqlite) (err error) {
	if w.db, err = file.forWriting(ctx); err != nil {
		return err
	}
	if w.conn, err = w.db.Conn(ctx); err != nil {
		return err
	}
	w.tx, err = newTransaction(ctx, w.conn)
	return err
}

// disconnect undoes connect, as far as that came.
func (w *writer) disconnect() error {
	var errs []error
	if w.tx != nil {
		w.tx.close()
	}
	if w.conn != nil {
		errs = append(errs, w.conn.Close())
	}
	if w.db != nil {
		errs = append(errs, w.db.Close())
	}
	return errors.Join(errs...)
}

// do has the writer apply a change, and returns when it is durable or failed, even if ctx ends before: the writer
// may be reading the caller's memory.
func (w *writer) do(ctx context.Context, size int, apply func(*transaction) error) error {
	j := &job{ctx: ctx, size: size, apply: apply, answer: make(chan error, 1)}
	if err := w.send(j); err != nil {
		return err
	}
	return <-j.answer
}

func (w *writer) send(j *job) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return store.ErrClosed
	}
	w.jobs <- j
	return nil
}

func (w *writer) run() {
	defer close(w.done)
	for first := range w.jobs {
		group := w.collect(first)
		began := time.Now()
		w.commit(group)
		w.counters.commit.Since(began)
		w.counters.group.Observe(float64(len(group)))
		for _, j := range group {
			j.answer <- j.err
		}
		w.trim()
	}
}

// collect returns first and the jobs that have queued behind it.
func (w *writer) collect(first *job) []*job {
	group, size := []*job{first}, first.size
	for len(group) < maxGroupJobs && size < maxGroupBytes {
		select {
		case j, open := <-w.jobs:
			if !open {
				return group
			}
			group = append(group, j)
			size += j.size
		default:
			return group
		}
	}
	return group
}

// commit makes a group durable in one transaction. If a job spoils that, each gets a transaction of its own.
func (w *writer) commit(group []*job) {
	err := w.transact(group)
	if _, spoilt := errors.AsType[spoiltError](err); !spoilt || len(group) == 1 {
		w.settle(group, err)
		return
	}
	for i := range group {
		alone := group[i : i+1]
		w.settle(alone, w.transact(alone))
	}
}

// settle tells the jobs that their transaction failed, if it did.
func (w *writer) settle(group []*job, err error) {
	if err == nil {
		return
	}
	for _, j := range group {
		j.err = w.fault(err)
	}
}

// spoiltError is the failure of a transaction that kept nothing, and whose other jobs may succeed without the one
// that spoilt it.
type spoiltError struct{ error }

func (e spoiltError) Unwrap() error { return e.error }

// transact sets the outcome of each job, unless the whole transaction fails.
func (w *writer) transact(group []*job) error {
	if err := w.tx.begin(); err != nil {
		w.tx.rollback()
		return err
	}
	for _, j := range group {
		if j.err = j.run(w.tx); j.err != nil && !isAnswer(j.err) {
			w.tx.rollback()
			return spoiltError{j.err}
		}
	}
	if err := w.tx.end(); err != nil {
		w.tx.rollback()
		if isFull(err) {
			return spoiltError{err}
		}
		return err
	}
	return nil
}

func (j *job) run(tx *transaction) error {
	if err := j.ctx.Err(); err != nil {
		return err
	}
	return j.apply(tx)
}

// isAnswer reports whether err is a job's outcome that left the transaction intact.
func isAnswer(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// trim keeps the write-ahead log short. Only the next group waits for it. After a failure the log grows, and trim
// tries again later.
func (w *writer) trim() {
	written, err := pagesWritten(w.conn)
	w.pages += written
	if err == nil && w.pages < checkpointPages {
		return
	}
	w.pages = 0
	length, err := checkpoint(w.conn, "PASSIVE")
	if err == nil && length > tooManyPages {
		_, err = checkpoint(w.conn, "TRUNCATE")
	}
	if err != nil {
		w.log.Warn("the write-ahead log was not copied into the database", "error", w.fault(err))
	}
}

// close lets the sent jobs finish, and empties the log.
func (w *writer) close() error {
	w.mu.Lock()
	w.closed = true
	close(w.jobs)
	w.mu.Unlock()
	<-w.done
	if _, err := checkpoint(w.conn, "TRUNCATE"); err != nil {
		w.log.Warn("the write-ahead log stays beside the database", "error", w.fault(err))
	}
	return w.disconnect()
}
