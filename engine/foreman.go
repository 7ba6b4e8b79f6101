package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// A job goes on in chunks of executions. A chunk is written with the executions that it has before anything is done to
// them, and again with their results. So a job whose engine died begins with the one chunk that has no results, and
// each act of it bears the job's id: an execution that was acted on knows that, and answers as if it were the first
// time.
//
// In a fleet the node that leads does the jobs. A node that does not know yet that it leads no longer does the same as
// the one that follows it, and the executions keep either from acting twice.

const (
	chunkLength = 100 // executions
	workersEach = 16  // acts of one job at one time
	jobsAtOnce  = 8
	lookEvery   = 2 * time.Second // in a fleet, for jobs of other nodes
	actTries    = 3
	// settling is how long after its start an engine may not have all its functions yet.
	settling = time.Minute
)

// chunkDocument is a chunk of executions; before they were acted on, without outcomes.
type chunkDocument struct {
	Results []JobResult
	Next    string // marker of the page behind them
	Acted   bool
}

func chunkKey(id string, n int) string { return fmt.Sprintf("%s/%08d", id, n) }

func (j *Jobs) chunk(ctx context.Context, id string, n int) (*chunkDocument, error) {
	data, err := j.store.Document(ctx, store.JobResultKind, chunkKey(id, n))
	if err != nil {
		return nil, err
	}
	c := &chunkDocument{}
	return c, json.Unmarshal(data, c)
}

func (j *Jobs) putChunk(ctx context.Context, id string, n int, c *chunkDocument) error {
	return j.store.PutDocument(ctx, store.JobResultKind, chunkKey(id, n), encodeDocument(c))
}

// foreman does the jobs, if it is this node's turn.
type foreman struct {
	*life
	jobs  *Jobs
	fleet *membership
	wake  chan struct{}
	began time.Time

	mu         sync.Mutex
	working    map[string]context.CancelFunc // by the job's id; ends it because somebody canceled it
	forgetting bool                          // one that has ended is being deleted
}

// look makes the foreman look at the jobs now.
func (f *foreman) look() { nudge(f.wake) }

// run does jobs until the engine closes.
func (f *foreman) run() {
	every := idle
	if !f.fleet.alone() {
		every = lookEvery
	}
	for !f.closing() {
		if f.fleet.leading() {
			if err := f.takeUp(); err != nil && !f.closing() {
				f.log.Error("jobs could not be read; trying again", "error", err)
				pause(f.ctx, retryDelay, nil)
				continue
			}
		}
		pause(f.ctx, every, f.wake)
	}
}

// takeUp begins the jobs that have not ended, ends those that somebody canceled, and forgets the oldest that have
// ended, if there are too many.
func (f *foreman) takeUp() error {
	f.mu.Lock() // so that none ends unnoticed after it was read
	defer f.mu.Unlock()
	all, err := f.jobs.read(f.ctx)
	if err != nil {
		return err
	}
	for i := range all {
		one := all[len(all)-1-i] // the oldest first
		cancel, isWorking := f.working[one.id]
		switch {
		case one.ended():
			if len(all)-i > MaxJobs && !f.forgetting {
				f.forget(one)
			}
		case isWorking && one.cancel:
			cancel()
		case !isWorking && (one.cancel || len(f.working) < jobsAtOnce): // one that is canceled ends at once
			f.begin(one)
		}
	}
	return nil
}

// forget deletes a job that has ended, which takes as long as it has results. f.mu is held.
func (f *foreman) forget(one *jobState) {
	f.forgetting = true
	f.work.Go(func() {
		ctx := f.fleet.serving()
		err := f.jobs.delete(ctx, one)
		f.mu.Lock()
		f.forgetting = false
		f.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			f.log.Warn("a job that has ended is not forgotten yet; trying again", "job", one.id, "error", err)
			pause(f.ctx, retryDelay, nil)
		}
		f.look() // at the next one
	})
}

// begin sets a job to work. f.mu is held.
func (f *foreman) begin(one *jobState) {
	canceled, cancel := context.WithCancel(context.Background())
	if one.cancel {
		cancel()
	}
	f.working[one.id] = cancel
	f.work.Go(func() {
		ctx := f.fleet.serving()
		w := &jobWorker{foreman: f, jobState: one, canceled: canceled}
		err := w.work(ctx)
		cancel()
		f.mu.Lock()
		delete(f.working, one.id)
		f.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			f.log.Error("a job broke off; trying again", "job", one.id, "error", err)
			pause(f.ctx, retryDelay, nil)
		}
		f.look() // at the ones that wait
	})
}

// jobWorker does one job.
type jobWorker struct {
	*foreman
	*jobState
	canceled context.Context
	next     time.Time // when the rate lets the next act begin
}

// work does chunk after chunk until the job has ended, which it records.
func (w *jobWorker) work(ctx context.Context) error {
	for w.canceled.Err() == nil {
		chunk, err := w.nextChunk(ctx)
		if refusal, ok := errors.AsType[*protocol.Error](err); ok { // of the filter: it has become wrong
			w.progress.Fault = refusal.Message
			break
		}
		switch {
		case err != nil:
			return err
		case chunk == nil:
			return w.end(ctx)
		}
		if !chunk.Acted {
			w.actOn(ctx, chunk)
			if ctx.Err() != nil {
				return ctx.Err() // some have no result, so the chunk is begun again
			}
			chunk.Acted = true
			if err := w.jobs.putChunk(ctx, w.id, w.progress.Chunks+1, chunk); err != nil {
				return err
			}
		}
		w.count(chunk)
		if err := w.save(ctx); err != nil {
			return err
		}
	}
	w.progress.Canceled = w.canceled.Err() != nil
	return w.end(ctx)
}

func (w *jobWorker) end(ctx context.Context) error {
	w.progress.Ended = w.now()
	if err := w.save(ctx); err != nil {
		w.progress.Ended = 0
		return err
	}
	w.log.Info("a job has ended", "job", w.id, "action", w.Action, "done", w.progress.Done,
		"refused", w.progress.Refused, "failed", w.progress.Failed, "canceled", w.progress.Canceled)
	return nil
}

func (w *jobWorker) save(ctx context.Context) error {
	return w.jobs.store.PutDocument(ctx, store.JobKind, w.id+progressSuffix, encodeDocument(&w.progress))
}

// nextChunk returns the chunk behind those that are counted, which an earlier engine may have begun; nil is the end.
func (w *jobWorker) nextChunk(ctx context.Context) (*chunkDocument, error) {
	n := w.progress.Chunks + 1
	chunk, err := w.jobs.chunk(ctx, w.id, n)
	if !errors.Is(err, store.ErrNotFound) {
		return chunk, err
	}
	if w.Chunks > 0 || n > 1 && w.progress.Next == "" {
		return nil, nil
	}
	length := chunkLength
	if w.Rate > 0 {
		length = min(length, 1+int(w.Rate)) // so that progress is told every second
	}
	items, next, err := w.oldest(ctx, length)
	if err != nil || len(items) == 0 {
		return nil, err
	}
	chunk = &chunkDocument{Next: next}
	for _, item := range items {
		chunk.Results = append(chunk.Results, JobResult{ARN: item.ARN})
	}
	data, err := w.jobs.store.EnsureDocument(ctx, store.JobResultKind, chunkKey(w.id, n), encodeDocument(chunk))
	if err != nil {
		return nil, err
	}
	chunk = &chunkDocument{}
	return chunk, json.Unmarshal(data, chunk)
}

// count adds what came of a chunk.
func (w *jobWorker) count(chunk *chunkDocument) {
	p := &w.progress
	p.Chunks, p.Next = p.Chunks+1, chunk.Next
	for _, r := range chunk.Results {
		switch r.Outcome {
		case JobDone:
			p.Done++
		case JobRefused:
			p.Refused++
		default:
			p.Failed++
		}
	}
}

// actOn acts on the executions of a chunk, a few at one time, and notes what came of each. Those that were not begun
// when somebody canceled the job are left out.
func (w *jobWorker) actOn(ctx context.Context, chunk *chunkDocument) {
	var all sync.WaitGroup
	places := make(chan struct{}, workersEach)
	begun := 0
	for i := range chunk.Results {
		if !w.await(ctx) {
			break
		}
		begun++
		places <- struct{}{}
		all.Go(func() {
			w.actOnOne(ctx, &chunk.Results[i])
			<-places
		})
	}
	all.Wait()
	chunk.Results = chunk.Results[:begun]
}

// await returns when the rate lets another act begin, and reports whether it may.
func (w *jobWorker) await(ctx context.Context) bool {
	if w.Rate > 0 {
		now := time.Now()
		if w.next.Before(now) {
			w.next = now
		}
		wait := w.next.Sub(now)
		w.next = w.next.Add(time.Duration(float64(time.Second) / w.Rate))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		case <-w.canceled.Done():
		}
	}
	return ctx.Err() == nil && w.canceled.Err() == nil
}

// actOnOne acts on one execution. A fault may be over in a moment, and an act that happened all the same does not
// happen again.
func (w *jobWorker) actOnOne(ctx context.Context, r *JobResult) {
	for try := 1; ctx.Err() == nil; try++ {
		newARN, err := w.jobs.act(ctx, w.id, &w.jobDocument, r.ARN)
		refusal, refused := errors.AsType[*protocol.Error](err)
		switch {
		case err == nil:
			r.Outcome, r.NewARN = JobDone, newARN
		case refused && w.isEarly(refusal):
			pause(ctx, retryDelay, nil)
			continue
		case refused:
			r.Outcome, r.Message = JobRefused, protocol.Clip(refusal.Message, maxReason)
		case try < actTries && !w.hopeless(r.ARN, err):
			pause(ctx, retryDelay, nil)
			continue
		default:
			r.Outcome, r.Message = JobFailed, protocol.Clip(err.Error(), maxReason)
		}
		return
	}
}

// isEarly reports whether an execution was refused because its function may not be registered yet.
func (w *jobWorker) isEarly(refusal *protocol.Error) bool {
	return w.Action == JobRedrive && refusal.Code == protocol.CodeNotFound && time.Since(w.began) < settling
}

// oldest lists at most n executions behind those that are counted. Without any there are no more.
func (w *jobWorker) oldest(ctx context.Context, n int) (items []Summary, next string, err error) {
	next = w.progress.Next
	for {
		items, next, err = w.jobs.engine.List(ctx, &ListRequest{
			Filter: w.Selects, OldestFirst: true, Marker: next, MaxItems: n,
		})
		items = slices.DeleteFunc(items, w.endedLater)
		if len(items) > 0 || next == "" || err != nil {
			return items, next, err
		}
	}
}

// endedLater reports whether a job is about executions that have ended, and this one had not when somebody agreed to
// the job: it was not one of those.
func (w *jobWorker) endedLater(s Summary) bool {
	return s.Closed > w.At && !slices.ContainsFunc(w.Selects.Statuses, func(status protocol.ExecutionStatus) bool {
		return !status.Closed()
	})
}
