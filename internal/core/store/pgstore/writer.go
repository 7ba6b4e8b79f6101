package pgstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/observe/metrics"
)

// The bounds of a group keep a statement small and its first job's wait short.
const (
	maxGroupJobs  = 512
	maxGroupBytes = 8 << 20
)

// flushes is how many groups may be on their way at one time. With two, the next group is in the server while the first
// waits for the disk.
const flushes = 2

// writer commits. Whoever has something to write and finds fewer than flushes others writing leads: it writes its own
// job. Jobs that come meanwhile queue; the first of them leads next, and writes all.
type writer struct {
	db                *connections
	durations, groups *metrics.Histogram

	mu      sync.Mutex
	queue   []*job
	leading int
	closed  bool
	idle    chan struct{} // closed when the writer is closed and nobody leads
}

// job is something to commit.
type job struct {
	ctx     context.Context
	changes []change
	size    int // in bytes
	err     error
	turn    chan []*job // what it leads, itself at first; nothing once it was written by another
}

func newWriter(db *connections) *writer {
	return &writer{
		db: db, idle: make(chan struct{}), durations: metrics.NewHistogram(metrics.Seconds),
		groups: metrics.NewHistogram([]float64{1, 2, 4, 8, 16, 32, 64, 128, 256}),
	}
}

// waiting is how many jobs wait for others to write.
func (w *writer) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue)
}

// commit appends writes, and returns when they are durable or failed, even if ctx ends before, unless they were still
// in the queue.
func (w *writer) commit(ctx context.Context, writes []store.Write) error {
	changes, err := changesOf(writes)
	if err = errors.Join(ctx.Err(), err); err != nil {
		return err
	}
	j := &job{ctx: ctx, changes: changes}
	for i := range writes {
		j.size += len(writes[i].Entry.Data)
	}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return store.ErrClosed
	}
	if len(changes) == 0 {
		w.mu.Unlock()
		return nil
	}
	if w.leading < flushes {
		w.leading++
		group := w.groupLocked(j)
		w.mu.Unlock()
		w.lead(group)
		return j.err
	}
	j.turn = make(chan []*job, 1)
	w.queue = append(w.queue, j)
	w.mu.Unlock()
	return w.await(j)
}

// await waits for the turn of a job in the queue.
func (w *writer) await(j *job) error {
	select {
	case group := <-j.turn:
		w.lead(group)
		return j.err
	case <-j.ctx.Done():
	}
	w.mu.Lock()
	i := slices.Index(w.queue, j)
	if i >= 0 {
		w.queue = slices.Delete(w.queue, i, i+1)
	}
	w.mu.Unlock()
	if i >= 0 {
		return j.ctx.Err()
	}
	w.lead(<-j.turn)
	return j.err
}

// lead writes a group, and has the next job in the queue lead. Nothing is written for a job that another led.
func (w *writer) lead(group []*job) {
	if len(group) == 0 {
		return
	}
	written := false
	defer func() {
		if !written { // something panicked: the others must not wait for ever, nor take theirs for written
			for _, j := range group {
				j.err = errPanicked
			}
		}
		w.passOn(group)
	}()
	began := time.Now()
	w.write(group)
	w.durations.Since(began)
	w.groups.Observe(float64(len(group)))
	written = true
}

var errPanicked = errors.New("a bug: writing panicked")

// passOn tells the jobs of a group, but for the leader's, that they were written, and has the next one lead.
func (w *writer) passOn(group []*job) {
	for _, j := range group[1:] {
		j.turn <- nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) > 0 {
		next := w.queue[0]
		w.queue = slices.Delete(w.queue, 0, 1)
		next.turn <- w.groupLocked(next)
		return
	}
	w.leading--
	if w.closed && w.leading == 0 {
		close(w.idle)
	}
}

// groupLocked returns a job with others from the queue that can be written along with it: two jobs about one execution
// cannot, as the second may follow the first. w.mu is held.
func (w *writer) groupLocked(first *job) []*job {
	group, size := []*job{first}, first.size
	seen := map[string]bool{}
	note := func(j *job) (isNew bool) {
		for i := range j.changes {
			if seen[j.changes[i].id] {
				return false
			}
		}
		for i := range j.changes {
			seen[j.changes[i].id] = true
		}
		return true
	}
	note(first)
	w.queue = slices.DeleteFunc(w.queue, func(j *job) bool {
		if len(group) >= maxGroupJobs || size >= maxGroupBytes || !note(j) {
			return false
		}
		group, size = append(group, j), size+j.size
		return true
	})
	return group
}

// write makes a group durable in one transaction. If that keeps nothing because of one job, or of a race with another
// node, each job gets a transaction of its own.
func (w *writer) write(group []*job) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := w.db.transact(ctx, group, false)
	if w.db.renew(err) && mayTryAgain(err) { // nothing was sent
		err = w.db.transact(ctx, group, false)
	}
	if err != nil && spoilt(err) {
		for i := range group {
			group[i].err = w.alone(ctx, group[i:i+1])
		}
		return
	}
	for _, j := range group {
		j.err = cmp.Or(w.db.fault(context.Background(), err), j.err)
	}
}

// alone writes one job, again while it loses races that leave nothing behind.
func (w *writer) alone(ctx context.Context, j []*job) error {
	for try := 1; ; try++ {
		err := w.db.transact(ctx, j, try > 1)
		switch {
		case err == nil:
			return j[0].err
		case code(err) == noRow:
			return errors.New("execution " + j[0].changes[0].id + " has a journal but no row")
		case try == maxTries || !mayTryAgain(err) || ctx.Err() != nil:
			return w.db.fault(context.Background(), err)
		}
	}
}

// close lets the jobs in the queue finish.
func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	if w.leading == 0 {
		close(w.idle)
	}
	w.mu.Unlock()
	<-w.idle
}
