package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	driver "modernc.org/sqlite"

	"github.com/perdure/perdure/internal/core/store"
)

// The bounds of a group keep a transaction in memory and its first job's wait short; far smaller groups already pay
// for the disk.
const (
	maxGroupJobs  = 512
	maxGroupBytes = 8 << 20
)

// writer owns the connection that writes. Whoever has something to write and finds nobody writing leads: it writes its
// own job. Jobs that come meanwhile queue; the first of them leads next, and writes all.
type writer struct {
	*file
	log        *slog.Logger
	durability Durability
	db         *sql.DB
	conn       *sql.Conn
	status     driver.DBStatus // of conn
	tx         *transaction
	pages      int    // in the write-ahead log since SQLite's last checkpoint
	logSize    int64  // of its file, in bytes, when it was last looked at
	group      []*job // what is being written

	counters counters

	mu      sync.Mutex
	queue   []*job
	leading bool
	closed  bool
	idle    chan struct{} // closed when the writer is closed and nobody leads
}

// job is something to write. It is used again: see jobs.
type job struct {
	ctx    context.Context
	size   int                      // about how many bytes it writes
	writes []store.Write            // what it appends, or
	apply  func(*transaction) error // what it does
	err    error
	turn   chan turn // of a job that was not the first in the queue
}

// turn is what comes to a job in the queue.
type turn bool

const (
	over  turn = false // it was written: err is its outcome
	leads turn = true  // it writes itself, and the jobs behind it
)

// jobs are used again. Their channels are not: one that was made in a bubble of testing/synctest belongs to it.
var jobs = sync.Pool{New: func() any { return new(job) }}

func startWriter(ctx context.Context, file sqlite, log *slog.Logger) (*writer, error) {
	w := &writer{
		file: file.file, log: log, durability: file.durability, counters: newCounters(), idle: make(chan struct{}),
	}
	if err := w.connect(ctx, file); err != nil {
		w.disconnect()
		return nil, file.fault(err)
	}
	return w, nil
}

func (w *writer) connect(ctx context.Context, file sqlite) (err error) {
	if w.db, err = file.forWriting(ctx); err != nil {
		return err
	}
	if w.conn, err = w.db.Conn(ctx); err != nil {
		return err
	}
	var raw preparer
	err = w.conn.Raw(func(c any) error {
		// Nobody else ever has this connection, so its driver may be used past the end of Raw.
		w.status, raw = c.(driver.DBStatus), c.(preparer)
		return nil
	})
	if err != nil {
		return err
	}
	w.tx, err = newTransaction(ctx, w.conn, raw)
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

// commit appends writes, and returns as do does.
func (w *writer) commit(ctx context.Context, size int, writes []store.Write) error {
	j := jobs.Get().(*job)
	j.ctx, j.size, j.writes = ctx, size, writes
	return w.await(j)
}

// do applies a change, and returns when it is durable or failed, even if ctx ends before: another goroutine may be
// reading the caller's memory.
func (w *writer) do(ctx context.Context, size int, apply func(*transaction) error) error {
	j := jobs.Get().(*job)
	j.ctx, j.size, j.apply = ctx, size, apply
	return w.await(j)
}

func (w *writer) await(j *job) error {
	defer func() {
		*j = job{}
		jobs.Put(j)
	}()
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return store.ErrClosed
	}
	follows := w.leading
	if follows {
		j.turn = make(chan turn, 1)
	}
	w.queue = append(w.queue, j)
	w.leading = true
	w.mu.Unlock()
	if !follows || <-j.turn == leads {
		w.lead()
	}
	return j.err
}

// lead writes the caller's job, which is the first in the queue, and those behind it. Then the next one leads.
func (w *writer) lead() {
	var group []*job
	written := false
	defer func() {
		if !written { // something panicked: the others must not wait for ever, nor take theirs for written
			if group == nil {
				group = w.collect()
			}
			w.tx.rollback()
			w.settle(group, errPanicked)
		}
		w.passOn(group)
	}()
	w.trim()
	group = w.collect()
	began := time.Now()
	w.write(group)
	w.counters.commit.Since(began)
	w.counters.group.Observe(float64(len(group)))
	written = true
}

var errPanicked = errors.New("a bug: writing panicked")

// passOn tells the jobs of a group, but for the leader's, that they were written, and has the next one lead.
func (w *writer) passOn(group []*job) {
	for _, j := range group[1:] {
		j.turn <- over
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case len(w.queue) > 0:
		w.queue[0].turn <- leads
	default:
		w.leading = false
		if w.closed {
			close(w.idle)
		}
	}
}

// collect takes the next jobs from the queue.
func (w *writer) collect() []*job {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, size := 0, 0
	for n < min(len(w.queue), maxGroupJobs) && size < maxGroupBytes {
		size += w.queue[n].size
		n++
	}
	w.group = append(w.group[:0], w.queue[:n]...)
	w.queue = w.queue[:copy(w.queue, w.queue[n:])]
	return w.group
}

// write makes a group durable in one transaction. If a job spoils that, each gets a transaction of its own.
func (w *writer) write(group []*job) {
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
	if j.apply == nil {
		return tx.commit(j.writes)
	}
	return j.apply(tx)
}

// isAnswer reports whether err is a job's outcome that left the transaction intact.
func isAnswer(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded)
}

// trim keeps the write-ahead log short. It comes before a group, so that nobody waits for it who could have an answer.
// After a failure the log grows, and trim tries again later.
func (w *writer) trim() {
	written, _, err := w.status.Status(driver.DBStatusCacheWrite, true)
	w.pages += written
	if err == nil && w.pages < checkpointPages {
		w.stretch()
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

// zeros are what the log is stretched by.
var zeros [512 << 10]byte

// stretch makes the log longer when the last commit did: to flush a block that the file has already takes half as long
// as to flush one by which it grows, because the file system need not write down its new length. SQLite takes zeros
// for the end of the log. It is never needed, so errors do not matter: the log stays as it is.
func (w *writer) stretch() {
	if w.durability != Power { // no commit waits for a flush
		return
	}
	path := w.path + "-wal"
	info, err := os.Stat(path)
	if err != nil || info.Size() == w.logSize {
		return
	}
	w.logSize = info.Size()
	log, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0) // behind whatever is there, should anybody else write
	if err != nil {
		return
	}
	defer log.Close()
	n, _ := log.Write(zeros[:])
	w.logSize += int64(n)
}

// close lets the jobs in the queue finish, and empties the log.
func (w *writer) close() error {
	w.mu.Lock()
	w.closed = true
	if !w.leading {
		close(w.idle)
	}
	w.mu.Unlock()
	<-w.idle
	if _, err := checkpoint(w.conn, "TRUNCATE"); err != nil {
		w.log.Warn("the write-ahead log stays beside the database", "error", w.fault(err))
	}
	return w.disconnect()
}
